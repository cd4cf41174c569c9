import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import { FakeClock } from '@sandpiper/actor';
import type { RunState } from '@sandpiper/contracts';
import { Cell, cgroupFolder } from '@sandpiper/controller';
import { createLogger, createNodeMetrics, type NodeMetrics } from '@sandpiper/telemetry';
import { childrenOf, Processes, type TestService, startRedis, type RedisServer } from '@sandpiper/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Cells } from '../src/cells.js';
import { operationsServer, WorkerNode, type CellFactory, type NodeOptions } from '../src/index.js';
import type { Attempts } from '../src/attempt/attempts.js';

/**
 * Real cells that lose their keeper, thread or parent guest under a node whose back-offs the test's clock
 * decides.
 */

const patience = { timeout: 60_000, interval: 10 };
const policy = { firstBackOffMs: 20, maxBackOffMs: 400, maxFailures: 3, windowMs: 5_000 };

let redis: RedisServer;
let processes: Processes;
let scheduler: TestService;
const nodes: TestNode[] = [];

beforeAll(async () => {
  redis = await startRedis();
  processes = new Processes(redis);
  scheduler = await processes.scheduler();
});

afterEach(async () => {
  await Promise.all(nodes.splice(0).map(({ node }) => node.drain()));
});

afterAll(async () => {
  await processes.kill();
  await redis.stop();
});

interface TestNode {
  readonly node: WorkerNode;
  readonly clock: FakeClock;
  readonly metrics: NodeMetrics;
  /** Every cell that was built, by its number. */
  readonly built: { readonly id: number; readonly cell: Cell }[];
}

/** @param before called before a cell is built; it may throw */
async function startNode(
  options: Partial<NodeOptions> & { profile?: readonly string[]; before?: () => void } = {},
): Promise<TestNode> {
  const clock = new FakeClock();
  const built: TestNode['built'] = [];
  const metrics = createNodeMetrics(options.name ?? 'n1');
  const factory: CellFactory = async (spec) => {
    options.before?.();
    const cell = await Cell.start({ ...spec, rpython: null, profile: options.profile ?? null });
    built.push({ id: spec.id, cell });
    return cell;
  };
  const node = await WorkerNode.start({
    name: 'n1',
    redis: redis.url,
    cpus: [null, null],
    factory,
    metrics,
    log: createLogger({ service: 'test', level: 'silent' }),
    graceMs: 0,
    clock,
    ...policy,
    ...options,
  });
  const started = { node, clock, metrics, built };
  nodes.push(started);
  return started;
}

async function submit(source: string): Promise<string> {
  const reply = await fetch(`${scheduler.url}/v1/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ source }),
  });
  expect(reply.status).toBe(202);
  return ((await reply.json()) as { id: string }).id;
}

async function stateOf(id: string, waitSeconds = 0): Promise<RunState> {
  const reply = await fetch(`${scheduler.url}/v1/runs/${id}?wait=${waitSeconds}`);
  return (await reply.json()) as RunState;
}

const resultOf = async (id: string) => (await stateOf(id, 60)).result;

const cellsOf = ({ node }: TestNode): Cells => Reflect.get(node, 'cells') as Cells;
const latest = ({ built }: TestNode, id: number): Cell => built.filter((cell) => cell.id === id).at(-1)!.cell;
const keeperOf = (cell: Cell): number => (Reflect.get(cell, 'keeper') as { pid: number }).pid;
const folderOf = (cell: Cell): string => (Reflect.get(cell, 'keeper') as { directory: string }).directory;
const threadOf = (cell: Cell): Worker | undefined =>
  (Reflect.get(cell, 'pool') as { threads: Worker[] }).threads[0];
const restartsOf = async ({ metrics }: TestNode): Promise<number> =>
  (await metrics.cellRestarts.get()).values[0]?.value ?? 0;

/** The number of the cell that runs it, as soon as one does. */
const cellWith = (node: TestNode, runId: string): Promise<number> =>
  vi.waitFor(() => {
    const cell = cellsOf(node).facts.find((facts) => facts.runId === runId);
    if (cell === undefined) throw new Error(`${runId} is in no cell`);
    return cell.id;
  }, patience);

const keepersHere = (): number[] =>
  childrenOf(process.pid).filter((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')[0]?.endsWith('sandpiper-keeper'),
  );

/** What a keeper leaves in the host: control groups by its number. */
function groupsOf(keepers: readonly number[]): string[] {
  const folder = cgroupFolder();
  if (folder.kind === 'none') return [];
  const theirs = (name: string): boolean => keepers.some((pid) => name.startsWith(`sandpiper-${pid}-`));
  return readdirSync(folder.directory).filter(theirs);
}

describe('a node with two cells', () => {
  it('executes all runs while one cell keeps dying, reports why it is not ready, and recovers', async () => {
    const test = await startNode();
    const { node, clock, metrics, built } = test;
    const results: ReturnType<typeof resultOf>[] = [];
    for (let death = 1; death <= 4; death++) {
      await vi.waitFor(() => expect(cellsOf(test).facts[1]?.state).toBe('idle'), patience);
      for (let i = 0; i < 6; i++) {
        results.push(resultOf(await submit(`import time; time.sleep(0.1); print(${results.length})`)));
      }
      await vi.waitFor(() => expect(cellsOf(test).facts[1]?.state).toBe('busy'), patience);
      process.kill(keeperOf(latest(test, 1)), 'SIGKILL');
      await vi.waitFor(async () => expect(await restartsOf(test)).toBe(death), patience);
      await clock.advance(policy.maxBackOffMs);
    }
    const app = operationsServer(metrics, () => node);
    const reply = await app.inject('/readyz');
    expect(reply.statusCode).toBe(503);
    expect(reply.json<{ reasons: string[] }>().reasons).toEqual([
      'cell-1 died 3 times within 5 s and is restarted every 0.4 s; last: the keeper ended: signal SIGKILL',
    ]);

    const ended = await Promise.all(results);
    for (const [i, result] of ended.entries())
      expect(result).toMatchObject({ status: 'ok', stdout: `${i}\n` });
    // Each death costs the run that it meets one attempt, if it meets one, and no other run any.
    const attemptsLost = ended.reduce((sum, result) => sum + (result?.attempt ?? 0) - 1, 0);
    expect(attemptsLost).toBeLessThanOrEqual(4);
    expect(built.filter(({ id }) => id === 0)).toHaveLength(1);
    expect(built.filter(({ id }) => id === 1)).toHaveLength(5);

    await clock.advance(policy.windowMs);
    expect((await app.inject('/readyz')).statusCode).toBe(200);
    expect((await app.inject('/metrics')).body).toContain('sandpiper_node_cells{state="idle",node="n1"} 2');
    await app.close();
  });

  it('rebuilds a cell whose thread ends, and retries its run', async () => {
    const test = await startNode();
    const other = await submit('import time; time.sleep(1); print("other")');
    const otherCell = await cellWith(test, other);
    const id = await submit('import time\nfor _ in range(10): time.sleep(0.1)\nprint("done")');
    const cell = await cellWith(test, id);
    const keeper = keeperOf(latest(test, cell));
    await vi.waitFor(() => expect(childrenOf(keeper)).toHaveLength(1), patience);
    // As a thread ends that runs out of memory, or by a fault of ours.
    await threadOf(latest(test, cell))?.terminate();
    await vi.waitFor(async () => expect(await restartsOf(test)).toBe(1), patience);
    await test.clock.advance(policy.firstBackOffMs);
    expect(await resultOf(id)).toMatchObject({ status: 'ok', stdout: 'done\n', attempt: 2 });
    expect(await resultOf(other)).toMatchObject({ status: 'ok', attempt: 1, cell: otherCell });
    await vi.waitFor(() => expect(cellsOf(test).alive).toBe(2), patience);
    expect(test.built.filter((built) => built.id === cell)).toHaveLength(2);
    expect(test.built).toHaveLength(3);
  });

  it('is not affected when fork servers die', async () => {
    const test = await startNode({ profile: ['json'] });
    const started = async (): Promise<unknown> => (await resultOf(await submit('print(1)')))?.start;
    await vi.waitFor(async () => expect(await started()).toBe('forked'), patience);
    for (const { cell } of test.built) {
      const [parent] = childrenOf(keeperOf(cell));
      if (parent !== undefined) process.kill(parent, 'SIGKILL');
    }
    for (let i = 0; i < 4; i++) {
      expect(await resultOf(await submit(`print(${i})`))).toMatchObject({ status: 'ok', attempt: 1 });
    }
    await vi.waitFor(async () => expect(await started()).toBe('forked'), patience);
    expect([await restartsOf(test), test.built.length]).toEqual([0, 2]);
  });

  it('leaves nothing behind when it is drained with one dead and one busy cell', async () => {
    const test = await startNode();
    const keepers = test.built.map(({ cell }) => keeperOf(cell));
    const folders = test.built.map(({ cell }) => folderOf(cell));
    const id = await submit('while True: pass');
    const busy = await cellWith(test, id);
    await vi.waitFor(async () => expect((await stateOf(id)).state).toBe('running'), patience);
    process.kill(keeperOf(latest(test, 1 - busy)), 'SIGKILL');
    await vi.waitFor(async () => expect(await restartsOf(test)).toBe(1), patience);
    const drained = test.node.drain();
    await test.clock.advance(0);
    await drained;
    expect(await stateOf(id)).toMatchObject({ state: 'queued', result: null });
    expect(keepersHere()).toEqual([]);
    expect(groupsOf(keepers)).toEqual([]);
    expect(folders.filter((folder) => existsSync(folder))).toEqual([]);
    await fetch(`${scheduler.url}/v1/runs/${id}`, { method: 'DELETE' });
  });
});

describe('a node whose only cell cannot be rebuilt', () => {
  it('gives its runs to other nodes, and takes runs again when it has a cell', async () => {
    let broken = false;
    const alone = await startNode({
      cpus: [null],
      before: () => {
        if (broken) throw new Error('no space left on the device\nat some place');
      },
    });
    const { node, clock } = alone;
    const attempts = Reflect.get(node, 'attempts') as Attempts;
    const first = await submit('import time; time.sleep(1); print(1)');
    await cellWith(alone, first);
    broken = true;
    process.kill(keeperOf(latest(alone, 0)), 'SIGKILL');
    await vi.waitFor(async () => expect(await restartsOf(alone)).toBe(1), patience);
    // It gives the run back, and takes none without a cell.
    await vi.waitFor(() => expect([attempts.runIds, cellsOf(alone).alive]).toEqual([[], 0]), patience);
    expect(node.notReadyBecause).toEqual(['no cell is up']);
    await clock.advance(policy.maxBackOffMs);
    const dies =
      'cell-0 died 3 times within 5 s and is restarted every 0.4 s; last: no space left on the device';
    await vi.waitFor(() => expect(node.notReadyBecause).toEqual(['no cell is up', dies]), patience);
    expect((await stateOf(first)).state).toBe('queued');

    const other = await startNode({ name: 'n2', cpus: [null] });
    expect(await resultOf(first)).toMatchObject({ status: 'ok', node: 'n2' });
    await other.node.drain();

    broken = false;
    await clock.advance(policy.maxBackOffMs);
    expect(await resultOf(await submit('print(2)'))).toMatchObject({ status: 'ok', node: 'n1' });
    await clock.advance(policy.windowMs);
    expect(node.notReadyBecause).toEqual([]);
  });
});
