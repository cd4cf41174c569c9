import { Processes, type RedisServer, startRedis } from '@sandpiper/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { metricsOf, runAt } from './calls.js';

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

/** The value of a sample, by its name and labels in any order. */
function valueOf(text: string, sample: string): number {
  const line = text.split('\n').find((one) => sorted(one.slice(0, one.lastIndexOf(' '))) === sorted(sample));
  if (line === undefined) throw new Error(`no sample ${sample}`);
  return Number(line.slice(line.lastIndexOf(' ') + 1));
}

/** No value of a label that we look for holds a comma or a brace. */
const sorted = (sample: string): string =>
  sample
    .split(/[{},]/)
    .sort((a, b) => a.localeCompare(b))
    .join(' ');

describe('the metrics of a scheduler and a node', () => {
  it('show the time of runs by stage, and no text of a guest or a client', async () => {
    const scheduler = await processes.scheduler();
    const node = await processes.node('n1');
    const word = 'canary5f3a';
    const source = [
      'import ctypes, os',
      `open("${word}", "w").write("x")`,
      'ctypes.CDLL(None).syscall(41, 2, 1, 0)', // socket: denied
      `print("${word}")`,
    ].join('\n');
    expect((await runAt(scheduler, { source, tags: [word], env: { X: word } })).result).toMatchObject({
      status: 'ok',
    });
    expect((await runAt(scheduler, { source: `raise SystemExit("${word}")` })).result?.status).toBe(
      'runtime-error',
    );
    await fetch(`${scheduler.url}/v1/${word}`);
    await fetch(`${scheduler.url}/v1/runs/${word}`);
    // The result is there before the node has counted it.
    await vi.waitFor(async () => {
      expect(valueOf(await metricsOf(node), 'sandpiper_node_run_latency_seconds_count{node="n1"}')).toBe(2);
    }, patience);

    const own = await metricsOf(node);
    for (const stage of ['backlog', 'claim', 'start', 'program', 'end', 'write']) {
      expect(valueOf(own, `sandpiper_node_stage_seconds_count{stage="${stage}",node="n1"}`)).toBe(2);
    }
    expect(
      valueOf(own, 'sandpiper_node_runs_total{status="ok",engine="seccomp",runtime="default",node="n1"}'),
    ).toBe(1);
    // Forked, but on a host so slow that no parent has parked in time.
    const starts = (how: string): number =>
      valueOf(own, `sandpiper_node_starts_total{start="${how}",node="n1"}`);
    expect(starts('forked') + starts('cold')).toBe(2);
    expect(valueOf(own, 'sandpiper_node_guest_calls_total{engine="seccomp",node="n1"}')).toBeGreaterThan(2);
    expect(valueOf(own, 'sandpiper_node_denied_calls_total{engine="seccomp",node="n1"}')).toBeGreaterThan(0);
    expect(valueOf(own, 'sandpiper_node_controller_cpu_seconds_total{node="n1"}')).toBeGreaterThan(0);
    expect(valueOf(own, 'sandpiper_node_redis_reconnects_total{node="n1"}')).toBe(0);

    // A node tells its state once a second.
    await vi.waitFor(async () => {
      expect(valueOf(await metricsOf(scheduler), 'sandpiper_cells{state="idle"}')).toBe(1);
    }, patience);
    const all = await metricsOf(scheduler);
    expect(valueOf(all, 'sandpiper_nodes{state="ready"}')).toBe(1);
    expect(valueOf(all, 'sandpiper_nodes{state="lost"}')).toBe(0);
    expect(valueOf(all, 'sandpiper_scheduler_queue_depth{state="waiting"}')).toBe(0);
    expect(valueOf(all, 'sandpiper_dead_letters')).toBe(0);
    expect(valueOf(all, 'sandpiper_redis_memory_used_bytes')).toBeGreaterThan(0);
    expect(valueOf(all, 'sandpiper_redis_memory_max_bytes')).toBe(0);
    expect(all).toContain('route="unknown"');
    for (const text of [own, all]) expect(text).not.toContain(word);
  });

  it('show waiting runs by tenant, and no memory of a Redis without permission to ask', async () => {
    const scheduler = await processes.scheduler();
    await redis.admin((admin) => admin.acl('SETUSER', 'default', '-info'));
    const reply = await fetch(`${scheduler.url}/v1/batches`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ runs: [{ source: '' }, { source: '' }, { source: '' }] }),
    });
    expect(reply.status).toBe(202);
    const text = await metricsOf(scheduler);
    expect(valueOf(text, 'sandpiper_scheduler_queue_depth{state="waiting"}')).toBe(3);
    expect(valueOf(text, 'sandpiper_tenant_waiting{tenant="default"}')).toBe(3);
    expect(valueOf(text, 'sandpiper_tenant_next_age_seconds{tenant="default"}')).toBeGreaterThanOrEqual(0);
    expect(valueOf(text, 'sandpiper_runtime_runs{runtime="default"}')).toBe(3);
    expect(text).toContain('sandpiper_redis_memory_used_bytes Nan');
    await redis.admin((admin) => admin.acl('SETUSER', 'default', '+info'));
    // That it was tried is no fault this time.
    await redis.admin((admin) => admin.acl('LOG', 'RESET'));

    const node = await processes.node('n1');
    await vi.waitFor(async () => {
      const later = await metricsOf(scheduler);
      expect(valueOf(later, 'sandpiper_runs_total{status="ok",engine="seccomp"}')).toBe(3);
      expect(later).not.toContain('sandpiper_tenant_waiting{');
    }, patience);
    node.child.kill('SIGKILL');
    await vi.waitFor(
      async () => expect(valueOf(await metricsOf(scheduler), 'sandpiper_nodes{state="lost"}')).toBe(1),
      patience,
    );
    await redis.kill();
    await vi.waitFor(
      async () => expect(valueOf(await metricsOf(scheduler), 'sandpiper_scheduler_redis_up')).toBe(0),
      patience,
    );
    await redis.boot();
    await vi.waitFor(
      async () =>
        expect(
          valueOf(await metricsOf(scheduler), 'sandpiper_scheduler_redis_reconnects_total'),
        ).toBeGreaterThan(0),
      patience,
    );
  });
});
