import { type Engine, RUN_QUEUE, type RunJob } from '@sandpiper/contracts';
import {
  connectPatient,
  LiveHints,
  LiveStore,
  NodeRegistry,
  QUEUE_PREFIX,
  type Retention,
  RunStore,
  subscribeCancel,
  UNLIMITED,
} from '@sandpiper/store';
import type { Logger, NodeMetrics } from '@sandpiper/telemetry';
import { WaitingError, Worker, type Job } from 'bullmq';
import type { Redis } from 'ioredis';
import type { CellFactory } from './cell-like.js';
import { CellPool } from './cell-pool.js';
import { LiveRuns } from './live-run.js';
import { NodeReporter } from './node-reporter.js';
import { RunProcessor } from './run-processor.js';

export interface NodeOptions {
  readonly name: string;
  readonly redis: string;
  readonly cpus: readonly (number | null)[];
  readonly factory: CellFactory;
  readonly metrics: NodeMetrics;
  readonly log: Logger;
  readonly graceMs: number;
  readonly retention?: Partial<Retention>;
  readonly engines?: readonly Engine[];
  /** What it does without, for people. */
  readonly warnings?: () => readonly string[];
  /** How long a run stays ours without a sign of life, milliseconds; the queue then gives it to another node. */
  readonly lockMs?: number;
  readonly stalledIntervalMs?: number;
  readonly firstBackOffMs?: number;
  /** How long a live run waits for input while nobody is there who could give it some, milliseconds. */
  readonly orphanMs?: number;
}

/** How long a run stays a node's without a sign of life, milliseconds. */
const DEFAULT_LOCK_MS = 10_000;

/** After the grace, what is handed back is to be handed back within this time, milliseconds. */
const HAND_BACK_MS = 5_000;

/** A worker node: consumer, cells, cancel channel. One per process. */
export class WorkerNode {
  private readonly connections: { commands: Redis; blocking: Redis; subscriber: Redis };
  private readonly pool: CellPool;
  private readonly processor: RunProcessor;
  private readonly consumer: Worker<RunJob>;
  private readonly reporter: NodeReporter;
  private draining = false;
  private stopped: Promise<void> | null = null;

  private constructor(private readonly options: NodeOptions) {
    const { name, redis, metrics, log, cpus } = options;
    const connect = (): Redis => quiet(connectPatient(redis), log);
    this.connections = { commands: connect(), blocking: connect(), subscriber: connect() };
    const store = new RunStore(this.connections.commands, options.retention);
    this.pool = new CellPool({
      node: name,
      cpus,
      factory: options.factory,
      log,
      onChange: () => this.cellsChanged(),
      onRestart: () => metrics.cellRestarts.inc(),
      ...(options.firstBackOffMs === undefined ? {} : { firstBackOffMs: options.firstBackOffMs }),
    });
    const live = new LiveRuns({
      store: new LiveStore(this.connections.commands),
      hints: new LiveHints(this.connections.subscriber),
      log,
      ...(options.orphanMs === undefined ? {} : { orphanMs: options.orphanMs }),
    });
    this.processor = new RunProcessor({ node: name, store, pool: this.pool, live, metrics, log });
    this.consumer = this.makeConsumer();
    this.reporter = new NodeReporter({
      registry: new NodeRegistry(this.connections.commands),
      name,
      leaseMs: options.lockMs ?? DEFAULT_LOCK_MS,
      engines: options.engines ?? ['seccomp'],
      state: () => (this.draining ? 'draining' : this.ready ? 'ready' : 'not-ready'),
      cells: () => this.pool.view(),
      warnings: options.warnings ?? (() => []),
      up: () => this.redisUp,
    });
    subscribeCancel(
      this.connections.subscriber,
      (id) => this.processor.cancel(id),
      () => void this.processor.rereadCancels().catch(() => undefined),
    );
  }

  /** Starts the cells, then takes runs. Redis need not be there yet. */
  static async start(options: NodeOptions): Promise<WorkerNode> {
    const node = new WorkerNode(options);
    await node.pool.start();
    node.showState();
    node.reporter.start();
    if (!node.draining) {
      node.consumer.run().catch((error: unknown) => options.log.error({ err: error }, 'the consumer ended'));
    }
    return node;
  }

  /** Takes runs: Redis is there, a cell is alive, nobody asked us to leave. */
  get ready(): boolean {
    return !this.draining && this.redisUp && this.pool.alive > 0;
  }

  get redisUp(): boolean {
    return this.connections.commands.status === 'ready';
  }

  /** Brings the gauges up to date; called before each scrape. */
  showState(): void {
    const { metrics } = this.options;
    for (const state of ['starting', 'idle', 'busy', 'failed'] as const) {
      metrics.cells.set({ state }, this.pool.count(state));
    }
    metrics.ready.set(this.ready ? 1 : 0);
    metrics.redisUp.set(this.redisUp ? 1 : 0);
  }

  /** Readiness goes first; no new runs; those that run get the grace, then go back to the queue; cells are closed. */
  drain(): Promise<void> {
    this.stopped ??= this.stop(this.options.graceMs);
    return this.stopped;
  }

  /** As kill -9 would leave it, but without a process left: says nothing to the queue, which notices by itself. */
  async abandon(): Promise<void> {
    this.draining = true;
    this.reporter.stop();
    // First of all: what the killed guests come to must not be written as the end of their runs.
    this.disconnect();
    await this.pool.close();
  }

  private cellsChanged(): void {
    this.showState();
    this.reporter?.changed();
    // A node does not hold runs for cells that it does not have. One it may: it waits for the first cell to come back.
    this.consumer.concurrency = Math.max(1, this.pool.alive);
  }

  private async stop(graceMs: number): Promise<void> {
    this.draining = true;
    this.showState();
    this.reporter.changed();
    const finished = this.consumer.close();
    if (!(await within(finished, graceMs))) {
      this.options.log.warn({ runs: this.processor.activeIds }, 'the grace is over, runs are handed back');
      this.processor.handBackAll();
      await within(finished, HAND_BACK_MS);
    }
    await this.pool.close();
    await within(this.reporter.leave(), 1_000);
    this.disconnect();
  }

  private disconnect(): void {
    for (const connection of Object.values(this.connections)) connection.disconnect();
  }

  private makeConsumer(): Worker<RunJob> {
    const { name, cpus, lockMs = DEFAULT_LOCK_MS, stalledIntervalMs = 3_000, log } = this.options;
    const consumer = new Worker<RunJob>(RUN_QUEUE, (job, token) => this.process(job, token), {
      connection: this.connections.blocking,
      prefix: QUEUE_PREFIX,
      name,
      autorun: false,
      concurrency: Math.max(1, cpus.length),
      lockDuration: lockMs,
      stalledInterval: stalledIntervalMs,
      // Deaths are counted when a run is claimed; the queue hands it out again whatever happens.
      maxStalledCount: UNLIMITED,
      runRetryDelay: 1_000,
      skipVersionCheck: true,
    });
    consumer.on('error', (error) => log.debug({ reason: error.message }, 'consumer'));
    consumer.on('lockRenewalFailed', (ids) => {
      for (const id of ids) this.processor.lockLost(id);
    });
    consumer.on('stalled', (id) => log.warn({ runId: id }, 'a run was taken back from a silent node'));
    return consumer;
  }

  private async process(job: Job<RunJob>, token: string | undefined): Promise<void> {
    const outcome = await this.processor.process(job.data.id);
    if (outcome === 'lock-lost') throw new Error('the lock of this job was lost');
    if (outcome === 'hand-back') {
      await job.moveToWait(token);
      throw new WaitingError();
    }
  }
}

/** Redis going away is a state (readiness, metrics), not a stream of error lines. */
function quiet(connection: Redis, log: Logger): Redis {
  connection.on('error', (error: Error) => log.debug({ reason: error.message }, 'Redis connection'));
  return connection;
}

/** @returns false when the time was up first. A rejection counts as an end. */
async function within(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const done = work.then(
    () => true as const,
    () => true as const,
  );
  return Promise.race([done, late]).finally(() => clearTimeout(timer));
}
