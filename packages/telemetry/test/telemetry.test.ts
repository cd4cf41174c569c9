import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createLogger, createNodeMetrics, createSchedulerMetrics, METRIC_NAMES } from '../src/index.js';

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

describe('metrics', () => {
  it('names every metric once', () => {
    const names = Object.values(METRIC_NAMES);
    expect(new Set(names).size).toBe(names.length);
  });

  it('exports every name of the catalogue, and nothing of ours outside it', async () => {
    const node = await createNodeMetrics('n1').registry.metrics();
    const scheduler = await createSchedulerMetrics(() => Promise.resolve(null)).render();
    const exported = [...`${node}\n${scheduler}`.matchAll(/^# TYPE (sandpiper_\S+)/gm)].map((m) => m[1]);
    expect([...exported].sort()).toEqual([...Object.values(METRIC_NAMES)].sort());
  });

  it('shows what Redis counted', async () => {
    const metrics = createSchedulerMetrics(() =>
      Promise.resolve({ waiting: 3, active: 1, finished: [{ status: 'ok', engine: 'seccomp', count: 7 }] }),
    );
    await metrics.render();
    const text = await metrics.render();
    expect(text).toContain('sandpiper_runs_total{status="ok",engine="seccomp"} 7');
    expect(text).toContain('sandpiper_scheduler_queue_depth{state="waiting"} 3');
    expect(text).toContain('sandpiper_scheduler_redis_up 1');
  });
});
