import { EventEmitter } from 'node:events';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import {
  countReconnects,
  createLogger,
  createNodeMetrics,
  createSchedulerMetrics,
  METRIC_NAMES,
  METRICS,
  type MetricSpec,
  type SchedulerSnapshot,
} from '../src/index.js';

function capture(): { lines: () => Record<string, unknown>[]; stream: Writable } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return {
    stream,
    lines: () =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

describe('logger', () => {
  it('writes JSON with the service, a readable level and an ISO time', () => {
    const out = capture();
    createLogger({ service: 'test', destination: out.stream }).warn({ runId: 'r1' }, 'hello');
    const [line] = out.lines();
    expect(line).toMatchObject({ service: 'test', level: 'warn', msg: 'hello', runId: 'r1' });
    expect(String(line?.['time'])).toMatch(/^\d{4}-\d\d-\d\dT/);
  });

  it('writes one line per event, whatever a program or a client puts into it', () => {
    const out = capture();
    const forged = 'x\r\n{"level":"info","msg":"forged"}\n\u2028\u0085\u001b[2K\u0000';
    createLogger({ service: 'test', destination: out.stream }).warn(
      { runId: forged, [forged]: forged },
      forged,
    );
    expect(out.lines()).toHaveLength(1);
    expect(out.lines()[0]).toMatchObject({ msg: forged, runId: forged, level: 'warn' });
  });

  it('never writes program text, input, environment or credentials', () => {
    const out = capture();
    const secret = 'TOP-SECRET';
    createLogger({ service: 'test', destination: out.stream }).info({
      source: secret,
      request: { source: secret, stdin: secret, env: { KEY: secret }, files: [{ content: secret }] },
      job: { data: { request: { source: secret, stdinBase64: secret } } },
      req: { headers: { authorization: secret } },
    });
    expect(JSON.stringify(out.lines())).not.toContain(secret);
  });
});

/** Everything that a scrape can ask of Redis. */
const SNAPSHOT: SchedulerSnapshot = {
  pingSeconds: 0.25,
  depth: { waiting: 3, deferred: 2, running: 1 },
  loadRuns: 6,
  demand: [{ runtime: 'numpy', runs: 4 }],
  tenants: [{ tenant: 'a', waiting: 3, nextAgeMs: 1500 }],
  inflight: [{ tenant: 'b', count: 3 }],
  finished: [{ status: 'ok', engine: 'seccomp', count: 7 }],
  nodes: { ready: 1, lost: 2 },
  cells: { idle: 1, busy: 1 },
  deadLetters: 5,
  stagingBatches: 1,
  stored: {
    queuedBytes: 10,
    queuedBytesMax: 100,
    keptBytes: 20,
    keptBytesMax: 200,
    kept: 3,
    keptMax: 30,
    tenants: [{ tenant: 'a', queuedBytes: 10, keptBytes: 20 }],
    removed: [{ reason: 'expired', count: 4 }],
  },
  callbacks: { outbox: 1, failed: 2 },
  memory: { used: 1000, max: 0 },
};

describe('metrics', () => {
  it('names every metric once, in the style of Prometheus', () => {
    const all: MetricSpec[] = Object.values(METRICS);
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    for (const { name, type, buckets } of all) {
      expect(name).toMatch(/^sandpiper_[a-z_]+$/);
      expect(name.endsWith('_total')).toBe(type === 'counter');
      expect(buckets !== undefined).toBe(type === 'histogram');
      expect([...(buckets ?? [])].sort((a, b) => a - b)).toEqual([...(buckets ?? [])]);
    }
  });

  it('exports exactly the names of the catalogue', async () => {
    const node = await createNodeMetrics('n1').registry.metrics();
    const scheduler = await createSchedulerMetrics(() => Promise.resolve(null)).render();
    const exported = [...`${node}\n${scheduler}`.matchAll(/^# TYPE (sandpiper_\S+)/gm)].map(
      ([, name = '']) => name,
    );
    expect(exported.sort()).toEqual(Object.values(METRIC_NAMES).sort());
  });

  it('shows data from Redis, and no stale data while it is away', async () => {
    let now: SchedulerSnapshot | null = SNAPSHOT;
    const metrics = createSchedulerMetrics(() => Promise.resolve(now));
    await metrics.render();
    const text = await metrics.render();
    for (const line of [
      'sandpiper_scheduler_redis_up 1',
      'sandpiper_scheduler_redis_ping_seconds 0.25',
      'sandpiper_stored_bytes{part="kept"} 20',
      'sandpiper_stored_bytes_max{part="queued"} 100',
      'sandpiper_tenant_stored_bytes{tenant="a",part="kept"} 20',
      'sandpiper_removed_records_total{reason="expired"} 4',
      'sandpiper_runs_total{status="ok",engine="seccomp"} 7',
      'sandpiper_scheduler_queue_depth{state="waiting"} 3',
      'sandpiper_runtime_runs{runtime="numpy"} 4',
      'sandpiper_tenant_waiting{tenant="a"} 3',
      'sandpiper_tenant_next_age_seconds{tenant="a"} 1.5',
      'sandpiper_tenant_inflight{tenant="b"} 3',
      'sandpiper_nodes{state="lost"} 2',
      'sandpiper_cells{state="busy"} 1',
      'sandpiper_dead_letters 5',
      'sandpiper_callback_depth{state="failed"} 2',
      'sandpiper_redis_memory_used_bytes 1000',
    ]) {
      expect(text).toContain(`${line}\n`);
    }
    const stored = { ...SNAPSHOT.stored, tenants: [] };
    now = { ...SNAPSHOT, tenants: [], inflight: [], stored, memory: null };
    const later = await metrics.render();
    expect(later).not.toContain('tenant="');
    expect(later).toContain('sandpiper_redis_memory_used_bytes Nan');
    now = null;
    const away = await metrics.render();
    expect(away).toContain('sandpiper_scheduler_redis_up 0');
    expect(away).not.toContain('queue_depth{');
    expect(away).toContain('sandpiper_runs_total{status="ok",engine="seccomp"} 7');
  });

  it('starts counters at 0, so that the first event is an increase', async () => {
    const node = await createNodeMetrics('n1').registry.metrics();
    expect(node).toContain('sandpiper_node_lost_attempts_total{reason="lock-lost",node="n1"} 0\n');
    const scheduler = await createSchedulerMetrics(() => Promise.resolve(null)).render();
    expect(scheduler).toContain('sandpiper_scheduler_callbacks_total{outcome="given-up"} 0\n');
  });

  it('counts reconnects, not the first connection', () => {
    const connection = new EventEmitter() as EventEmitter & { status: string };
    connection.status = 'connecting';
    let count = 0;
    countReconnects(connection, { inc: () => (count += 1) });
    connection.emit('ready');
    expect(count).toBe(0);
    connection.emit('ready');
    connection.emit('ready');
    expect(count).toBe(2);
  });
});
