import { EventEmitter, once } from 'node:events';
import type { RunState } from '@sandpiper/contracts';
import { redisSettings, type ReplicationOptions } from '@sandpiper/store';
import { createLogger, createNodeMetrics, type NodeMetrics } from '@sandpiper/telemetry';
import { Processes, type RedisVariables } from '@sandpiper/testkit';
import { expect, vi } from 'vitest';
import { WorkerNode } from '../src/index.js';
import { fakeCells } from './fake-cell.js';

export const patience = { timeout: 60_000, interval: 50 };

const SCHEDULER = {
  SANDPIPER_REDIS_TIMEOUT_MS: '1000',
  SANDPIPER_CALLBACK_SECRET: 'a-secret-of-the-service-for-tests-0123456789',
  SANDPIPER_CALLBACK_ALLOW: '127.0.0.1',
  SANDPIPER_CALLBACK_BACK_OFF_MS: '50',
};

/** What a request answers; null when the server cannot serve it now. */
type Served = { readonly status: number; readonly body: unknown };

/**
 * A scheduler (the real process) and a node (in this one) on the same Redis. A program that begins with
 * `hold` runs until it is released or cancelled, every other ends at once.
 */
export class TopologyBench {
  private node: WorkerNode | null = null;

  /** Attempts of the node that are under way, also those whose result waits for replicas. */
  get attempts(): number {
    return (Reflect.get(this.node ?? {}, 'attempts') as { readonly count: number }).count;
  }
  private readonly released = new Set<string>();
  private readonly releases = new EventEmitter();

  private constructor(
    private readonly processes: Processes,
    private readonly url: string,
    /** Of the node. */
    readonly nodeMetrics: NodeMetrics,
  ) {}

  static async start(
    variables: RedisVariables,
    replication: ReplicationOptions = { replicas: 0, timeoutMs: 1_000 },
  ): Promise<TopologyBench> {
    const processes = new Processes({ variables });
    const { url } = await processes.scheduler({
      ...SCHEDULER,
      SANDPIPER_REDIS_WAIT_REPLICAS: String(replication.replicas),
      SANDPIPER_REDIS_WAIT_MS: String(replication.timeoutMs),
    });
    const metrics = createNodeMetrics('n1');
    const bench = new TopologyBench(processes, url, metrics);
    const cells = fakeCells(async (source) => {
      while (source.startsWith('hold') && !bench.released.has(source)) await once(bench.releases, source);
      return 'ok' as const;
    });
    bench.node = await WorkerNode.start({
      ...cells,
      name: 'n1',
      redis: redisSettings(variables),
      cpus: [null, null],
      replication,
      metrics,
      log: createLogger({ service: 'test', level: 'silent' }),
      graceMs: 0,
      leaseMs: 2_000,
    });
    await vi.waitFor(() => expect(bench.node?.ready).toBe(true), patience);
    return bench;
  }

  /** Lets a program end that holds, in whichever attempt. */
  release(source: string): void {
    this.released.add(source);
    this.releases.emit(source);
  }

  async request(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<Served> {
    const reply = await fetch(`${this.url}${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    return { status: reply.status, body: await reply.json() };
  }

  /** Of the scheduler. */
  async metrics(): Promise<string> {
    return (await fetch(`${this.url}/metrics`)).text();
  }

  async submit(source: string): Promise<string> {
    const { status, body } = await this.request('POST', '/v1/runs', { source });
    expect(status).toBe(202);
    return (body as { id: string }).id;
  }

  /**
   * As a client that does not give up: the same request under the same key until it is accepted.
   * @returns the run's id, and every status that it was answered with on the way.
   */
  async insist(source: string, idempotencyKey: string): Promise<{ id: string; statuses: number[] }> {
    const statuses: number[] = [];
    const id = await vi.waitFor(async () => {
      const { status, body } = await this.request('POST', '/v1/runs', { source, idempotencyKey });
      statuses.push(status);
      if (status !== 202) throw new Error(`answered with ${status}`);
      return (body as { id: string }).id;
    }, patience);
    return { id, statuses };
  }

  /** The run when it has ended, with a wait that an event ends; asked again while Redis is away. */
  ended(id: string): Promise<RunState> {
    return vi.waitFor(async () => {
      const { status, body } = await this.request('GET', `/v1/runs/${id}?wait=30`);
      if (status !== 200) throw new Error(`answered with ${status}`);
      const run = body as RunState;
      if (run.state !== 'done') throw new Error(`${id} is ${run.state}`);
      return run;
    }, patience);
  }

  becomesRunning(id: string): Promise<void> {
    return vi.waitFor(async () => {
      expect((await this.request('GET', `/v1/runs/${id}`)).body).toMatchObject({ state: 'running' });
    }, patience);
  }

  async stop(): Promise<void> {
    await this.node?.drain();
    await this.processes.kill();
  }
}
