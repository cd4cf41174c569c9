import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { json as readJson } from 'node:stream/consumers';
import type { NewKey, RunRequest } from '@sandpiper/contracts';
import { batchRunId, connectPatient, type RedisConnection, runKey } from '@sandpiper/store';
import { startRedis, type RedisServer } from '@sandpiper/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusal } from './client-calls.js';
import { startApp, type TestApp } from './harness.js';

/** Bodies on their way in: what they hold of memory, and where they are parsed. */

const MIB = 1024 * 1024;
const ADMIN = 'a'.repeat(40);

let server: RedisServer;
let app: TestApp;
let redis: RedisConnection;
let port: number;
let blue: string;
let red: string;

beforeAll(async () => {
  server = await startRedis();
  ({ app } = await startApp(server.url, {
    auth: { on: true, adminKeys: [ADMIN] },
    bodyLimit: 24 * MIB,
    batchLimit: 64 * MIB,
    // A tenant's share is 8 MiB.
    bodies: { all: 32 * MIB, stuckMs: 1500 },
  }));
  redis = connectPatient(server.url);
  port = Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port);
  const keyOf = async (tenant: string): Promise<string> => {
    const headers = { authorization: `Bearer ${ADMIN}` };
    const made = await app.inject({ method: 'POST', url: '/v1/keys', payload: { tenant }, headers });
    return made.json<NewKey>().key;
  };
  [blue, red] = [await keyOf('blue'), await keyOf('red')];
});

afterAll(async () => {
  await app.close();
  redis.disconnect();
  await server.stop();
});

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly id: string | undefined;
  readonly path: string | undefined;
  readonly retryAfter: string | undefined;
}

function open(key: string, path: string, headers: Record<string, string | number> = {}): ClientRequest {
  const all = { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers };
  const request = httpRequest({ host: '127.0.0.1', port, method: 'POST', path, agent: false, headers: all });
  return request.on('error', () => undefined);
}

async function answerOf(request: ClientRequest): Promise<Answer> {
  const [reply] = (await once(request, 'response')) as [IncomingMessage];
  const body = (await readJson(reply)) as { id?: string; error?: { code: string; path?: string } };
  return {
    status: reply.statusCode ?? 0,
    code: body.error?.code,
    id: body.id,
    path: body.error?.path,
    retryAfter: reply.headers['retry-after'],
  };
}

const post = (
  key: string,
  path: string,
  body: string,
  headers: Record<string, string | number> = {},
): Promise<Answer> => answerOf(open(key, path, headers).end(body));

const ndjson = { 'content-type': 'application/x-ndjson' };
const run = (bytes: number): string => JSON.stringify({ source: 'x', stdin: 'y'.repeat(bytes) });

const storedRequest = async (id: string | undefined): Promise<RunRequest> =>
  JSON.parse((await redis.hget(runKey(id ?? ''), 'request')) ?? 'null') as RunRequest;

describe('a large body', () => {
  it('is handled like a small one: a run, a run of a batch, a line', async () => {
    const body = run(6 * MIB);
    const single = await post(blue, '/v1/runs', body);
    expect(single.status).toBe(202);
    const [small, large] = [
      await storedRequest((await post(blue, '/v1/runs', run(3))).id),
      await storedRequest(single.id),
    ];
    expect({ ...large, stdin: small.stdin }).toEqual(small);
    expect(large.stdin).toHaveLength(6 * MIB);
    const batch = await post(blue, '/v1/batches', `{"runs":[${run(1)},${run(3 * MIB)}],"name":"two"}`);
    expect((await storedRequest(batchRunId(batch.id ?? '', 1))).stdin).toHaveLength(3 * MIB);
    const lines = await post(blue, '/v1/batches/stream?name=two', `${run(1)}\n${run(3 * MIB)}\n`, ndjson);
    expect((await storedRequest(batchRunId(lines.id ?? '', 1))).stdin).toHaveLength(3 * MIB);
  });

  it('is the same submission under its key, in whatever form it arrives', async () => {
    const key = { 'idempotency-key': 'large' };
    const first = await post(blue, '/v1/runs', run(MIB), key);
    expect(first.status).toBe(202);
    expect(await post(blue, '/v1/runs', ` ${run(MIB)}`, key)).toEqual(first);
    expect((await post(blue, '/v1/runs', run(MIB + 1), key)).code).toBe('idempotency-conflict');
    const batch = await post(blue, '/v1/batches', `{"runs":[${run(1)},${run(MIB)}]}`, key);
    expect(await post(blue, '/v1/batches/stream', `${run(1)}\n${run(MIB)}`, { ...ndjson, ...key })).toEqual(
      batch,
    );
  });

  it.each([
    ['depth', `${'['.repeat(MIB)}${']'.repeat(MIB)}`, 400],
    ['values', `{"source": "", "args": [${'0,'.repeat(1.5 * MIB)}0]}`, 413],
    ['objects', `{"runs": [${'{},'.repeat(1.5 * MIB)}{}]}`, 413],
    ['a prototype', `{"source": "${'x'.repeat(MIB)}", "__proto__": {"polluted": 1}}`, 400],
    ['what is no JSON', `{"source": "${'x'.repeat(MIB)}"`, 400],
    ['an unknown field', `{"source": "", "nothing": "${'x'.repeat(MIB)}"}`, 400],
    [
      'keys',
      `{"source": "", "env": {${Array.from({ length: 50_000 }, (_, i) => `"k${i}":""`).join()}}}`,
      400,
    ],
  ])('is refused for its %s', async (_, body, status) => {
    const path = body.startsWith('{"runs"') ? '/v1/batches' : '/v1/runs';
    expect((await post(blue, path, body)).status).toBe(status);
    const line = await post(blue, '/v1/batches/stream', `${run(1)}\n${body}\n`, ndjson);
    expect([400, 413]).toContain(line.status);
    expect((await post(blue, '/v1/runs', run(1))).status).toBe(202);
  });

  it('is refused with the path of the wrong field, in a batch too', async () => {
    const wrong = JSON.stringify({ source: '', stdin: 'y'.repeat(MIB), priority: 101 });
    expect(await post(blue, '/v1/runs', wrong)).toMatchObject({ status: 400, path: 'priority' });
    expect(await post(blue, '/v1/batches', `{"runs":[${run(1)},${wrong}]}`)).toMatchObject({
      path: 'runs.1.priority',
    });
    expect(await post(blue, '/v1/batches/stream', `${run(1)}\n${wrong}`, ndjson)).toMatchObject({
      path: 'runs.1.priority',
    });
  });

  it('is refused on routes that take no runs', async () => {
    const reply = await post(ADMIN, '/v1/keys', JSON.stringify({ tenant: 'x'.repeat(200_000) }));
    expect(reply).toMatchObject({ status: 413, code: 'body-too-large' });
    expect((await post(ADMIN, '/v1/nothing', `{"a":"${'x'.repeat(200_000)}"}`)).status).toBe(413);
  });
});

describe('bodies in flight', () => {
  it('are bounded per tenant; beyond that no byte is read, and other tenants are served', async () => {
    const held = open(blue, '/v1/runs', { 'content-length': 6 * MIB });
    held.write(run(6 * MIB).slice(0, MIB));
    const second = open(blue, '/v1/runs', { 'content-length': 6 * MIB });
    // Nothing of the body was sent: the length alone is enough.
    second.flushHeaders();
    expect(await answerOf(second)).toMatchObject({
      status: 429,
      code: 'too-much-in-flight',
      retryAfter: '2',
    });
    second.destroy();
    expect((await post(red, '/v1/runs', run(6 * MIB))).status).toBe(202);
    expect((await post(blue, '/v1/runs', run(MIB))).status).toBe(202);
    held.destroy();
    await expect.poll(async () => (await post(blue, '/v1/runs', run(5 * MIB))).status).toBe(202);
  });

  it('that are refused do not break the connection before their client has read the answer', async () => {
    const held = open(blue, '/v1/runs', { 'content-length': 6 * MIB });
    held.flushHeaders();
    await expect.poll(async () => (await post(blue, '/v1/runs', run(6 * MIB))).status).toBe(429);
    const client = connect(port, '127.0.0.1');
    // More than the buffers of both sides hold, and nothing is read meanwhile.
    const body = Buffer.alloc(20 * MIB);
    const head = `POST /v1/runs HTTP/1.1\r\nHost: localhost:${port}\r\nAuthorization: Bearer ${blue}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    const failure = await new Promise((resolve) => {
      client.once('error', resolve);
      client.write(head);
      client.write(body, () => resolve(null));
    });
    expect(failure).toBeNull();
    const [answer] = (await once(client, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 429 /);
    client.destroy();
    held.destroy();
  });

  it('of unknown length count as they arrive', async () => {
    const held = open(blue, '/v1/runs', { 'content-length': 5 * MIB });
    held.write('{');
    for (const [path, headers] of [
      ['/v1/runs', {}],
      ['/v1/batches', {}],
      ['/v1/batches/stream', ndjson],
    ] as const) {
      const chunked = open(blue, path, headers);
      chunked.write(run(6 * MIB).slice(0, 5 * MIB));
      expect(await answerOf(chunked), path).toMatchObject({ status: 429, code: 'too-much-in-flight' });
      chunked.destroy();
    }
    held.destroy();
  });

  it('are dropped when their sender makes no progress, even byte by byte', async () => {
    const stuck = open(blue, '/v1/runs', { 'content-length': 6 * MIB });
    stuck.write('{');
    const dribble = setInterval(() => stuck.write(' '), 100);
    try {
      expect(await answerOf(stuck)).toMatchObject({ status: 408, code: 'request-timeout' });
    } finally {
      clearInterval(dribble);
      stuck.destroy();
    }
    await expect.poll(async () => (await post(blue, '/v1/runs', run(6 * MIB))).status).toBe(202);
  });

  it('may exceed the share of a tenant when there is only one', async () => {
    expect((await post(blue, '/v1/runs', run(20 * MIB))).status).toBe(202);
    expect((await post(blue, '/v1/batches/stream', run(20 * MIB), ndjson)).status).toBe(202);
    expect((await post(blue, '/v1/runs', run(25 * MIB))).code).toBe('body-too-large');
  });

  it('are released with every answer', async () => {
    for (let n = 0; n < 30; n++) {
      const reply = await app.inject({
        method: 'POST',
        url: '/v1/runs',
        headers: { authorization: `Bearer ${blue}`, 'content-type': 'application/json' },
        payload: n % 2 === 0 ? run(MIB) : `{"nothing": "${'x'.repeat(MIB)}"}`,
      });
      expect(n % 2 === 0 ? reply.statusCode : refusal(reply)[0]).toBe(n % 2 === 0 ? 202 : 400);
    }
  });
});
