import { completeLimits, type RunRequest, type RunResult } from '@sandpiper/contracts';
import {
  Backlog,
  connectPatient,
  connectSubscriber,
  Doorbell,
  KEYS,
  NodeRegistry,
  nodeQueue,
  openQueue,
  PREFIXES,
  runKey,
  RunStore,
  subscribeEvents,
  type RedisConnection,
  queueBounds,
} from '@sandpiper/store';
import { TestNode } from '@sandpiper/store/testing';
import { createLogger, createNodeMetrics } from '@sandpiper/telemetry';
import { startRedis, type RedisServer } from '@sandpiper/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { operationsServer, WorkerNode, type NodeOptions } from '../src/index.js';
import { fakeCells } from './fake-cell.js';

const FOREVER = new Promise<never>(() => undefined);
const patience = { timeout: 20_000, interval: 20 };

let server: RedisServer;
let redis: RedisConnection;
let store: RunStore;
let backlog: Backlog;
const nodes: WorkerNode[] = [];

beforeAll(async () => {
  server = await startRedis();
  redis = connectPatient(server.url);
  redis.on('error', () => undefined);
  const bell = new Doorbell(redis);
  store = new RunStore(redis, bell);
  backlog = new Backlog(redis, bell);
});

beforeEach(async () => {
  await server.flush();
});

afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.drain()));
});

afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

async function startNode(options: Partial<NodeOptions> & Pick<NodeOptions, 'factory'>): Promise<WorkerNode> {
  const node = await WorkerNode.start({
    name: 'n1',
    redis: server.url,
    cpus: [null],
    metrics: createNodeMetrics('n1'),
    log: createLogger({ service: 'test', level: 'silent' }),
    graceMs: 0,
    leaseMs: 1_000,
    firstBackOffMs: 10,
    ...options,
  });
  nodes.push(node);
  return node;
}

/** Submits as the scheduler does. */
async function submit(id: string, source: string, more: Partial<RunRequest> = {}): Promise<void> {
  const request: RunRequest = { source, ...more };
  const limits = completeLimits(undefined);
  const run = { id, tenant: 'default', limits, request, trace: '' };
  await store.submit(run, null, queueBounds({ runs: 1000 }));
}

/** Takes runs of silent nodes back and puts back what was put off, as the leading scheduler does, and at once. */
async function putBack(): Promise<void> {
  await backlog.loseNodes();
  for (const id of await redis.zrange(KEYS.deferred, 0, -1)) await redis.zadd(KEYS.deferred, 'XX', 0, id);
  await backlog.takeDeferred(2);
}

const resultOf = (id: string): Promise<RunResult> =>
  vi.waitFor(async () => {
    await putBack();
    const result = (await store.runState(id))?.result;
    if (!result) throw new Error(`${id} has no result`);
    return result;
  }, patience);

const becomesRunning = (id: string): Promise<void> =>
  vi.waitFor(async () => expect((await store.runState(id))?.state).toBe('running'), patience);

describe('a node', () => {
  it('executes queued runs, records the node, counts them and wakes waiting clients', async () => {
    const subscriber = connectSubscriber(server.url);
    const told: string[] = [];
    await new Promise<void>((resolve) => {
      subscribeEvents(subscriber, { onFinished: ({ runId }) => told.push(runId), onReady: resolve });
    });
    const metrics = createNodeMetrics('n1');
    await startNode({ ...fakeCells(() => 'ok'), metrics });
    await submit('r1', 'print(42)');
    expect(await resultOf('r1')).toMatchObject({
      status: 'ok',
      stdout: 'print(42)',
      node: 'n1',
      cell: 0,
      attempt: 1,
    });
    await vi.waitFor(() => expect(told).toEqual(['r1']), patience);
    await vi.waitFor(async () => {
      const text = await metrics.registry.metrics();
      expect(text).toContain(
        'sandpiper_node_runs_total{status="ok",engine="seccomp",runtime="default",node="n1"} 1',
      );
    }, patience);
    subscriber.disconnect();
  });

  it('is woken by tickets, and leaves none and no queue behind', async () => {
    const node = await startNode(fakeCells(() => 'runtime-error'));
    const queue = openQueue(nodeQueue('n1'), redis);
    await vi.waitFor(async () => expect(await redis.scard(`${PREFIXES.hungry}default`)).toBe(1), patience);
    const counts = () => queue.getJobCounts();
    for (let i = 0; i < 5; i++) {
      await submit(`r${i}`, '1/0');
      expect((await resultOf(`r${i}`)).status).toBe('runtime-error');
    }
    await vi.waitFor(
      async () => expect(Object.values(await counts()).every((n) => n === 0)).toBe(true),
      patience,
    );
    await node.drain();
    expect(await redis.exists(queue.toKey('meta'), queue.toKey('id'), KEYS.leases)).toBe(0);
    await queue.close();
  });

  it('takes runs although a ticket was lost', async () => {
    await startNode(fakeCells(() => 'ok'));
    await vi.waitFor(async () => expect(await redis.scard(`${PREFIXES.hungry}default`)).toBe(1), patience);
    const silent = new RunStore(redis);
    const request = { source: '' };
    const run = { id: 'r1', tenant: 'default', limits: completeLimits(undefined), request, trace: '' };
    await silent.submit(run, null, queueBounds({ runs: 10 }));
    expect((await resultOf('r1')).status).toBe('ok');
  });

  it('takes only runs of its runtimes', async () => {
    await startNode({ ...fakeCells(() => 'ok'), runtimes: ['numpy'] });
    await submit('r1', '');
    await submit('r2', '', { runtime: 'numpy' });
    expect((await resultOf('r2')).status).toBe('ok');
    expect((await store.runState('r1'))?.state).toBe('queued');
  });

  it('has a run to itself that is suspected of killing nodes', async () => {
    const dead = new TestNode(redis, 'dead');
    await submit('suspect', 'suspect');
    expect((await dead.take()).claims).toHaveLength(1);
    await dead.lease(-1);
    const running = new Set<string>();
    let seen = 0;
    const cells = fakeCells(async (source) => {
      running.add(source);
      if (source === 'suspect') seen = running.size;
      await new Promise((resolve) => setTimeout(resolve, 20));
      running.delete(source);
      return 'ok' as const;
    });
    await startNode({ ...cells, cpus: [null, null] });
    for (let i = 0; i < 20; i++) await submit(`r${i}`, `${i}`);
    await putBack();
    expect(await resultOf('suspect')).toMatchObject({ status: 'ok', attempt: 2 });
    expect(seen).toBe(1);
    for (let i = 0; i < 20; i++) expect((await resultOf(`r${i}`)).status).toBe('ok');
  });

  it('gives up what it has when its lease was over, and the run has one result', async () => {
    let attempts = 0;
    await startNode(fakeCells(() => (attempts++ === 0 ? FOREVER : 'ok')));
    await submit('r1', '');
    await becomesRunning('r1');
    const [instance] = await redis.zrange(KEYS.leases, 0, -1);
    await redis.zadd(KEYS.leases, 0, instance ?? '');
    expect(await backlog.loseNodes()).toEqual(['r1']);
    // It hears of it at its next report; the death is taken back, so the run need not be alone.
    await vi.waitFor(async () => {
      await backlog.takeDeferred(0);
      expect((await store.runState('r1'))?.state).toBe('done');
    }, patience);
    expect(await resultOf('r1')).toMatchObject({ status: 'ok', attempt: 2 });
    expect(await redis.hmget(runKey('r1'), 'deaths', 'strays')).toEqual(['0', '1']);
  });

  it('uses every cell at once', async () => {
    let running = 0;
    let release: () => void = () => undefined;
    const both = new Promise<void>((resolve) => {
      release = resolve;
    });
    const cells = fakeCells(async () => {
      running += 1;
      if (running === 2) release();
      await both;
      return 'ok' as const;
    });
    await startNode({ ...cells, cpus: [null, null] });
    await Promise.all([submit('r1', ''), submit('r2', '')]);
    const results = await Promise.all([resultOf('r1'), resultOf('r2')]);
    expect(results.map((result) => result.cell)).toEqual(expect.arrayContaining([0, 1]));
  });

  it('kills a running run that is cancelled', async () => {
    await startNode(fakeCells(() => FOREVER));
    await submit('r1', 'while True: pass');
    await becomesRunning('r1');
    await store.markCancelled('r1');
    expect((await resultOf('r1')).status).toBe('cancelled');
  });

  it('does not start a run that was cancelled before', async () => {
    await submit('r1', '');
    await store.markCancelled('r1');
    const cells = fakeCells(() => Promise.reject(new Error('it was started')));
    await startNode(cells);
    expect(await resultOf('r1')).toMatchObject({ status: 'cancelled', attempt: 1 });
  });

  it('rebuilds a cell that dies and retries its run', async () => {
    let deaths = 0;
    const cells = fakeCells((_source, cell) => {
      if (deaths > 0) return 'ok';
      deaths += 1;
      cell.die();
      return FOREVER;
    });
    await startNode(cells);
    await submit('r1', '');
    expect(await resultOf('r1')).toMatchObject({ status: 'ok', attempt: 2 });
    expect(cells.cells).toHaveLength(2);
    expect(cells.cells[0]?.isClosed).toBe(true);
  });

  it('gives up a run that fails inside the sandbox every time', async () => {
    await startNode(fakeCells(() => Promise.reject(new Error('out of order'))));
    await submit('r1', '');
    expect(await resultOf('r1')).toMatchObject({
      status: 'internal-error',
      attempt: 4,
      message: 'gave up after 3 attempts that each crashed the cell or the node that ran it',
    });
  });

  it('takes over the runs of a silent node', async () => {
    const silent = await startNode({ ...fakeCells(() => FOREVER), name: 'silent' });
    await submit('r1', '');
    await becomesRunning('r1');
    // As kill -9 leaves it: the connections end, nothing is handed back.
    for (const connection of Object.values(
      Reflect.get(silent, 'connections') as Record<string, RedisConnection>,
    )) {
      connection.disconnect();
    }
    nodes.splice(nodes.indexOf(silent), 1);
    await startNode({ ...fakeCells(() => 'ok'), name: 'n2' });
    expect(await resultOf('r1')).toMatchObject({ status: 'ok', node: 'n2', attempt: 2 });
    await silent.abandon();
  });

  it('hands back runs that outlast the grace period, and the next node executes them', async () => {
    const first = await startNode(fakeCells(() => FOREVER));
    await submit('r1', '');
    await becomesRunning('r1');
    await first.drain();
    expect(first.ready).toBe(false);
    expect(await store.runState('r1')).toEqual({ id: 'r1', state: 'queued', result: null });
    await startNode({ ...fakeCells(() => 'ok'), name: 'n2' });
    expect(await resultOf('r1')).toMatchObject({ status: 'ok', node: 'n2' });
  });

  it('finishes current runs within the grace period when it is asked to leave', async () => {
    let finish: (status: 'ok') => void = () => undefined;
    const ended = new Promise<'ok'>((resolve) => {
      finish = resolve;
    });
    const cells = fakeCells(() => ended);
    const node = await startNode({ ...cells, graceMs: 60_000 });
    await submit('r1', '');
    await becomesRunning('r1');
    const drained = node.drain();
    finish('ok');
    await drained;
    expect((await store.runState('r1'))?.result?.status).toBe('ok');
    expect(cells.cells[0]?.isClosed).toBe(true);
  });

  it('gives up a run that has killed three nodes, and continues with the others', async () => {
    await submit('poison', '');
    for (const name of ['n1', 'n2', 'n3']) {
      const node = await startNode({ ...fakeCells(() => FOREVER), name });
      await vi.waitFor(async () => {
        await putBack();
        expect((await store.runFacts('poison'))?.node).toBe(name);
      }, patience);
      nodes.splice(nodes.indexOf(node), 1);
      await node.abandon();
    }
    await submit('good', '');
    await startNode({ ...fakeCells(() => 'ok'), name: 'n4' });
    expect(await resultOf('poison')).toMatchObject({ status: 'internal-error', attempt: 4, node: 'n4' });
    expect((await resultOf('good')).status).toBe('ok');
    expect(await redis.zcard(KEYS.dead)).toBe(1);
  });

  it('is listed with its current runs, and removed from the list when it leaves', async () => {
    const registry = new NodeRegistry(redis);
    const node = await startNode(fakeCells(() => FOREVER));
    await submit('r1', '');
    await vi.waitFor(
      async () =>
        expect(await registry.list()).toMatchObject([
          { name: 'n1', state: 'ready', cells: [{ id: 0, state: 'busy', run: 'r1' }] },
        ]),
      patience,
    );
    await node.drain();
    expect(await registry.list()).toEqual([]);
  });

  /** As soon as it has reported. */
  const cordonNode = (registry: NodeRegistry, how: 'cordon' | 'drain') =>
    vi.waitFor(async () => expect(await registry.cordon('n1', how)).toBe(true), patience);

  it('takes no runs while it is cordoned, keeps those that it has, and takes runs again', async () => {
    const registry = new NodeRegistry(redis);
    const holds: (() => void)[] = [];
    const cells = fakeCells(async (source) => {
      if (source === 'hold') await new Promise<void>((resolve) => holds.push(resolve));
      return 'ok' as const;
    });
    const node = await startNode(cells);
    expect(await registry.cordon('none', 'cordon')).toBe(false);
    await submit('r1', 'hold');
    await becomesRunning('r1');
    await cordonNode(registry, 'cordon');
    await vi.waitFor(async () => expect((await registry.list())[0]?.state).toBe('cordoned'), patience);
    expect(node.notReadyBecause).toEqual(['an operator has cordoned the node']);
    await submit('r2', 'print(2)');
    for (const release of holds) release();
    expect((await resultOf('r1')).status).toBe('ok');
    expect((await store.runState('r2'))?.state).toBe('queued');
    await registry.cordon('n1', null);
    expect((await resultOf('r2')).stdout).toBe('print(2)');
    await vi.waitFor(async () => expect((await registry.list())[0]?.state).toBe('ready'), patience);
  });

  it('hands back the runs of a drained node after its grace period, and stays', async () => {
    const registry = new NodeRegistry(redis);
    const node = await startNode({ ...fakeCells(() => FOREVER), graceMs: 50 });
    await submit('r1', 'hold');
    await becomesRunning('r1');
    await cordonNode(registry, 'drain');
    await vi.waitFor(async () => expect((await store.runState('r1'))?.state).toBe('queued'), patience);
    const idle = { state: 'cordoned', cells: [{ state: 'idle' }] };
    await vi.waitFor(async () => expect((await registry.list())[0]).toMatchObject(idle), patience);
    await node.drain();
    // Its successor with the same name is not cordoned.
    expect(await redis.hlen(KEYS.cordons)).toBe(0);
  });

  it('says that another node has its name', async () => {
    const node = await startNode(fakeCells(() => 'ok'));
    expect(node.warnings).toEqual([]);
    const twin = await startNode({ ...fakeCells(() => 'ok'), name: 'n1' });
    await vi.waitFor(() => {
      for (const each of [node, twin]) expect(each.warnings).toEqual([expect.stringContaining('same name')]);
    }, patience);
  });
});

describe('a node without Redis', () => {
  it('is alive but not ready, and takes runs as soon as Redis is available', async () => {
    const late = await startRedis({ own: true });
    await late.kill();
    const metrics = createNodeMetrics('n1');
    const node = await startNode({ ...fakeCells(() => 'ok'), redis: late.url, metrics });
    const app = operationsServer(metrics, () => node);
    expect((await app.inject('/healthz')).statusCode).toBe(200);
    expect((await app.inject('/readyz')).statusCode).toBe(503);
    expect((await app.inject('/metrics')).body).toContain('sandpiper_node_redis_up{node="n1"} 0');
    await late.boot();
    await vi.waitFor(async () => expect((await app.inject('/readyz')).statusCode).toBe(200), patience);

    const own = connectPatient(late.url);
    const before = store;
    store = new RunStore(own, new Doorbell(own));
    try {
      await submit('r1', '');
      await vi.waitFor(async () => expect((await store.runState('r1'))?.state).toBe('done'), patience);
    } finally {
      store = before;
      own.disconnect();
      await node.drain();
      await app.close();
      await late.stop();
    }
  });
});
