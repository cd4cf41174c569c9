import { DEFAULT_LIMITS, type NewKey, type Scope } from '@sandpiper/contracts';
import {
  batchRunId,
  type Fence,
  liveInputKey,
  liveKey,
  liveOutputKey,
  LiveStore,
  type RedisConnection,
  RetentionStore,
  RunStore,
  runKey,
  syntheticResult,
} from '@sandpiper/store';
import { TestNode } from '@sandpiper/store/testing';
import { startRedis, type RedisServer } from '@sandpiper/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { endRun, refusal } from './client-calls.js';
import { startApp, type TestApp } from './harness.js';
import { StreamClient } from './stream-client.js';

/**
 * What a tenant removes over HTTP is gone, with all that belongs to it, and nothing of another tenant's is.
 */

const ADMIN = 'a'.repeat(40);
const MISSING = [404, 'not-found'];

let server: RedisServer;
let app: TestApp;
let redis: RedisConnection;
let store: RunStore;
let url: string;
let blue: string;
let red: string;

beforeAll(async () => {
  server = await startRedis();
  ({ app, redis } = await startApp(server.url, { auth: { on: true, adminKeys: [ADMIN] }, maxQueue: 5_000 }));
  store = new RunStore(redis);
  url = await app.listen({ host: '127.0.0.1', port: 0 });
});

beforeEach(async () => {
  await server.flush();
  [blue, red] = await Promise.all([makeKey('blue'), makeKey('red')]);
});

afterAll(async () => {
  await app.close();
  await server.stop();
});

const call = (key: string, method: 'GET' | 'POST' | 'DELETE', path: string, payload?: object) =>
  app.inject({
    method,
    url: path,
    headers: { authorization: `Bearer ${key}` },
    ...(payload === undefined ? {} : { payload }),
  });

async function makeKey(tenant: string, scopes: Scope[] = ['submit', 'read']): Promise<string> {
  return (await call(ADMIN, 'POST', '/v1/keys', { tenant, scopes })).json<NewKey>().key;
}

const submit = async (key: string, run: object = { source: '' }, path = '/v1/runs'): Promise<string> =>
  (await call(key, 'POST', path, run)).json<{ id: string }>().id;

const submitBatch = (key: string, count: number, more: object = {}): Promise<string> =>
  submit(key, { runs: Array.from({ length: count }, () => ({ source: '' })), ...more }, '/v1/batches');

const purge = (key: string, path: string) => call(key, 'DELETE', `${path}?purge=true`);

interface Claimed {
  readonly attempt: number;
  readonly fence: Fence;
}

async function claim(id: string): Promise<Claimed> {
  const claimed = await new TestNode(redis).claim(id);
  if (claimed?.outcome !== 'run') throw new Error(claimed?.outcome ?? `${id} does not wait`);
  return claimed;
}

/** What a node says of a run that was cancelled under it. */
async function finish(id: string, { attempt, fence }: Claimed): Promise<void> {
  const facts = { id, attempt, limits: DEFAULT_LIMITS, engine: 'seccomp', node: 'node', cell: 0 } as const;
  await store.finish(syntheticResult({ ...facts, status: 'cancelled', message: '' }), fence);
}

/** Bytes and records of all tenants. */
async function stored(): Promise<[number, number, number]> {
  const { queuedBytes, keptBytes, kept } = await new RetentionStore(redis).facts();
  return [queuedBytes, keptBytes, kept];
}

describe('a run that is purged', () => {
  it.each(['waits', 'has ended'])('is gone at once when it %s, and its key is new', async (state) => {
    const request = { source: '', idempotencyKey: 'again' };
    const id = await submit(blue, request);
    if (state === 'has ended') await endRun(redis, id);
    expect((await purge(blue, `/v1/runs/${id}`)).statusCode).toBe(204);
    expect(refusal(await call(blue, 'GET', `/v1/runs/${id}`))).toEqual(MISSING);
    expect(refusal(await purge(blue, `/v1/runs/${id}`))).toEqual(MISSING);
    expect(refusal(await call(blue, 'DELETE', `/v1/runs/${id}`))).toEqual(MISSING);
    expect(await stored()).toEqual([0, 0, 0]);
    expect(await submit(blue, request)).not.toBe(id);
  });

  it('is unknown at once while it runs, and is removed when it ends', async () => {
    const request = { source: '', idempotencyKey: 'again' };
    const id = await submit(blue, request);
    const claimed = await claim(id);
    const reply = await purge(blue, `/v1/runs/${id}`);
    expect([reply.statusCode, reply.json()]).toEqual([202, { id }]);
    expect(refusal(await call(blue, 'GET', `/v1/runs/${id}`))).toEqual(MISSING);
    expect(refusal(await purge(blue, `/v1/runs/${id}`))).toEqual(MISSING);
    const next = await submit(blue, request);
    expect(next).not.toBe(id);
    await finish(id, claimed);
    expect(await redis.exists(runKey(id))).toBe(0);
    expect(await submit(blue, request)).toBe(next);
    expect((await purge(blue, `/v1/runs/${next}`)).statusCode).toBe(204);
    expect(await stored()).toEqual([0, 0, 0]);
  });

  it('removes its streams when it is live, and tells its followers that it is gone', async () => {
    const id = await submit(blue, { source: '', live: true });
    const claimed = await claim(id);
    const live = new LiveStore(redis);
    await live.begin(id, claimed.fence);
    await live.append(id, claimed.fence, 3, [{ stream: 'stdout', data: Buffer.from('abc') }]);
    const client = await StreamClient.open(`${url.replace('http', 'ws')}/v1/runs/${id}/stream`, blue);
    await client.message('output');
    expect((await purge(blue, `/v1/runs/${id}`)).statusCode).toBe(202);
    await finish(id, claimed);
    const [code, reason] = await client.closed;
    expect([code, reason]).toEqual([1008, 'not-found']);
    expect(await redis.exists(runKey(id), liveKey(id), liveOutputKey(id), liveInputKey(id))).toBe(0);
    expect(await stored()).toEqual([0, 0, 0]);
  });

  it('ends the wait of a client', async () => {
    const id = await submit(blue);
    const waiting = call(blue, 'GET', `/v1/runs/${id}?wait=30`);
    expect((await purge(blue, `/v1/runs/${id}`)).statusCode).toBe(204);
    expect(refusal(await waiting)).toEqual(MISSING);
  });
});

describe('a batch that is purged', () => {
  it('is gone with all of its thousands of runs', async () => {
    const count = 3_000;
    const id = await submitBatch(blue, count, { idempotencyKey: 'again' });
    await endRun(redis, batchRunId(id, 0));
    expect((await purge(blue, `/v1/batches/${id}`)).statusCode).toBe(204);
    expect(refusal(await call(blue, 'GET', `/v1/batches/${id}`))).toEqual(MISSING);
    for (const index of [0, 1, count - 1]) {
      expect(refusal(await call(blue, 'GET', `/v1/runs/${batchRunId(id, index)}`))).toEqual(MISSING);
    }
    expect(await stored()).toEqual([0, 0, 0]);
    expect(await submitBatch(blue, count, { idempotencyKey: 'again' })).not.toBe(id);
  });

  it('is unknown at once while one of its runs runs, and is removed with it', async () => {
    const id = await submitBatch(blue, 3);
    const claimed = await claim(batchRunId(id, 1));
    const reply = await purge(blue, `/v1/batches/${id}`);
    expect([reply.statusCode, reply.json()]).toEqual([202, { id }]);
    for (const path of ['', '/summary', '/results', '/events']) {
      expect(refusal(await call(blue, 'GET', `/v1/batches/${id}${path}`)), path).toEqual(MISSING);
    }
    expect(refusal(await call(blue, 'GET', `/v1/runs/${batchRunId(id, 1)}`))).toEqual(MISSING);
    expect(refusal(await purge(blue, `/v1/batches/${id}`))).toEqual(MISSING);
    await finish(batchRunId(id, 1), claimed);
    expect(await stored()).toEqual([0, 0, 0]);
  });
});

describe('who may not purge', () => {
  it('is another tenant, which does not even learn that the run exists', async () => {
    const run = await submit(blue);
    const batch = await submitBatch(blue, 2);
    for (const path of [`/v1/runs/${run}`, `/v1/batches/${batch}`, `/v1/runs/${batchRunId(batch, 0)}`]) {
      expect(refusal(await purge(red, path)), path).toEqual(MISSING);
      expect((await call(blue, 'GET', path)).statusCode, path).toBe(200);
    }
  });

  it('is a submit-only or a read-only key', async () => {
    const run = await submit(blue);
    const batch = await submitBatch(blue, 2);
    for (const scope of ['submit', 'read'] as const) {
      const key = await makeKey('blue', [scope]);
      for (const path of [`/v1/runs/${run}`, `/v1/batches/${batch}`]) {
        expect(refusal(await purge(key, path)), `${scope} ${path}`).toEqual([403, 'forbidden']);
        expect((await call(blue, 'GET', path)).statusCode).toBe(200);
      }
    }
  });

  it.each(['1', 'TRUE', 'yes', ''])(
    'is who asks with purge=%s, which cancels nothing either',
    async (word) => {
      const id = await submit(blue);
      expect(refusal(await call(blue, 'DELETE', `/v1/runs/${id}?purge=${word}`))[0]).toBe(400);
      expect((await call(blue, 'GET', `/v1/runs/${id}`)).json()).toMatchObject({ state: 'queued' });
    },
  );
});
