import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createLogger, NO_TRACING, startTracing, traceparentOf } from '../src/index.js';

const run = promisify(execFile);
const log = createLogger({ service: 'test', level: 'silent' });
const HEADER = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe('tracing that is off', () => {
  it("passes on the client's trace context", async () => {
    const tracing = await startTracing('test', {}, log, {});
    expect(tracing).toBe(NO_TRACING);
    expect(tracing.span('x', { parent: HEADER }).traceparent).toBe(HEADER);
    for (const off of [{ OTEL_SDK_DISABLED: 'true' }, { OTEL_TRACES_EXPORTER: 'none' }]) {
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', ...off };
      expect(await startTracing('test', {}, log, env)).toBe(NO_TRACING);
    }
  });

  it.each([
    ['', '0'],
    ['http://127.0.0.1:1', '1'],
  ])('loads the exporter only with an endpoint (endpoint "%s")', async (endpoint, loads) => {
    const program = `
      import { createRequire } from 'node:module';
      import { createLogger, startTracing } from '@sandpiper/telemetry';
      await startTracing('test', {}, createLogger({ service: 'test', level: 'silent' }));
      const loaded = Object.keys(createRequire(import.meta.url).cache).filter((path) => /opentelemetry.(sdk|exporter|otlp)/.test(path));
      console.log(Math.min(loaded.length, 1));
      process.exit();`;
    const args = ['--input-type=module', '-e', program];
    const cwd = new URL('../../../../services/scheduler', import.meta.url);
    const env = { PATH: process.env['PATH'] ?? '', OTEL_EXPORTER_OTLP_ENDPOINT: endpoint };
    const { stdout } = await run(process.execPath, args, { cwd, env });
    expect(stdout.trim()).toBe(loads);
  });
});

describe('the trace context of a header', () => {
  it('is accepted only when valid', () => {
    expect(traceparentOf(HEADER)).toBe(HEADER);
    for (const wrong of [
      undefined,
      [HEADER],
      '',
      `${HEADER}-x`,
      HEADER.toUpperCase(),
      HEADER.replace('00-', 'ff-'),
      '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
      '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01',
    ]) {
      expect(traceparentOf(wrong)).toBe('');
    }
  });
});
