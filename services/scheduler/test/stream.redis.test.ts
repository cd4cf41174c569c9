import { DEFAULT_LIMITS, LIVE_BOUNDS, type NewKey, type Scope } from '@sandpiper/contracts';
import {
  connectFailFast,
  type Fence,
  KEYS,
  LiveStore,
  type RedisConnection,
  RunStore,
  syntheticResult,
} from '@sandpiper/store';
import { TestNode } from '@sandpiper/store/testing';
import { type RedisServer, startRedis } from '@sandpiper/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startApp, type TestApp } from './harness.js';
import { refusedWith, StreamClient } from './stream-client.js';

/**
 * What one connection to the stream of a run may do, and what becomes of those that do more. Nodes are played
 * here.
 */

const ADMIN = 'a'.repeat(40);

let server: RedisServer;
let app: TestApp;
let redis: RedisConnection;
let store: RunStore;
let live: LiveStore;
let address: string;
let clients: StreamClient[] = [];

beforeAll(async () => {
  server = await startRedis();
});

afterAll(() => server.stop());

beforeEach(async () => {
  await server.flush();
  ({ app } = await startApp(server.url, {
    auth: { on: true, adminKeys: [ADMIN] },
    streams: { all: 4, perTenant: 3, stuckMs: 60_000 },
    // Megabytes of one run pass this process on both sides: on a busy host its own loop makes a command late.
    redisTimeoutMs: 60_000,
  }));
  redis = connectFailFast(server.url, 60_000);
  store = new RunStore(redis);
  live = new LiveStore(redis);
  address = (await app.listen({ host: '127.0.0.1', port: 0 })).replace('http', 'ws');
});

afterEach(async () => {
  for (const client of clients) client.socket.terminate();
  clients = [];
  await app.close();
  redis.disconnect();
});

const makeKey = async (tenant: string, scopes: Scope[] = ['submit', 'read']): Promise<string> => {
  const headers = { authorization: `Bearer ${ADMIN}` };
  const payload = { tenant, scopes };
  return (await app.inject({ method: 'POST', url: '/v1/keys', headers, payload })).json<NewKey>().key;
};

async function submit(key: string, request: object = { source: '', live: true }): Promise<string> {
  const headers = { authorization: `Bearer ${key}` };
  const reply = await app.inject({ method: 'POST', url: '/v1/runs', headers, payload: request });
  return reply.json<{ id: string }>().id;
}

const urlOf = (id: string, query = ''): string => `${address}/v1/runs/${id}/stream${query}`;

async function open(id: string, key: string, query = ''): Promise<StreamClient> {
  const client = await StreamClient.open(urlOf(id, query), key);
  clients.push(client);
  return client;
}

/** The process that took a run last. */
let lastNode = '';

/** A node takes the run, out of its quarantine where the one before has died. */
async function claim(id: string): Promise<Fence> {
  const node = new TestNode(redis);
  await redis.zadd(KEYS.leases, 'XX', 0, lastNode);
  lastNode = node.instance;
  return vi.waitFor(
    async () => {
      await redis.zadd(KEYS.deferred, 'XX', 0, id);
      const got = await node.claim(id);
      if (got === null) throw new Error(`${id} does not wait`);
      await live.begin(id, got.fence);
      return got.fence;
    },
    { timeout: 20_000, interval: 50 },
  );
}

const write = (id: string, attempt: Fence, end: number, text: string): Promise<boolean> =>
  live.append(id, attempt, end, [{ stream: 'stdout', data: Buffer.from(text, 'latin1') }]);

async function finish(id: string, fence: Fence, stdout: string): Promise<void> {
  const facts = { id, attempt: 1, limits: DEFAULT_LIMITS, engine: 'seccomp', node: 'n', cell: 0 } as const;
  const result = syntheticResult({ ...facts, status: 'cancelled', message: '' });
  await store.finish({ ...result, status: 'ok', stdout }, fence);
}

describe('opening a stream', () => {
  it('is refused without a key, with a wrong key, and for runs of other tenants', async () => {
    const blue = await makeKey('blue');
    const red = await makeKey('red');
    const blind = await makeKey('blue', ['submit']);
    const id = await submit(blue);
    expect(await refusedWith(urlOf(id))).toEqual([401, 'unauthenticated']);
    expect(await refusedWith(urlOf(id), 'nonsense')).toEqual([401, 'unauthenticated']);
    expect(await refusedWith(urlOf(id), blind)).toEqual([403, 'forbidden']);
    expect(await refusedWith(urlOf(id), red)).toEqual([404, 'not-found']);
    expect(await refusedWith(urlOf('r0'), blue)).toEqual([404, 'not-found']);
    expect(await refusedWith(urlOf('a%20b'), blue)).toEqual([404, 'not-found']);
    expect(await refusedWith(urlOf(id, '?from=1.2'), blue)).toEqual([400, 'invalid-request']);
    expect(await refusedWith(urlOf(id, '?x=1'), blue)).toEqual([400, 'invalid-request']);
    expect(await refusedWith(`${address}/v1/nonsense`, blue)).toEqual([404, 'not-found']);
    const plain = await app.inject({
      url: `/v1/runs/${id}/stream`,
      headers: { authorization: `Bearer ${blue}` },
    });
    expect([plain.statusCode, plain.json<{ error: { code: string } }>().error.code]).toEqual([
      426,
      'upgrade-required',
    ]);
  });

  it('is bounded in total and per tenant, and possible again when a stream ends', async () => {
    const blue = await makeKey('blue');
    const red = await makeKey('red');
    const id = await submit(blue);
    const other = await submit(red);
    const first = await open(id, blue);
    await Promise.all([open(id, blue), open(id, blue)]);
    expect(await refusedWith(urlOf(id), blue)).toEqual([429, 'too-many-streams']);
    await open(other, red);
    expect(await refusedWith(urlOf(other), red)).toEqual([429, 'too-many-streams']);
    first.socket.terminate();
    await vi.waitFor(() => open(other, red));
  });
});

describe('a stream', () => {
  let key: string;
  beforeEach(async () => {
    key = await makeKey('blue');
  });

  it('sends the state, output, a restart and the result, and closes', async () => {
    const id = await submit(key);
    const client = await open(id, key);
    const nothing = { received: 0, upTo: LIVE_BOUNDS.window, wanted: false, ended: false };
    expect(await client.message('state')).toEqual({
      type: 'state',
      state: 'queued',
      attempt: 0,
      input: nothing,
    });
    const first = await claim(id);
    await write(id, first, 2, '\xffa');
    await client.message('output');
    const second = await claim(id);
    await write(id, second, 5, 'hello');
    await finish(id, second, 'hello');
    expect(await client.closed).toEqual([1000, 'the run has ended']);
    const told = client.messages.filter(({ type }) => type !== 'state');
    expect(told.slice(0, 3)).toEqual([
      { type: 'output', stream: 'stdout', dataBase64: '/2E=', cursor: `${first.epoch}.2.0` },
      { type: 'restart', attempt: 2, cursor: `${second.epoch}.0.0` },
      { type: 'output', stream: 'stdout', data: 'hello', cursor: `${second.epoch}.5.0` },
    ]);
    expect(told).toHaveLength(4);
    expect(told[3]).toMatchObject({
      type: 'result',
      result: { id, status: 'ok' },
      cursor: `${second.epoch}.5.0`,
    });
    expect(JSON.stringify(told[3])).not.toContain('hello');
  });

  it('takes output that Redis missed from the result, each byte once', async () => {
    const id = await submit(key);
    const client = await open(id, key);
    const attempt = await claim(id);
    await write(id, attempt, 2, 'ab');
    await client.message('output');
    await finish(id, attempt, 'abcdef');
    await client.closed;
    expect(client.output).toBe('abcdef');
    const late = await open(id, key, `?from=${attempt.epoch}.4.0`);
    await late.closed;
    expect(late.output).toBe('ef');
    const tooLate = await open(id, key, `?from=${attempt.epoch}.6.0`);
    await tooLate.closed;
    expect(tooLate.output).toBe('');
  });

  it('stores input and reports the received bytes', async () => {
    const id = await submit(key);
    const client = await open(id, key);
    client.say({ type: 'input', data: 'abc' });
    client.say({ type: 'input', dataBase64: Buffer.from('de').toString('base64'), at: 2 });
    client.say({ type: 'end', at: 4 });
    const { input } = await client.message('state', (message) => message.input?.ended === true);
    expect(input?.received).toBe(4);
    const attempt = await claim(id);
    const view = await live.take(id, attempt, 0, true, 10);
    expect(Buffer.concat(view?.pieces ?? []).toString()).toBe('abce');
    expect(view?.hasFeeder).toBe(true);
  });

  it('does not count a client that only follows as a feeder', async () => {
    const id = await submit(key);
    const reader = await makeKey('blue', ['read']);
    const clients = [await open(id, key, '?feed=false'), await open(id, reader)];
    await Promise.all(clients.map((client) => client.message('state')));
    const attempt = await claim(id);
    expect((await live.take(id, attempt, 0, true, 1))?.hasFeeder).toBe(false);
  });

  it('cancels a waiting run', async () => {
    const id = await submit(key);
    const client = await open(id, key);
    client.say({ type: 'cancel' });
    expect((await client.message('result')).result.status).toBe('cancelled');
    expect((await client.closed)[0]).toBe(1000);
  });

  it.each<[string, unknown, string]>([
    ['no JSON', '{"type":', 'invalid-request'],
    ['no object', '[]', 'invalid-request'],
    ['an unknown type', { type: 'output' }, 'invalid-request'],
    ['an unknown field', { type: 'end', x: 1 }, 'invalid-request'],
    ['a prototype', '{"type":"end","__proto__":{}}', 'invalid-request'],
    ['no data', { type: 'input' }, 'invalid-request'],
    ['two kinds of data', { type: 'input', data: '', dataBase64: '' }, 'invalid-request'],
    ['no base64', { type: 'input', dataBase64: '!' }, 'invalid-request'],
    ['a place that is none', { type: 'input', data: 'x', at: -1 }, 'invalid-request'],
    ['a gap', { type: 'input', data: 'x', at: 1 }, 'invalid-request'],
    ['too much at once', { type: 'input', data: 'x'.repeat(LIVE_BOUNDS.chunk + 1) }, 'body-too-large'],
  ])('is closed on %s, with the reason', async (_what, message, code) => {
    const client = await open(await submit(key), key);
    client.say(message);
    client.say({ type: 'cancel' });
    expect((await client.message('error')).code).toBe(code);
    expect(await client.closed).toEqual([1008, code]);
    expect(client.messages.some(({ type }) => type === 'result')).toBe(false);
  });

  it('is closed on a binary message, an oversized message, and a broken frame', async () => {
    const id = await submit(key);
    const binary = await open(id, key);
    binary.socket.send(Buffer.from('{"type":"end"}'), { binary: true });
    expect((await binary.closed)[0]).toBe(1008);
    const large = await open(id, key);
    large.say('x'.repeat(LIVE_BOUNDS.clientMessage + 1));
    expect((await large.closed)[0]).toBe(1009);
    const broken = await open(id, key);
    (broken.socket as unknown as { _socket: { write(data: Buffer): void } })._socket.write(
      Buffer.from([0xff, 0xff, 0, 0, 0, 0]),
    );
    expect((await broken.closed)[0]).toBe(1002);
    expect((await open(id, key)).socket.readyState).toBe(1);
  });

  it('accepts no input from a read-only key, nor for a run with its input in the request', async () => {
    const id = await submit(key);
    const reader = await open(id, await makeKey('blue', ['read']));
    reader.say({ type: 'cancel' });
    expect(await reader.closed).toEqual([1008, 'forbidden']);
    const dead = await open(await submit(key, { source: '', stdin: 'x' }), key);
    dead.say({ type: 'input', data: 'y' });
    expect(await dead.closed).toEqual([1008, 'invalid-request']);
    expect((await dead.message('state')).input).toBeNull();
  });

  it('bounds input ahead of the program, and in total like input in a request', async () => {
    const client = await open(await submit(key), key);
    for (let n = 0; n < 20; n++) client.say({ type: 'input', data: 'x'.repeat(LIVE_BOUNDS.chunk) });
    expect((await client.message('error')).message).toContain('too far ahead');
    expect((await client.closed)[0]).toBe(1008);
  });

  it('buffers little for a client that does not read, serves others, and gives it all in the end', async () => {
    const id = await submit(key);
    const [slow, quick] = [await open(id, key), await open(id, key)];
    await Promise.all([slow.message('state'), quick.message('state')]);
    slow.socket.pause();
    const attempt = await claim(id);
    const chunk = 'x'.repeat(LIVE_BOUNDS.chunk);
    const count = 400;
    for (let n = 1; n <= count; n++) await write(id, attempt, n * chunk.length, chunk);
    await vi.waitFor(() => expect(quick.output).toHaveLength(count * chunk.length), { timeout: 30_000 });
    const buffered = [...app.websocketServer.clients].map((client) => client.bufferedAmount);
    expect(Math.max(...buffered)).toBeLessThan(4 * chunk.length);
    slow.socket.resume();
    await finish(id, attempt, chunk.repeat(count));
    await slow.closed;
    expect(slow.output).toHaveLength(count * chunk.length);
  });

  it('tells clients that the service stops, within a time limit', async () => {
    const client = await open(await submit(key), key);
    await client.message('state');
    const silent = await open(await submit(key), key);
    silent.socket.pause();
    const stopped = app.close();
    expect((await client.closed)[0]).toBe(1001);
    await stopped;
  });

  it('reports that the store is away, and works again with it', async () => {
    const own = await startRedis({ own: true });
    const other = await startApp(own.url);
    const url = (await other.app.listen({ host: '127.0.0.1', port: 0 })).replace('http', 'ws');
    const reply = await other.app.inject({
      method: 'POST',
      url: '/v1/runs',
      payload: { source: '', live: true },
    });
    const path = `${url}/v1/runs/${reply.json<{ id: string }>().id}/stream`;
    const client = await StreamClient.open(path);
    await client.message('state');
    await own.kill();
    expect(await client.closed).toEqual([1013, 'store-unavailable']);
    expect((await refusedWith(path))[0]).toBe(503);
    await own.boot();
    const again = await vi.waitFor(() => StreamClient.open(path), { timeout: 10_000 });
    await again.message('state');
    again.socket.terminate();
    await other.app.close();
    await own.stop();
  });
});

describe('a client that vanishes', () => {
  it('is disconnected', async () => {
    await app.close();
    ({ app, redis } = await startApp(server.url, { streams: { all: 1, perTenant: 1, stuckMs: 200 } }));
    address = (await app.listen({ host: '127.0.0.1', port: 0 })).replace('http', 'ws');
    const client = await StreamClient.open(urlOf(await submit(''), ''));
    clients.push(client);
    await client.message('state');
    client.socket.pause();
    await vi.waitFor(() => expect(app.websocketServer.clients.size).toBe(0), { timeout: 60_000 });
  });
});

describe('messages in flight', () => {
  it('count against the bytes that a tenant may have in flight', async () => {
    await app.close();
    const own = await startRedis({ own: true });
    ({ app } = await startApp(own.url, {
      auth: { on: true, adminKeys: [ADMIN] },
      bodies: { all: 256 * 1024 },
    }));
    address = (await app.listen({ host: '127.0.0.1', port: 0 })).replace('http', 'ws');
    const key = await makeKey('flooder');
    const id = await submit(key);
    const client = await open(id, key);
    await client.message('state');
    // The first one is in flight for as long as Redis does not answer.
    await own.freeze();
    for (let i = 0; i < 2; i++) client.say({ type: 'input', data: 'x'.repeat(48 * 1024) });
    expect(await client.message('error')).toMatchObject({ code: 'too-much-in-flight' });
    expect((await client.closed)[0]).toBe(1013);
    await own.kill();
    await own.boot();
    // Its bytes are given back.
    await vi.waitFor(async () => {
      const headers = { authorization: `Bearer ${key}` };
      const payload = { source: '#'.repeat(40 * 1024) };
      const reply = await app.inject({ method: 'POST', url: '/v1/runs', headers, payload });
      expect(reply.statusCode).toBe(202);
    });
    await app.close();
    await own.stop();
  });
});

describe('a revoked key', () => {
  it('ends its open streams of runs and batches', async () => {
    await app.close();
    ({ app } = await startApp(server.url, {
      auth: { on: true, adminKeys: [ADMIN] },
      streams: { all: 4, perTenant: 4, keyCheckMs: 50 },
    }));
    const http = await app.listen({ host: '127.0.0.1', port: 0 });
    address = http.replace('http', 'ws');
    const admin = { authorization: `Bearer ${ADMIN}` };
    const payload = { tenant: 'blue', scopes: ['submit', 'read'] };
    const made = await app.inject({ method: 'POST', url: '/v1/keys', headers: admin, payload });
    const { id: keyId, key } = made.json<NewKey>();
    const kept = await makeKey('blue');
    const run = await submit(key);
    const headers = { authorization: `Bearer ${key}` };
    const runs = [{ source: '' }];
    const batch = await app.inject({ method: 'POST', url: '/v1/batches', headers, payload: { runs } });
    const url = `${http}/v1/batches/${batch.json<{ id: string }>().id}`;
    const follow = async (path: string): Promise<ReadableStreamDefaultReader> =>
      (await fetch(url + path, { headers })).body!.getReader();
    const [client, other] = [await open(run, key), await open(run, kept)];
    await Promise.all([client.message('state'), other.message('state')]);
    const events = await follow('/events');
    expect((await events.read()).done).toBe(false);

    await app.inject({ method: 'DELETE', url: `/v1/keys/${keyId}`, headers: admin });
    expect(await client.message('error')).toMatchObject({ code: 'unauthenticated' });
    expect((await client.closed)[0]).toBe(1008);
    await expect(events.read()).rejects.toThrow();
    // Another key of the same tenant keeps what it follows.
    other.say({ type: 'cancel' });
    expect(await other.message('result')).toMatchObject({ result: { status: 'cancelled' } });
  });
});
