import { Processes, type RedisServer, startRedis } from '@sandpiper/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CollectedSpan, OtlpCollector } from './otlp-collector.js';
import { runAt } from './calls.js';

const patience = { timeout: 60_000, interval: 25 };

let redis: RedisServer;
let processes: Processes;
let collector: OtlpCollector;

beforeEach(async () => {
  redis = await startRedis();
  processes = new Processes(redis);
  collector = await OtlpCollector.start();
});

afterEach(async () => {
  await processes.kill();
  await collector.stop();
  await redis.stop();
});

const STAGES = ['backlog', 'claim', 'start', 'program', 'end', 'write'];

const tracing = (): Record<string, string> => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_BSP_SCHEDULE_DELAY: '50',
});

const named = (name: string): CollectedSpan => {
  const found = collector.spans.filter((span) => span.name === name);
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} spans "${name}"`);
  return found[0];
};

describe('a trace', () => {
  it('spans the request of a client, the scheduler, the node and the written result', async () => {
    const scheduler = await processes.scheduler(tracing());
    const node = await processes.node('n1', tracing());
    const word = 'canary5f3a';
    const [traceId, clientSpan] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
    const request = { source: `print("${word}")`, args: [word], env: { X: word }, tags: [word] };
    const run = await runAt(scheduler, request, { traceparent: `00-${traceId}-${clientSpan}-01` });
    expect(run.result).toMatchObject({ status: 'ok', stdout: `${word}\n` });
    await vi.waitFor(() => expect(named('run')).toBeDefined(), patience);
    await vi.waitFor(() => expect(named('POST /v1/runs')).toBeDefined(), patience);
    for (const { child, exit } of [scheduler, node]) {
      child.kill('SIGTERM');
      expect(await exit).toBe(0);
    }

    const submission = named('POST /v1/runs');
    expect(submission).toMatchObject({
      service: 'sandpiper-scheduler',
      traceId,
      parentSpanId: clientSpan,
      failed: false,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/v1/runs',
        'http.response.status_code': 202,
        'sandpiper.tenant': 'default',
        'sandpiper.run.id': run.id,
      },
    });
    const whole = named('run');
    expect(whole).toMatchObject({
      service: 'sandpiper-node',
      traceId,
      parentSpanId: submission.spanId,
      failed: false,
      attributes: {
        'sandpiper.run.id': run.id,
        'sandpiper.tenant': 'default',
        'sandpiper.node': 'n1',
        'sandpiper.cell': 0,
        'sandpiper.attempt': 1,
        'sandpiper.run.status': 'ok',
        'sandpiper.start': run.result?.start,
        'sandpiper.wall_ms': run.result?.usage.wallMs,
        'sandpiper.cpu_ms': run.result?.usage.cpuMs,
      },
    });
    for (const stage of STAGES) {
      const span = named(stage);
      const parent = stage === 'backlog' ? submission : whole;
      expect(span).toMatchObject({ service: 'sandpiper-node', traceId, parentSpanId: parent.spanId });
      expect(span.end).toBeGreaterThanOrEqual(span.start);
    }
    // Other requests (the wait for the result) are traces of their own.
    const others = collector.spans.filter((span) => span.traceId !== traceId);
    expect(new Set(others.map(({ name }) => name))).toEqual(new Set(['GET /v1/runs/:id']));
    expect(collector.text).not.toContain(word);
  });

  it('is started by the scheduler without one of the client, and marks a run that fails inside the sandbox', async () => {
    const scheduler = await processes.scheduler(tracing());
    await processes.node('n1', tracing());
    const run = await runAt(scheduler, { source: '', limits: { memoryBytes: 2 ** 36 } });
    expect(run.result?.status).toBe('internal-error');
    await vi.waitFor(() => expect(named('run').failed).toBe(true), patience);
    await vi.waitFor(() => expect(named('POST /v1/runs')).toBeDefined(), patience);
    const submission = named('POST /v1/runs');
    expect(submission.parentSpanId).toBeUndefined();
    expect(named('run')).toMatchObject({ traceId: submission.traceId, parentSpanId: submission.spanId });
  });

  it('is not recorded when its client has opted out', async () => {
    const scheduler = await processes.scheduler(tracing());
    const node = await processes.node('n1', tracing());
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const run = await runAt(scheduler, { source: '' }, { traceparent: `00-${traceId}-00f067aa0ba902b7-00` });
    expect(run.result?.status).toBe('ok');
    for (const { child, exit } of [scheduler, node]) {
      child.kill('SIGTERM');
      expect(await exit).toBe(0);
    }
    expect(collector.spans.filter((span) => span.traceId === traceId)).toEqual([]);
    expect(collector.spans.map(({ name }) => name)).toContain('GET /v1/runs/:id');
  });
});
