import { startRedis } from '@sandpiper/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readSchedulerConfig } from '../src/index.js';
import { refusal } from './client-calls.js';
import { startApp, type TestApp } from './harness.js';

async function statusOf(app: TestApp, method: 'GET' | 'POST' | 'DELETE', url: string): Promise<number> {
  const payload = method === 'POST' ? { payload: { source: 'print(42)' } } : {};
  const reply = await app.inject({ method, url, ...payload });
  expect(reply.body).not.toContain('    at ');
  return reply.statusCode;
}

describe('while Redis is away', () => {
  it('every route that needs Redis answers 503, and works again afterwards', async () => {
    const server = await startRedis({ own: true });
    const { app, redis } = await startApp(server.url);
    onTestFinished(async () => {
      await app.close();
      await server.stop();
    });
    const { id } = (await app.inject({ method: 'POST', url: '/v1/runs', payload: { source: '' } })).json<{
      id: string;
    }>();
    const waiting = app.inject(`/v1/runs/${id}?wait=60`);
    await server.kill();

    expect((await waiting).statusCode).toBe(503);
    const refused = await app.inject({ method: 'POST', url: '/v1/runs', payload: { source: '' } });
    expect(refusal(refused)).toEqual([503, 'store-unavailable']);
    expect(refused.body).toContain('nothing was accepted');
    expect(await statusOf(app, 'GET', `/v1/runs/${id}`)).toBe(503);
    expect(await statusOf(app, 'GET', `/v1/runs/${id}?wait=60`)).toBe(503);
    expect(await statusOf(app, 'DELETE', `/v1/runs/${id}`)).toBe(503);
    expect(await statusOf(app, 'GET', '/v1/batches/b1')).toBe(503);
    expect(await statusOf(app, 'GET', '/readyz')).toBe(503);
    expect(await statusOf(app, 'GET', '/v1/load')).toBe(503);
    expect(await statusOf(app, 'GET', '/healthz')).toBe(200);
    expect((await app.inject('/metrics')).body).toContain('sandpiper_scheduler_redis_up 0');

    const back = new Promise<void>((resolve) => redis.once('ready', () => resolve()));
    await server.boot();
    await back;
    expect(await statusOf(app, 'GET', `/v1/runs/${id}`)).toBe(200);
    expect(await statusOf(app, 'POST', '/v1/runs')).toBe(202);
  });
});

describe('a service that was asked to stop', () => {
  it('is not ready, and answers until it is closed', async () => {
    const server = await startRedis();
    let leaving = false;
    const { app } = await startApp(server.url, { isLeaving: () => leaving });
    onTestFinished(async () => {
      await app.close();
      await server.stop();
    });
    expect(await statusOf(app, 'GET', '/readyz')).toBe(200);
    leaving = true;
    expect(refusal(await app.inject('/readyz'))).toEqual([503, 'leaving']);
    expect(await statusOf(app, 'GET', '/healthz')).toBe(200);
    expect(await statusOf(app, 'POST', '/v1/runs')).toBe(202);
  });
});

describe('while Redis hangs', () => {
  it('requests end with 503 after the command timeout', async () => {
    const server = await startRedis({ own: true });
    const { app } = await startApp(server.url);
    onTestFinished(async () => {
      await app.close();
      await server.stop();
    });
    await server.freeze();
    // Redis may still execute it, so the answer does not deny it.
    const reply = await app.inject({ method: 'POST', url: '/v1/runs', payload: { source: '' } });
    expect(refusal(reply)).toEqual([503, 'unknown-outcome']);
    expect(reply.body).toContain('Idempotency-Key');
    expect(reply.body).not.toContain('nothing was accepted');
    expect(await statusOf(app, 'GET', '/v1/runs/r1')).toBe(503);
    expect(await statusOf(app, 'GET', '/readyz')).toBe(503);
  });
});

describe('configuration', () => {
  it('has defaults, and names wrong settings', () => {
    expect(readSchedulerConfig({})).toMatchObject({ SANDPIPER_HOST: '127.0.0.1', SANDPIPER_PORT: 8080 });
    const wrong = { SANDPIPER_PORT: 'http', SANDPIPER_REDIS_URL: 'localhost' };
    expect(() => readSchedulerConfig(wrong)).toThrow(/SANDPIPER_PORT: .*\nSANDPIPER_REDIS_URL: must be/);
  });
});
