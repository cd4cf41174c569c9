import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeadLetterSummary, NewKey, NodeView, Scope } from '@sandpiper/contracts';
import { KEYS, type RedisConnection } from '@sandpiper/store';
import { reportNode } from '@sandpiper/store/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { startRedis, type RedisServer } from '@sandpiper/testkit';
import { authOf, readSchedulerConfig } from '../src/index.js';
import { endRun, refusal } from './client-calls.js';
import { startApp, type TestApp } from './harness.js';

const ADMIN = 'a'.repeat(40);

let server: RedisServer;
let app: TestApp;
let redis: RedisConnection;

beforeAll(async () => {
  server = await startRedis();
  ({ app, redis } = await startApp(server.url, { auth: { on: true, adminKeys: [ADMIN] } }));
});

beforeEach(async () => {
  await server.flush();
});

afterAll(async () => {
  await app.close();
  await server.stop();
});

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

const call = (key: string | null, method: Method, url: string, payload?: object) =>
  app.inject({
    method,
    url,
    ...(payload === undefined ? {} : { payload }),
    ...(key === null ? {} : { headers: { authorization: `Bearer ${key}` } }),
  });

const makeKey = async (tenant: string, scopes: Scope[] = ['submit', 'read']): Promise<NewKey> =>
  (await call(ADMIN, 'POST', '/v1/keys', { tenant, scopes })).json<NewKey>();

const submit = async (key: string): Promise<string> =>
  (await call(key, 'POST', '/v1/runs', { source: '' })).json<{ id: string }>().id;

describe('a service that requires keys', () => {
  it('tells nothing to a client without a key, and checks the key first', async () => {
    for (const [method, url] of [
      ['POST', '/v1/runs'],
      ['GET', '/v1/runs/x'],
      ['POST', '/v1/batches'],
      ['GET', '/v1/nodes'],
      ['GET', '/v1/keys'],
      ['GET', '/metrics'],
    ] as const) {
      const reply = await call(null, method, url);
      expect(refusal(reply), url).toEqual([401, 'unauthenticated']);
      expect(reply.headers['www-authenticate']).toMatch(/^Bearer/);
    }
    for (const wrong of ['x', `${ADMIN}b`, `sp_000000000000_${'x'.repeat(43)}`, 'Basic']) {
      expect(refusal(await call(wrong, 'POST', '/v1/runs', { source: '' }))).toEqual([
        401,
        'unauthenticated',
      ]);
    }
    expect((await app.inject('/healthz')).statusCode).toBe(200);
    expect((await app.inject('/readyz')).statusCode).toBe(200);
  });

  it('allows a key exactly its scopes', async () => {
    const submitter = await makeKey('blue', ['submit']);
    const reader = await makeKey('blue', ['read']);
    const id = await submit(submitter.key);
    expect(refusal(await call(submitter.key, 'GET', `/v1/runs/${id}`))).toEqual([403, 'forbidden']);
    expect((await call(reader.key, 'GET', `/v1/runs/${id}`)).statusCode).toBe(200);
    expect(refusal(await call(reader.key, 'POST', '/v1/runs', { source: '' }))).toEqual([403, 'forbidden']);
    expect(refusal(await call(reader.key, 'DELETE', `/v1/runs/${id}`))).toEqual([403, 'forbidden']);
    for (const url of ['/v1/nodes', '/v1/keys', '/v1/tenants', '/metrics']) {
      expect(refusal(await call(reader.key, 'GET', url)), url).toEqual([403, 'forbidden']);
      expect((await call(ADMIN, 'GET', url)).statusCode, url).toBe(200);
    }
  });

  it('shows a key once, lists it without its secret, and revokes it at once', async () => {
    const made = await makeKey('blue');
    expect(made.key).toMatch(/^sp_/);
    const listed = await call(ADMIN, 'GET', '/v1/keys');
    expect(listed.json()).toMatchObject({ keys: [{ id: made.id, tenant: 'blue' }] });
    expect(listed.body).not.toContain(made.key.slice(16));
    expect((await call(ADMIN, 'DELETE', `/v1/keys/${made.id}`)).statusCode).toBe(204);
    expect(refusal(await call(made.key, 'POST', '/v1/runs', { source: '' }))).toEqual([
      401,
      'unauthenticated',
    ]);
    expect(refusal(await call(ADMIN, 'DELETE', `/v1/keys/${made.id}`))).toEqual([404, 'not-found']);
  });

  it.each(['', '.hidden', 'a b', 'a/b', '__proto__', 'x'.repeat(65), 'é', 'a\n'])(
    'makes no tenant called %j',
    async (tenant) => {
      expect((await call(ADMIN, 'POST', '/v1/keys', { tenant })).statusCode).toBe(400);
      const url = `/v1/tenants/${encodeURIComponent(tenant)}`;
      expect([400, 404]).toContain((await call(ADMIN, 'PUT', url, { weight: 1 })).statusCode);
      expect(await redis.hlen(KEYS.tenants)).toBe(0);
    },
  );
});

describe('tenants', () => {
  it('do not see data of other tenants', async () => {
    const [blue, red] = [await makeKey('blue'), await makeKey('red')];
    const run = await submit(blue.key);
    const payload = { runs: [{ source: '' }] };
    const batch = (await call(blue.key, 'POST', '/v1/batches', payload)).json<{ id: string }>().id;
    for (const [method, url] of [
      ['GET', `/v1/runs/${run}`],
      ['DELETE', `/v1/runs/${run}`],
      ['GET', `/v1/batches/${batch}`],
      ['GET', `/v1/batches/${batch}/summary`],
      ['GET', `/v1/batches/${batch}/results`],
      ['GET', `/v1/batches/${batch}/events`],
      ['DELETE', `/v1/batches/${batch}`],
    ] as const) {
      expect(refusal(await call(red.key, method, url)), url).toEqual([404, 'not-found']);
    }
    expect((await call(blue.key, 'GET', `/v1/runs/${run}`)).statusCode).toBe(200);
    expect((await call(ADMIN, 'GET', `/v1/runs/${run}`)).statusCode).toBe(200);
  });

  it('have idempotency keys of their own', async () => {
    const [blue, red] = [await makeKey('blue'), await makeKey('red')];
    const same = { source: '', idempotencyKey: 'k' };
    const first = await call(blue.key, 'POST', '/v1/runs', same);
    expect((await call(red.key, 'POST', '/v1/runs', same)).json()).not.toEqual(first.json());
    expect((await call(blue.key, 'POST', '/v1/runs', same)).json()).toEqual(first.json());
  });

  it('are held to their quota, with 429 and Retry-After, and others are not', async () => {
    const [blue, red] = [await makeKey('blue'), await makeKey('red')];
    expect((await call(ADMIN, 'PUT', '/v1/tenants/blue', { weight: 2, maxQueued: 1 })).json()).toEqual({
      name: 'blue',
      weight: 2,
      maxQueued: 1,
      maxRunning: 0,
      maxQueuedBytes: 0,
      maxKeptBytes: 0,
    });
    await submit(blue.key);
    const reply = await call(blue.key, 'POST', '/v1/runs', { source: '' });
    expect(refusal(reply)).toEqual([429, 'quota-exceeded']);
    expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0);
    expect((await call(red.key, 'POST', '/v1/runs', { source: '' })).statusCode).toBe(202);
    expect((await call(ADMIN, 'PUT', '/v1/tenants/blue', { weight: 0 })).statusCode).toBe(400);
  });
});

describe('dead letters', () => {
  it('are listed for their tenant, can be requeued once, and can be removed', async () => {
    const [blue, red] = [await makeKey('blue'), await makeKey('red')];
    const id = await submit(blue.key);
    await endRun(redis, id, 'internal-error', true);
    const list = await call(blue.key, 'GET', '/v1/dead-letters');
    expect(list.json<{ deadLetters: DeadLetterSummary[] }>().deadLetters).toMatchObject([
      { id, tenant: 'blue', requeuedAs: null },
    ]);
    expect(list.body).not.toContain('"source"');
    expect(list.body).not.toContain('"stdout"');
    expect((await call(blue.key, 'GET', `/v1/dead-letters/${id}`)).json()).toMatchObject({
      result: { status: 'internal-error' },
    });
    expect((await call(red.key, 'GET', '/v1/dead-letters')).json()).toEqual({ deadLetters: [] });
    expect(refusal(await call(red.key, 'POST', `/v1/dead-letters/${id}/requeue`))).toEqual([
      404,
      'not-found',
    ]);

    const again = await call(blue.key, 'POST', `/v1/dead-letters/${id}/requeue`);
    expect(again.statusCode).toBe(202);
    const { id: newId } = again.json<{ id: string }>();
    await endRun(redis, newId);
    expect((await call(blue.key, 'GET', `/v1/runs/${newId}`)).json()).toMatchObject({ state: 'done' });
    expect((await call(blue.key, 'GET', `/v1/dead-letters/${id}`)).json()).toMatchObject({
      requeuedAs: newId,
    });
    expect(refusal(await call(blue.key, 'POST', `/v1/dead-letters/${id}/requeue`))).toEqual([
      409,
      'already-requeued',
    ]);
    expect((await call(blue.key, 'DELETE', `/v1/dead-letters/${id}`)).statusCode).toBe(204);
    expect(refusal(await call(blue.key, 'GET', `/v1/dead-letters/${id}`))).toEqual([404, 'not-found']);
    expect((await call(blue.key, 'GET', `/v1/runs/${id}`)).json()).toMatchObject({
      result: { status: 'internal-error' },
    });
  });
});

describe('nodes', () => {
  it('are listed for operators', async () => {
    const report = {
      engines: ['seccomp'],
      version: '1',
      schema: 2,
      startedAt: new Date(0).toISOString(),
      warnings: [],
    };
    const cells = [{ id: 0, state: 'busy' as const, run: 'r1' }];
    await reportNode(redis, { name: 'n1', state: 'ready', cells, leaseMs: 60_000, ...report });
    const { nodes } = (await call(ADMIN, 'GET', '/v1/nodes')).json<{ nodes: NodeView[] }>();
    expect(nodes).toMatchObject([{ name: 'n1', state: 'ready', cells }]);
  });
});

describe('whether keys are required', () => {
  const of = (env: Record<string, string>) => authOf(readSchedulerConfig(env));

  it('is decided by where the service listens', () => {
    expect(of({})).toEqual({ on: false, adminKeys: [] });
    expect(of({ SANDPIPER_HOST: '127.1.2.3' }).on).toBe(false);
    expect(of({ SANDPIPER_HOST: '0.0.0.0', SANDPIPER_ADMIN_KEY: ADMIN })).toEqual({
      on: true,
      adminKeys: [ADMIN],
    });
    expect(of({ SANDPIPER_AUTH: 'on', SANDPIPER_ADMIN_KEY: ADMIN }).on).toBe(true);
  });

  it('is told by a key in a file, or by two while one replaces the other', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sandpiper-key-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'key');
    writeFileSync(path, `${ADMIN},${'b'.repeat(40)}\n`);
    const inFile = { SANDPIPER_HOST: '0.0.0.0', SANDPIPER_ADMIN_KEY_FILE: path };
    expect(of(inFile)).toEqual({ on: true, adminKeys: [ADMIN, 'b'.repeat(40)] });
    expect(() => of({ ...inFile, SANDPIPER_ADMIN_KEY: ADMIN })).toThrow(
      'SANDPIPER_ADMIN_KEY_FILE: SANDPIPER_ADMIN_KEY is set too; give one of them',
    );
    expect(() => of({ SANDPIPER_ADMIN_KEY_FILE: `${path}.none` })).toThrow(
      /^SANDPIPER_ADMIN_KEY_FILE: .*ENOENT$/,
    );
    writeFileSync(path, '\n');
    expect(() => of(inFile)).toThrow(/^SANDPIPER_ADMIN_KEY_FILE: .* is empty$/);
    writeFileSync(path, 'short');
    // What stands in the file is in no message.
    expect(() => of(inFile)).toThrow(/^SANDPIPER_ADMIN_KEY\.0: must be 32 to 256/);
  });

  it('is never off where other hosts can reach the service, and never on without a way to use it', () => {
    expect(() => of({ SANDPIPER_HOST: '0.0.0.0', SANDPIPER_AUTH: 'off' })).toThrow(/SANDPIPER_AUTH/);
    expect(() => of({ SANDPIPER_HOST: '10.0.0.1' })).toThrow(/SANDPIPER_ADMIN_KEY/);
    expect(() => of({ SANDPIPER_ADMIN_KEY: 'short' })).toThrow(/SANDPIPER_ADMIN_KEY/);
  });
});
