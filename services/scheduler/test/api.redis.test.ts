import type { BatchState, RunState } from '@sandpiper/contracts';
import { ALL_TENANTS, KEYS, runKey, RunStore, type RedisConnection } from '@sandpiper/store';
import { TestNode } from '@sandpiper/store/testing';
import { startRedis, type RedisServer } from '@sandpiper/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { endRun } from './client-calls.js';
import { startApp, type TestApp } from './harness.js';

let server: RedisServer;
let app: TestApp;
let redis: RedisConnection;
let store: RunStore;

beforeAll(async () => {
  server = await startRedis();
  ({ app, redis } = await startApp(server.url, { ceilings: { cpuMs: 60_000, files: 500 } }));
  store = new RunStore(redis);
});

beforeEach(async () => {
  await server.flush();
});

afterAll(async () => {
  await app.close();
  await server.stop();
});

const post = (url: string, payload: object, headers: Record<string, string> = {}) =>
  app.inject({ method: 'POST', url, payload, headers });

async function submit(payload: object = { source: 'print(42)' }): Promise<string> {
  const reply = await post('/v1/runs', payload);
  expect(reply.statusCode).toBe(202);
  return reply.json<{ id: string }>().id;
}

const error = (reply: { json: () => unknown }) =>
  (reply.json() as { error: { code: string; message: string; path?: string } }).error;

/** Runs that wait. No node is there, so none of them leaves. */
const waiting = async (): Promise<number> => Number((await redis.hget(KEYS.waiting, ALL_TENANTS)) ?? 0);

const end = (id: string): Promise<void> => endRun(redis, id);

describe('POST /v1/runs', () => {
  it('answers 202 with an id when Redis has it', async () => {
    const id = await submit({
      source: 'print(42)',
      limits: { cpuMs: 100_000, files: 501, openFiles: 9 },
      priority: 3,
    });
    expect(JSON.parse((await redis.hget(runKey(id), 'request')) ?? '')).toMatchObject({
      source: 'print(42)',
      limits: { cpuMs: 60_000, files: 500, openFiles: 9 },
    });
    expect((await app.inject(`/v1/runs/${id}`)).json()).toEqual({ id, state: 'queued', result: null });
  });

  it.each([
    [{ source: 1 }, 'source'],
    [{ source: '', limits: { cpuMs: 'abc' } }, 'limits.cpuMs'],
    [{ source: '', limits: { cpuMs: 0 } }, 'limits.cpuMs'],
    [{ source: '', engine: 'cpython' }, 'engine'],
    [{ source: '', files: [{ name: '../x', content: '' }] }, 'files.0.name'],
    [{ source: '', colour: 'red' }, 'colour'],
    [{ source: '', limits: { cpu: 1 } }, 'limits.cpu'],
    [{}, 'source'],
  ])('refuses %j by the path %s', async (payload, path) => {
    const reply = await post('/v1/runs', payload);
    expect(reply.statusCode).toBe(400);
    expect(error(reply)).toMatchObject({ code: 'invalid-request', path });
    expect(await waiting()).toBe(0);
  });

  it('names an unknown field', async () => {
    expect(error(await post('/v1/runs', { source: '', colour: 'red' })).message).toBe(
      'unknown field "colour"',
    );
  });

  it.each(['{', '', '[]', 'null', '{"__proto__": {"x": 1}, "source": ""}'])(
    'refuses the body %j',
    async (payload) => {
      const headers = { 'content-type': 'application/json' };
      const reply = await app.inject({ method: 'POST', url: '/v1/runs', payload, headers });
      expect(reply.statusCode).toBe(400);
      expect(error(reply).message).not.toContain('\n');
      expect(reply.body).not.toContain('node_modules');
    },
  );

  it('refuses an engine that no node has, in a run and in a batch', async () => {
    const run = await post('/v1/runs', { source: '1', engine: 'rpython' });
    expect([run.statusCode, error(run).path]).toEqual([400, 'engine']);
    const batch = await post('/v1/batches', { runs: [{ source: '1' }, { source: '1', engine: 'rpython' }] });
    expect([batch.statusCode, error(batch).path]).toEqual([400, 'runs.1.engine']);
  });

  it.each<[object, string]>([
    [{ source: '', args: ['', '\u20ac'.repeat(60_000)] }, 'args.1'],
    [{ source: '', env: { A: '\u20ac'.repeat(60_000) } }, 'env.A'],
    [{ source: '', files: [{ name: 'main.py/x', content: '' }] }, 'files.0.name'],
    [{ source: '', outputs: ['a', 'a/b'] }, 'outputs.1'],
  ])(
    'refuses arguments with which no program can start, with the path of the field',
    async (request, path) => {
      const reply = await post('/v1/runs', request);
      expect([reply.statusCode, error(reply).path]).toEqual([400, path]);
    },
  );

  it('refuses a body that is too large with 413', async () => {
    const reply = await post('/v1/runs', { source: 'x'.repeat(2 * 1024 * 1024) });
    expect(reply.statusCode).toBe(413);
    expect(error(reply).code).toBe('body-too-large');
  });

  it.each(['text/plain', 'application/xml'])('refuses %s with 415', async (type) => {
    const headers = { 'content-type': type };
    const reply = await app.inject({ method: 'POST', url: '/v1/runs', payload: 'print(42)', headers });
    expect(reply.statusCode).toBe(415);
    expect(error(reply).code).toBe('unsupported-media-type');
  });

  it('answers 429 with Retry-After while the queue is full', async () => {
    const small = await startApp(server.url, { maxQueue: 1 });
    await submit();
    const reply = await small.app.inject({ method: 'POST', url: '/v1/runs', payload: { source: '' } });
    expect(reply.statusCode).toBe(429);
    expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0);
    const tooMany = { runs: [{ source: '' }, { source: '' }] };
    expect(
      (await small.app.inject({ method: 'POST', url: '/v1/batches', payload: tooMany })).statusCode,
    ).toBe(413);
    await small.app.close();
  });
});

describe('idempotency', () => {
  const key = { 'idempotency-key': 'k' };

  it('gives the same id for the same key and body, by header or field, and enqueues once', async () => {
    const first = await post('/v1/runs', { source: 'a' }, key);
    const second = await post('/v1/runs', { source: 'a' }, key);
    const third = await post('/v1/runs', { source: 'a', idempotencyKey: 'k' });
    expect(second.json()).toEqual(first.json());
    expect(third.json()).toEqual(first.json());
    expect(await waiting()).toBe(1);
  });

  it('makes one run from many concurrent submissions', async () => {
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => post('/v1/runs', { source: 'a' }, key)),
    );
    expect(new Set(replies.map((reply) => reply.body)).size).toBe(1);
    expect(await waiting()).toBe(1);
  });

  it('refuses the key of another request', async () => {
    await post('/v1/runs', { source: 'a' }, key);
    const reply = await post('/v1/runs', { source: 'b' }, key);
    expect(reply.statusCode).toBe(409);
    expect(error(reply)).toMatchObject({ code: 'idempotency-conflict', path: 'idempotencyKey' });
  });

  it('holds for batches', async () => {
    const batch = { runs: [{ source: 'a' }, { source: 'b' }] };
    const first = await post('/v1/batches', batch, key);
    expect((await post('/v1/batches', batch, key)).json()).toEqual(first.json());
    expect(await waiting()).toBe(2);
  });
});

describe('GET /v1/runs/:id', () => {
  it.each(['/v1/runs/nobody', '/v1/runs/%2e%2e%2f', '/v1/batches/nobody', '/v1/nothing', '/'])(
    '404 for %s',
    async (url) => {
      const reply = await app.inject(url);
      expect(reply.statusCode).toBe(404);
      expect(error(reply).code).toBe('not-found');
    },
  );

  it('waits for the end', async () => {
    const id = await submit();
    const answer = app.inject(`/v1/runs/${id}?wait=60`);
    await end(id);
    expect((await answer).json<RunState>()).toMatchObject({ state: 'done', result: { status: 'ok', id } });
  });

  it('answers with the current state when the wait times out', async () => {
    const id = await submit();
    expect((await app.inject(`/v1/runs/${id}?wait=0.05`)).json<RunState>().state).toBe('queued');
  });

  it.each(['wait=soon', 'wait=-1', 'weight=1'])('refuses ?%s', async (query) => {
    expect((await app.inject(`/v1/runs/x?${query}`)).statusCode).toBe(400);
  });
});

describe('DELETE /v1/runs/:id', () => {
  const cancel = (url: string) => app.inject({ method: 'DELETE', url });

  it('ends a waiting run at once and wakes waiting clients', async () => {
    const id = await submit();
    const answer = app.inject(`/v1/runs/${id}?wait=60`);
    const reply = await cancel(`/v1/runs/${id}`);
    expect(reply.statusCode).toBe(200);
    expect(reply.json<RunState>()).toMatchObject({ state: 'done', result: { status: 'cancelled' } });
    expect((await answer).json<RunState>().result?.status).toBe('cancelled');
    expect(await waiting()).toBe(0);
  });

  it('marks a running run and answers that it still runs', async () => {
    const id = await submit();
    await new TestNode(redis).claim(id);
    expect((await cancel(`/v1/runs/${id}`)).statusCode).toBe(202);
    expect(await store.isCancelled(id)).toBe(true);
  });

  it('leaves an ended run unchanged, and answers 404 for an unknown run', async () => {
    const id = await submit();
    await end(id);
    expect((await cancel(`/v1/runs/${id}`)).json<RunState>().result?.status).toBe('ok');
    expect((await cancel('/v1/runs/nobody')).statusCode).toBe(404);
    expect((await cancel('/v1/batches/nobody')).statusCode).toBe(404);
  });
});

describe('batches', () => {
  const three = { name: 'three', runs: [{ source: 'a' }, { source: 'b' }, { source: 'c' }] };

  it('keep the order, count, and wait for the last', async () => {
    const { id } = (await post('/v1/batches', three)).json<{ id: string }>();
    const before = (await app.inject(`/v1/batches/${id}`)).json<BatchState>();
    expect(before).toMatchObject({ name: 'three', state: 'running', total: 3, done: 0 });
    const requests = await Promise.all(before.runs.map((run) => redis.hget(runKey(run.id), 'request')));
    expect(requests.map((text) => JSON.parse(text ?? '').source)).toEqual(['a', 'b', 'c']);

    const answer = app.inject(`/v1/batches/${id}?wait=60`);
    for (const run of before.runs) await end(run.id);
    const after = (await answer).json<BatchState>();
    expect(after).toMatchObject({ state: 'done', done: 3, byStatus: { ok: 3 } });
    expect(after.runs.every((run) => run.result?.status === 'ok')).toBe(true);
    const lean = (await app.inject(`/v1/batches/${id}?results=false`)).json<BatchState>();
    expect(lean.runs.map((run) => run.result)).toEqual([null, null, null]);
  });

  it('are cancelled as a whole', async () => {
    const { id } = (await post('/v1/batches', three)).json<{ id: string }>();
    const reply = await app.inject({ method: 'DELETE', url: `/v1/batches/${id}` });
    expect(reply.json<BatchState>()).toMatchObject({ state: 'done', byStatus: { cancelled: 3 } });
    expect(await waiting()).toBe(0);
  });

  it('are refused with the path of the wrong run', async () => {
    const reply = await post('/v1/batches', {
      runs: [{ source: '' }, { source: '', limits: { cpuMs: -1 } }],
    });
    expect(error(reply).path).toBe('runs.1.limits.cpuMs');
    expect(error(await post('/v1/batches', { runs: [] })).path).toBe('runs');
  });
});

describe('operations', () => {
  it('serve the OpenAPI document and its page', async () => {
    const document = (await app.inject('/openapi.json')).json<{
      openapi: string;
      paths: object;
      components: object;
    }>();
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining(['/v1/runs', '/v1/runs/{id}', '/v1/batches', '/v1/batches/{id}']),
    );
    expect(JSON.stringify(document)).toContain('"cpuMs"');
    const page = await app.inject('/docs/');
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-type']).toContain('text/html');
  });

  it('serve health, readiness and metrics', async () => {
    expect((await app.inject('/healthz')).statusCode).toBe(200);
    expect((await app.inject('/readyz')).statusCode).toBe(200);
    await end(await submit());
    const { body } = await app.inject('/metrics');
    expect(body).toContain('sandpiper_runs_total{status="ok",engine="seccomp"} 1');
    expect(body).toContain('route="/v1/runs"');
  });
});
