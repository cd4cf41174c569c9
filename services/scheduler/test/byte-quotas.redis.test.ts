import type { NewKey } from '@sandpiper/contracts';
import { startRedis, type RedisServer } from '@sandpiper/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { refusal } from './client-calls.js';
import { startApp, type TestApp } from './harness.js';

/** Which bound in bytes a submission is above: the answer says it, and when to come again. */

const ADMIN = 'a'.repeat(40);
const KIB = 1024;

let server: RedisServer;
let app: TestApp;
let blue: string;
let red: string;

beforeAll(async () => {
  server = await startRedis();
  ({ app } = await startApp(server.url, {
    auth: { on: true, adminKeys: [ADMIN] },
    retention: { retentionSeconds: 1000, queueBytes: 400 * KIB, tenantShare: 0.5 },
  }));
});

beforeEach(async () => {
  await server.flush();
  [blue, red] = await Promise.all([makeKey('blue'), makeKey('red')]);
});

afterAll(async () => {
  await app.close();
  await server.stop();
});

const call = (key: string, method: 'POST' | 'PUT' | 'DELETE', url: string, payload?: object) =>
  app.inject({
    method,
    url,
    headers: { authorization: `Bearer ${key}` },
    ...(payload === undefined ? {} : { payload }),
  });

async function makeKey(tenant: string): Promise<string> {
  return (await call(ADMIN, 'POST', '/v1/keys', { tenant })).json<NewKey>().key;
}

const run = (kib: number) => ({ source: '', stdin: 'x'.repeat(kib * KIB) });
const batch = (kib: number) => ({ runs: [run(kib)] });

/** The three ways in, each with one run. */
const WAYS: [string, (key: string, kib: number) => ReturnType<typeof call>][] = [
  ['a run', (key, kib) => call(key, 'POST', '/v1/runs', run(kib))],
  ['a batch', (key, kib) => call(key, 'POST', '/v1/batches', batch(kib))],
  [
    'lines',
    (key, kib) =>
      app.inject({
        method: 'POST',
        url: '/v1/batches/stream',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' },
        payload: `${JSON.stringify(run(kib))}\n`,
      }),
  ],
];

describe.each(WAYS)('a submission of %s', (_, send) => {
  it('is refused with bytes-quota-exceeded above what its tenant may have, and others are not', async () => {
    expect((await send(blue, 150)).statusCode).toBe(202);
    const reply = await send(blue, 100);
    expect(refusal(reply)).toEqual([429, 'bytes-quota-exceeded']);
    expect(reply.json<{ error: { message: string } }>().error.message).toMatch(/your quota of 204800;/);
    expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0);
    expect((await send(red, 100)).statusCode).toBe(202);
    // Nothing of what was refused is left behind.
    expect((await send(blue, 20)).statusCode).toBe(202);
  });

  it('is refused with queue-bytes-full above what all may have', async () => {
    const green = await makeKey('green');
    expect((await send(blue, 150)).statusCode).toBe(202);
    expect((await send(red, 150)).statusCode).toBe(202);
    const reply = await send(green, 120);
    expect(refusal(reply)).toEqual([429, 'queue-bytes-full']);
    expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0);
    expect((await send(green, 20)).statusCode).toBe(202);
  });

  it('is refused with larger-than-quota where it can never fit, and a larger quota works at once', async () => {
    const reply = await send(blue, 250);
    expect(refusal(reply)).toEqual([413, 'larger-than-quota']);
    expect(reply.headers['retry-after']).toBeUndefined();
    await call(ADMIN, 'PUT', '/v1/tenants/blue', { maxQueuedBytes: 300 * KIB });
    expect((await send(blue, 250)).statusCode).toBe(202);
  });

  it('has room again when waiting runs were purged', async () => {
    const { id } = (await send(blue, 150)).json<{ id: string }>();
    expect(refusal(await send(blue, 100))).toEqual([429, 'bytes-quota-exceeded']);
    const path = id.startsWith('b') ? `/v1/batches/${id}` : `/v1/runs/${id}`;
    expect((await call(blue, 'DELETE', `${path}?purge=true`)).statusCode).toBe(204);
    expect((await send(blue, 100)).statusCode).toBe(202);
  });
});
