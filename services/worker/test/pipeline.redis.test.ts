import type { RunState } from '@sandpiper/contracts';
import { availableCpus } from '@sandpiper/controller';
import {
  childrenOf,
  descendantPids,
  isLivePid,
  Processes,
  type TestService,
  startRedis,
  type RedisServer,
  Spinners,
} from '@sandpiper/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

/** The whole path with real processes: Redis, scheduler, nodes, keepers, sandboxed PyPy. */

const patience = { timeout: 60_000, interval: 25 };

let redis: RedisServer;
let processes: Processes;

beforeEach(async () => {
  redis = await startRedis({ own: true });
  processes = new Processes(redis);
});

afterEach(async () => {
  await processes.kill();
  await redis.stop();
});

const startScheduler = (): Promise<TestService> => processes.scheduler();
const startNode = (name: string, env: Record<string, string> = {}): Promise<TestService> =>
  processes.node(name, env);

async function submit(scheduler: TestService, source: string, more: object = {}): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const reply = await fetch(`${scheduler.url}/v1/runs`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ source, ...more }),
  });
  expect(reply.status).toBe(202);
  return ((await reply.json()) as { id: string }).id;
}

async function getRun(scheduler: TestService, id: string, waitSeconds = 0): Promise<RunState> {
  const reply = await fetch(`${scheduler.url}/v1/runs/${id}?wait=${waitSeconds}`);
  expect(reply.status).toBe(200);
  return (await reply.json()) as RunState;
}

const becomesRunning = (scheduler: TestService, id: string): Promise<void> =>
  vi.waitFor(async () => expect((await getRun(scheduler, id)).state).toBe('running'), patience);

describe('the pipeline', () => {
  it('runs a program that prints 42', async () => {
    const scheduler = await startScheduler();
    const node = await startNode('n1');
    const run = await getRun(scheduler, await submit(scheduler, 'print(42)'), 60);
    expect(run.result).toMatchObject({
      status: 'ok',
      stdout: '42\n',
      exitCode: 0,
      node: 'n1',
      cell: 0,
      attempt: 1,
    });
    const metrics = await (await fetch(`${node.url}/metrics`)).text();
    expect(metrics).toContain(
      'sandpiper_node_runs_total{status="ok",engine="seccomp",runtime="default",node="n1"} 1',
    );
    expect(metrics).toContain('sandpiper_node_cells{state="idle",node="n1"} 1');
    expect((await fetch(`${node.url}/readyz`)).status).toBe(200);
  });

  it('is ready with a warning when a module of its profile is missing', async () => {
    const node = await startNode('n1', { SANDPIPER_PROFILE: 'json,no_such_module' });
    await vi.waitFor(
      async () =>
        expect(await (await fetch(`${node.url}/readyz`)).json()).toEqual({
          status: 'ready',
          warnings: [
            "profile of the fork server: no_such_module: ModuleNotFoundError: No module named 'no_such_module'",
          ],
        }),
      patience,
    );
  });

  it('finishes a run when its node is asked to leave, which then exits with 0', async () => {
    const scheduler = await startScheduler();
    const node = await startNode('n1');
    const id = await submit(scheduler, 'import time; time.sleep(1); print("done")');
    await becomesRunning(scheduler, id);
    node.child.kill('SIGTERM');
    expect(await node.exit).toBe(0);
    expect((await getRun(scheduler, id)).result).toMatchObject({ status: 'ok', stdout: 'done\n' });
  });

  it('gives a run that outlasts the grace period to another node', async () => {
    const scheduler = await startScheduler();
    const first = await startNode('n1', { SANDPIPER_GRACE_MS: '0' });
    const id = await submit(scheduler, 'import time; time.sleep(2); print("done")');
    await becomesRunning(scheduler, id);
    const below = descendantPids(first.child.pid ?? 0);
    first.child.kill('SIGTERM');
    expect(await first.exit).toBe(0);
    await vi.waitFor(() => expect(below.filter(isLivePid)).toEqual([]), patience);
    await startNode('n2');
    expect((await getRun(scheduler, id, 60)).result).toMatchObject({ status: 'ok', node: 'n2', attempt: 2 });
  });

  it('repeats a run that waited for a CPU until its wall limit', async () => {
    const scheduler = await startScheduler();
    await startNode('n1');
    const spinning = await Promise.all(availableCpus().map((cpu) => Spinners.on(cpu, 4)));
    try {
      const limits = { cpuMs: 20_000, wallMs: 3_000 };
      const id = await submit(scheduler, 'while True: pass', { limits, retryUnreliable: 1 });
      let run = await getRun(scheduler, id, 30);
      while (run.state !== 'done') run = await getRun(scheduler, id, 30);
      expect(run.result).toMatchObject({
        ...{ status: 'wall-limit', attempt: 2, retries: 1 },
        unreliable: expect.stringMatching(/^it waited [\d.]+ m?s of [\d.]+ s for a CPU$/) as unknown,
      });
    } finally {
      await Promise.all(spinning.map((spinners) => spinners.end()));
    }
  });

  it('rebuilds a cell whose keeper is killed, and retries its run', async () => {
    const scheduler = await startScheduler();
    const node = await startNode('n1');
    const id = await submit(scheduler, 'import time; time.sleep(1); print("done")');
    await becomesRunning(scheduler, id);
    for (const keeper of childrenOf(node.child.pid ?? 0)) process.kill(keeper, 'SIGKILL');
    expect((await getRun(scheduler, id, 60)).result).toMatchObject({ status: 'ok', node: 'n1', attempt: 2 });
    expect(await (await fetch(`${node.url}/metrics`)).text()).toContain(
      'sandpiper_node_cell_restarts_total{node="n1"} 1',
    );
  });

  it('recovers by itself after Redis was killed and restarted', async () => {
    const scheduler = await startScheduler();
    const node = await startNode('n1');
    const before = await submit(scheduler, 'import time; time.sleep(1); print("before")');
    await becomesRunning(scheduler, before);
    await redis.kill();
    await vi.waitFor(async () => expect((await fetch(`${node.url}/readyz`)).status).toBe(503), patience);
    expect((await fetch(`${scheduler.url}/v1/runs/${before}`)).status).toBe(503);
    await redis.boot();
    await vi.waitFor(async () => expect((await fetch(`${scheduler.url}/readyz`)).status).toBe(200), patience);
    expect((await getRun(scheduler, before, 60)).result).toMatchObject({ status: 'ok', stdout: 'before\n' });
    const after = await submit(scheduler, 'print("after")');
    expect((await getRun(scheduler, after, 60)).result?.stdout).toBe('after\n');
  });
});
