import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { createInterface } from 'node:readline';
import { DEFAULT_LIMITS, type BatchState, type RunState } from '@sandpiper/contracts';
import {
  batchRunId,
  connectPatient,
  type RedisConnection,
  runKey,
  RunStore,
  syntheticResult,
} from '@sandpiper/store';
import { TestNode } from '@sandpiper/store/testing';
import { startRedis, type RedisServer } from '@sandpiper/testkit';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { refusal } from './client-calls.js';
import { startApp, type TestApp } from './harness.js';

/**
 * Results on their way out: in slices of bytes, on connections of their own, no faster than clients take
 * them.
 */

const MIB = 1024 * 1024;

let server: RedisServer;
let app: TestApp;
let redis: RedisConnection;
let bulk: readonly RedisConnection[];
/** That of a node. */
let node: RedisConnection;
let store: RunStore;
let port: number;

beforeAll(async () => {
  server = await startRedis();
  ({ app, redis, bulk } = await startApp(server.url, { streams: { all: 40, perTenant: 20 } }));
  node = connectPatient(server.url);
  store = new RunStore(node);
  port = Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port);
});

beforeEach(async () => {
  await server.flush();
});

afterAll(async () => {
  await app.close();
  node.disconnect();
  await server.stop();
});

async function end(id: string, bytes: number): Promise<void> {
  const claim = await new TestNode(node).claim(id);
  if (claim === null) throw new Error(`${id} does not wait`);
  const { attempt } = claim;
  const facts = { id, attempt, limits: DEFAULT_LIMITS, engine: 'seccomp', node: 'node', cell: 0 } as const;
  const result = syntheticResult({ ...facts, status: 'internal-error', message: '' });
  await store.finish({ ...result, status: 'ok', stdout: 'x'.repeat(bytes) }, claim.fence);
}

/** A batch whose runs have ended with outputs of these sizes. */
async function ended(sizes: readonly number[]): Promise<string> {
  const payload = { runs: sizes.map(() => ({ source: '' })) };
  const { id } = (await app.inject({ method: 'POST', url: '/v1/batches', payload })).json<{ id: string }>();
  for (const [index, bytes] of sizes.entries()) await end(batchRunId(id, index), bytes);
  return id;
}

async function ask(path: string): Promise<IncomingMessage> {
  const request = httpRequest({ host: '127.0.0.1', port, path, agent: false }).end();
  const [reply] = (await once(request, 'response')) as [IncomingMessage];
  return reply;
}

const bytesOf = (connection: RedisConnection): number =>
  (connection as Redis & { stream: { bytesRead: number } }).stream.bytesRead;
const bulkBytes = (): number => bulk.reduce((sum, connection) => sum + bytesOf(connection), 0);

describe('results of a batch', () => {
  it('are complete, large and small, in the order of the ends and of the request', async () => {
    const sizes = [10, 5 * MIB, 20, 30, 9 * MIB, 3 * MIB, 2 * MIB];
    const id = await ended(sizes);
    const lengths: [number, number][] = [];
    for await (const line of createInterface({ input: await ask(`/v1/batches/${id}/results?from=1`) })) {
      const { position, index, run } = JSON.parse(line) as { position: number; index: number; run: RunState };
      expect(run.id).toBe(batchRunId(id, index));
      lengths.push([position, run.result?.stdout?.length ?? -1]);
    }
    expect(lengths).toEqual(sizes.map((size, i) => [i + 1, size]).slice(1));
    const whole = (await app.inject(`/v1/batches/${id}`)).json<BatchState>();
    expect(whole.runs.map(({ result }) => result?.stdout?.length)).toEqual(sizes);
    expect(whole).toMatchObject({ id, state: 'done', total: 7, done: 7, byStatus: { ok: 7 } });
  });

  it('use separate Redis connections when they are large', async () => {
    const id = await ended([8 * MIB, 8 * MIB]);
    const before = bytesOf(redis);
    expect((await app.inject(`/v1/batches/${id}/results`)).body.length).toBeGreaterThan(16 * MIB);
    expect((await app.inject(`/v1/batches/${id}`)).body.length).toBeGreaterThan(16 * MIB);
    const run = await app.inject(`/v1/runs/${batchRunId(id, 0)}`);
    expect(run.json<RunState>().result?.stdout?.length).toBe(8 * MIB);
    const cancelled = await app.inject({ method: 'DELETE', url: `/v1/runs/${batchRunId(id, 0)}` });
    expect(cancelled.json()).toEqual(run.json());
    expect(bytesOf(redis) - before).toBeLessThan(MIB);
  });

  it('above the bound of one answer are refused with a hint to the stream', async () => {
    const id = await ended(Array.from({ length: 9 }, () => 8 * MIB));
    const reply = await app.inject(`/v1/batches/${id}`);
    expect(refusal(reply)).toEqual([413, 'reply-too-large']);
    expect(reply.body).toContain(`/v1/batches/${id}/results`);
    const states = (await app.inject(`/v1/batches/${id}?results=false`)).json<BatchState>();
    expect(states.runs).toHaveLength(9);
  });

  it('that a client does not read are not loaded, for batches and single runs', async () => {
    const id = await ended(Array.from({ length: 6 }, () => 8 * MIB));
    const other = await ended([1]);
    const before = bulkBytes();
    const paths = [
      ...Array.from({ length: 10 }, () => `/v1/batches/${id}/results`),
      ...Array.from({ length: 10 }, (_, i) => `/v1/runs/${batchRunId(id, i % 6)}`),
    ];
    const stuck = paths.map((path) => {
      const request = httpRequest({ host: '127.0.0.1', port, path, agent: false }).end();
      request.on('error', () => undefined);
      // The answer is not read.
      request.on('response', (reply) => reply.pause());
      return request;
    });
    // Three of them hold what the tenant may have in flight.
    await vi.waitFor(() => expect(bulkBytes() - before).toBeGreaterThan(3 * 8 * MIB), 20_000);
    // Others are served meanwhile.
    for (let n = 0; n < 20; n++)
      expect((await app.inject(`/v1/batches/${other}/summary`)).statusCode).toBe(200);
    expect(bulkBytes() - before).toBeLessThan(4 * 8 * MIB);
    for (const request of stuck) request.destroy();
    // What they held is free again.
    expect((await app.inject(`/v1/batches/${id}/results`)).body.length).toBeGreaterThan(48 * MIB);
  });

  it('that have expired are null', async () => {
    const id = await ended([8 * MIB, 10]);
    await redis.hdel(runKey(batchRunId(id, 0)), 'result');
    const lines = (await app.inject(`/v1/batches/${id}/results`)).body.trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { run: RunState }).run.result?.status)).toEqual([
      undefined,
      'ok',
    ]);
  });
});

describe('streams of batches', () => {
  it('count as open streams, in total and per tenant', async () => {
    const payload = { runs: [{ source: '' }] };
    const { id } = (await app.inject({ method: 'POST', url: '/v1/batches', payload })).json<{ id: string }>();
    const open = await Promise.all(Array.from({ length: 20 }, () => ask(`/v1/batches/${id}/events`)));
    expect(open.map(({ statusCode }) => statusCode)).toEqual(open.map(() => 200));
    for (const path of ['results', 'events']) {
      const reply = await app.inject(`/v1/batches/${id}/${path}`);
      expect(refusal(reply)).toEqual([429, 'too-many-streams']);
      expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0);
    }
    for (const reply of open) reply.destroy();
    await end(batchRunId(id, 0), 1);
    await vi.waitFor(async () => {
      expect((await app.inject(`/v1/batches/${id}/results`)).statusCode).toBe(200);
    });
  });
});
