import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { BatchState, BatchSummary, RunState } from '@sandpiper/contracts';
import { ALL_TENANTS, batchKey, batchRunId, KEYS, type RedisConnection, runKey } from '@sandpiper/store';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startRedis, type RedisServer } from '@sandpiper/testkit';
import { endRun, refusal } from './client-calls.js';
import { startApp, type TestApp } from './harness.js';

/** Batches that come in, and results that go out, line by line. */

let server: RedisServer;
let app: TestApp;
let redis: RedisConnection;
let address: string;

beforeAll(async () => {
  server = await startRedis();
  ({ app, redis } = await startApp(server.url, {
    bodyLimit: 64 * 1024,
    batchLimit: 1024 * 1024,
    maxQueue: 20_000,
  }));
  address = await app.listen({ host: '127.0.0.1', port: 0 });
});

/** The services may not list keys; an administrator of Redis may. */
const keys = (pattern: string): Promise<string[]> => server.admin((admin) => admin.keys(pattern));

beforeEach(async () => {
  await server.flush();
});

afterAll(async () => {
  await app.close();
  await server.stop();
});

const waiting = async (): Promise<number> => Number((await redis.hget(KEYS.waiting, ALL_TENANTS)) ?? 0);

const lines = (count: number, source = (i: number) => `print(${i})`): string =>
  Array.from({ length: count }, (_, i) => `${JSON.stringify({ source: source(i) })}\n`).join('');

const send = (payload: string, headers: Record<string, string> = {}) =>
  app.inject({
    method: 'POST',
    url: '/v1/batches/stream?name=many',
    payload,
    headers: { 'content-type': 'application/x-ndjson', ...headers },
  });

const submitted = async (count: number): Promise<string> =>
  (await send(lines(count))).json<{ id: string }>().id;

/** What a stream of lines gives, as long as it goes on. */
async function* linesOf(path: string, headers: Record<string, string> = {}): AsyncGenerator<string> {
  const reply = await fetch(address + path, { headers });
  expect(reply.status).toBe(200);
  yield* createInterface({ input: Readable.fromWeb(reply.body as never) });
}

/** A batch of 300 lines whose end does not come, when most of them are there. */
async function sendHalf(headers: Record<string, string>): Promise<ClientRequest> {
  const { port } = new URL(address) as unknown as AddressInfo;
  const path = '/v1/batches/stream?name=many';
  const half = httpRequest({ port, host: '127.0.0.1', method: 'POST', path, headers });
  half.on('error', () => undefined);
  half.write(lines(300));
  await vi.waitFor(async () => expect((await keys('{sandpiper}:run:*')).length).toBeGreaterThan(100));
  return half;
}

describe('a batch of lines', () => {
  it('is admitted as a whole, in order', async () => {
    const reply = await send(`${lines(2500)}\n\n`);
    expect(reply.statusCode).toBe(202);
    const { id } = reply.json<{ id: string }>();
    expect(await waiting()).toBe(2500);
    const batch = (await app.inject(`/v1/batches/${id}/summary`)).json<BatchSummary>();
    expect(batch).toEqual({ id, name: 'many', state: 'running', total: 2500, done: 0, byStatus: {} });
    const request = await redis.hget(runKey(batchRunId(id, 2499)), 'request');
    expect(JSON.parse(request ?? '')).toMatchObject({ source: 'print(2499)' });
  });

  it('is the same batch under its key, also as one JSON body', async () => {
    const key = { 'idempotency-key': 'k' };
    const first = await send(lines(3), key);
    expect((await send(lines(3), key)).json()).toEqual(first.json());
    expect(refusal(await send(lines(4), key))).toEqual([409, 'idempotency-conflict', 'idempotencyKey']);
    const runs = [0, 1, 2].map((i) => ({ source: `print(${i})` }));
    const payload = { name: 'many', runs };
    const body = await app.inject({ method: 'POST', url: '/v1/batches', payload, headers: key });
    expect(body.json()).toEqual(first.json());
    expect(await waiting()).toBe(3);
  });

  it.each([
    ['{"source": 1}\n', 'invalid-request', 'runs.2.source'],
    ['{"source": "", "colour": 1}\n', 'invalid-request', 'runs.2.colour'],
    ['{"source": "", "engine": "rpython"}\n', 'invalid-request', 'runs.2.engine'],
    ['{"source": ""\n', 'invalid-request', 'runs.2'],
    ['{"source": "", "__proto__": {}}\n', 'invalid-request', 'runs.2'],
    ['[]\n', 'invalid-request', 'runs.2'],
  ])('with the line %j is refused and leaves nothing behind', async (line, code, path) => {
    const reply = await send(lines(2) + line + lines(2));
    expect(refusal(reply)).toEqual([400, code, path]);
    expect(await keys('{sandpiper}:run:*')).toEqual([]);
    expect(await keys('{sandpiper}:batch:*')).toEqual([]);
  });

  it('is refused when a line, the whole, or the number of runs is too large, or there is none', async () => {
    const long = `${JSON.stringify({ source: 'x'.repeat(70_000) })}\n`;
    expect(refusal(await send(lines(1) + long))).toEqual([413, 'body-too-large', 'runs.1']);
    const thirty = lines(40, () => 'x'.repeat(30_000));
    expect(refusal(await send(thirty))).toEqual([413, 'body-too-large']);
    expect(refusal(await send(lines(10_001)))).toEqual([413, 'batch-too-large', 'runs']);
    expect(refusal(await send('\n'))).toEqual([400, 'invalid-request', 'runs']);
    expect(await keys('{sandpiper}:run:*')).toEqual([]);
  });

  it('needs its own content type, which no other route accepts', async () => {
    const json = { 'content-type': 'application/json' };
    expect(refusal(await send(lines(1), json))).toEqual([415, 'unsupported-media-type']);
    const headers = { 'content-type': 'application/x-ndjson' };
    const reply = await app.inject({ method: 'POST', url: '/v1/runs', payload: lines(1), headers });
    expect(refusal(reply)).toEqual([415, 'unsupported-media-type']);
  });

  it('that is cut off is not run, and is completed when sent again under its key', async () => {
    const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': 'cut' };
    const half = await sendHalf(headers);
    const closed = new Promise((resolve) => half.on('close', resolve));
    half.destroy();
    await closed;
    expect(await waiting()).toBe(0);
    const again = await app.inject({
      method: 'POST',
      url: '/v1/batches/stream',
      payload: lines(300),
      headers,
    });
    expect(again.statusCode).toBe(202);
    expect(await waiting()).toBe(300);
    expect(await keys('{sandpiper}:run:*')).toHaveLength(300);
  });

  it('gives way to a later attempt with the same key, and reports it', async () => {
    const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': 'twice' };
    const replies = (half: ClientRequest) => once(half, 'response') as Promise<[IncomingMessage]>;
    const slow = await sendHalf(headers);
    const first = replies(slow);
    const begun = async (): Promise<string | null> => {
      const [batch = ''] = await redis.zrange(KEYS.staging, 0, -1);
      return redis.hget(batchKey(batch), 'intake');
    };
    const earlier = await begun();
    const other = await sendHalf(headers);
    const second = replies(other);
    await vi.waitFor(async () => expect(await begun()).not.toBe(earlier));
    slow.end();
    const [refused] = await first;
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([409, '5']);
    expect(JSON.parse(await text(refused))).toMatchObject({
      error: { code: 'idempotency-conflict', path: 'idempotencyKey' },
    });
    other.end();
    const [taken] = await second;
    expect(taken.statusCode).toBe(202);
    expect(await waiting()).toBe(300);
    // Tried again, as it says, it is the same.
    expect((await send(lines(300), headers)).json()).toEqual(JSON.parse(await text(taken)));
  });
});

describe('the results of a batch', () => {
  it('are streamed line by line in the order of the ends, and resume after a break', async () => {
    const id = await submitted(3);
    const stream = linesOf(`/v1/batches/${id}/results`);
    await endRun(redis, batchRunId(id, 1));
    const first = await stream.next();
    expect(JSON.parse(first.value as string)).toMatchObject({
      position: 1,
      index: 1,
      run: { state: 'done' },
    });
    await stream.return(undefined);

    await endRun(redis, batchRunId(id, 2));
    const rest: { position: number; index: number; run: RunState }[] = [];
    for await (const line of linesOf(`/v1/batches/${id}/results?from=1`)) {
      rest.push(JSON.parse(line));
      // The last run ends while the stream waits for it.
      if (rest.length === 1) await endRun(redis, batchRunId(id, 0), 'time-limit');
    }
    expect(rest.map(({ position, index, run }) => [position, index, run.result?.status])).toEqual([
      [2, 2, 'ok'],
      [3, 0, 'time-limit'],
    ]);
  });

  it('come as server-sent events, with the summary at the end', async () => {
    const id = await submitted(2);
    await endRun(redis, batchRunId(id, 0));
    await endRun(redis, batchRunId(id, 1));
    const text: string[] = [];
    for await (const line of linesOf(`/v1/batches/${id}/events`, { 'last-event-id': '1' })) text.push(line);
    expect(text.filter((line) => /^(id|event):/.test(line))).toEqual(['id: 2', 'event: run', 'event: done']);
    const data = text.filter((line) => line.startsWith('data: ')).map((line) => JSON.parse(line.slice(6)));
    expect(data[1]).toMatchObject({ id, state: 'done', total: 2, byStatus: { ok: 2 } });
  });

  it('end when the server stops, and when the client leaves', async () => {
    const other = await startApp(server.url);
    const at = await other.app.listen({ host: '127.0.0.1', port: 0 });
    const id = await submitted(1);
    const following = fetch(`${at}/v1/batches/${id}/results`).then((reply) => reply.text());
    const leaving = new AbortController();
    const left = await fetch(`${at}/v1/batches/${id}/events`, { signal: leaving.signal });
    await left.body?.getReader().read();
    leaving.abort();
    await other.app.close();
    expect(await following).toBe('');
  });

  it('of an unknown batch are not found', async () => {
    expect(refusal(await app.inject('/v1/batches/nobody/results'))).toEqual([404, 'not-found']);
    const id = await submitted(1);
    expect((await app.inject(`/v1/batches/${id}/results?from=-1`)).statusCode).toBe(400);
    expect((await app.inject(`/v1/batches/${id}`)).json<BatchState>().runs).toHaveLength(1);
  });
});
