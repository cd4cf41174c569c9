import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callbackBodySchema, type FailedCallback } from '@sandpiper/contracts';
import { KEYS, runKey } from '@sandpiper/store';
import { startRedis, type RedisServer } from '@sandpiper/testkit';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { SERVICE_SECRET, startCallbackApp, submit } from './callback-harness.js';
import type { TestApp } from './harness.js';
import { Receiver } from './receiver.js';

const patience = { timeout: 60_000, interval: 20 };

let server: RedisServer;
let apps: TestApp[] = [];

beforeEach(async () => {
  server = await startRedis();
});

afterEach(async () => {
  for (const app of apps) await app.close();
  apps = [];
  await server.stop();
});

async function start(options: Parameters<typeof startCallbackApp>[1] = {}) {
  const started = await startCallbackApp(server.url, options);
  apps.push(started.app);
  return started;
}

async function receive(...how: Parameters<typeof Receiver.start>): Promise<Receiver> {
  const receiver = await Receiver.start(...how);
  onTestFinished(() => receiver.stop());
  return receiver;
}

const failed = async (app: TestApp): Promise<FailedCallback[]> =>
  (await app.inject('/v1/callbacks/failed')).json<{ callbacks: FailedCallback[] }>().callbacks;

/** The one that was given up. */
const givenUp = (app: TestApp): Promise<FailedCallback> =>
  vi.waitFor(async () => {
    const [first] = await failed(app);
    if (first === undefined) throw new Error('none was given up');
    return first;
  }, patience);

describe('a callback', () => {
  it('delivers the result, signed so that a receiver with the secret can verify it', async () => {
    const receiver = await receive();
    const { app, redis, ends } = await start();
    const id = await submit(app, { callbackUrl: `http://127.0.0.1:${receiver.port}/hook?x=1` });
    expect(await redis.zcard(KEYS.callbacks)).toBe(0);
    await ends(id);
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1), patience);

    const { headers, body, url } = receiver.first;
    expect(url).toBe('/hook?x=1');
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'sandpiper-delivery': id,
      'sandpiper-attempt': '1',
    });
    const told = callbackBodySchema.parse(JSON.parse(body));
    expect(told).toMatchObject({ event: 'run.ended', run: { id, state: 'done', result: { status: 'ok' } } });
    expect(told.run).toEqual((await app.inject(`/v1/runs/${id}`)).json());

    const { secret, tenant } = (await app.inject('/v1/callback-secret')).json<Record<string, string>>();
    expect(secret).toBe(createHmac('sha256', SERVICE_SECRET).update('default').digest('hex'));
    expect(tenant).toBe('default');
    const [, time = '', mac] =
      /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['sandpiper-signature'])) ?? [];
    expect(mac).toBe(
      createHmac('sha256', secret ?? '')
        .update(`${time}.${body}`)
        .digest('hex'),
    );
    expect(await redis.zcard(KEYS.callbacks)).toBe(0);
    expect(await failed(app)).toEqual([]);
    expect((await app.inject('/metrics')).body).toContain(
      'sandpiper_scheduler_callbacks_total{outcome="delivered"} 1',
    );
  });

  it('is verified by the example of the documentation', async () => {
    const receiver = await receive();
    const { app, ends } = await start();
    await ends(await submit(app, { callbackUrl: `http://127.0.0.1:${receiver.port}/` }));
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1), patience);
    const { headers, body } = receiver.first;
    const { secret = '' } = (await app.inject('/v1/callback-secret')).json<Record<string, string>>();
    const signature = String(headers['sandpiper-signature']);

    const page = readFileSync(new URL('../../../docs/callbacks.md', import.meta.url), 'utf8');
    const [, program = ''] = /```python\n([^]*?)```/.exec(page) ?? [];
    const check = (text: string, key: string): string => {
      const call = `import sys\nprint(is_genuine(sys.argv[1], sys.argv[2], sys.stdin.buffer.read()))`;
      const args = ['-c', `${program}\n${call}`, key, signature];
      return execFileSync('pypy3', args, { input: text }).toString().trim();
    };
    expect(check(body, secret)).toBe('True');
    expect(check(`${body} `, secret)).toBe('False');
    expect(check(body, `${secret.slice(1)}0`)).toBe('False');
  });

  it('has the signatures of both secrets while one replaces the other', async () => {
    const next = 'the-next-secret-of-the-service-0123456789';
    const receiver = await receive();
    const { app, ends } = await start({ secrets: [next, SERVICE_SECRET] });
    await ends(await submit(app, { callbackUrl: `http://127.0.0.1:${receiver.port}/` }));
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1), patience);
    const { headers, body } = receiver.first;
    const [time = '', ...signatures] = String(headers['sandpiper-signature']).split(',');
    const of = (service: string): string => {
      const secret = createHmac('sha256', service).update('default').digest('hex');
      return `v1=${createHmac('sha256', secret)
        .update(`${time.slice(2)}.${body}`)
        .digest('hex')}`;
    };
    expect(signatures).toEqual([of(next), of(SERVICE_SECRET)]);
    expect((await app.inject('/v1/callback-secret')).json()).toMatchObject({
      secret: createHmac('sha256', next).update('default').digest('hex'),
    });
  });

  it('is sent again after an answer that says no, with the same id and a new signature', async () => {
    const receiver = await receive((_request, count) => (count < 2 ? 500 : 200));
    const { app, ends } = await start();
    const id = await submit(app, { callbackUrl: `http://127.0.0.1:${receiver.port}/` });
    await ends(id);
    await vi.waitFor(() => expect(receiver.received).toHaveLength(3), patience);
    expect(receiver.deliveries).toEqual([id, id, id]);
    expect(receiver.received.map(({ headers }) => headers['sandpiper-attempt'])).toEqual(['1', '2', '3']);
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
    const metrics = async (): Promise<string> => (await app.inject('/metrics')).body;
    await vi.waitFor(async () => expect(await metrics()).toContain('outcome="delivered"} 1'), patience);
    expect(await metrics()).toContain('outcome="retry"} 2');
  });

  it('is given up after its attempts, is listed, and can be retried', async () => {
    let up = false;
    const receiver = await receive(() => (up ? 200 : 503));
    const { app, ends } = await start({ attempts: 2 });
    const id = await submit(app, { callbackUrl: `http://127.0.0.1:${receiver.port}/secret-path` });
    await ends(id);
    const lost = await givenUp(app);
    expect(lost).toMatchObject({
      id,
      tenant: 'default',
      origin: `http://127.0.0.1:${receiver.port}`,
      attempts: 2,
      reason: 'the answer was 503',
    });
    expect(receiver.received).toHaveLength(2);
    up = true;
    const again = (of: string) => app.inject({ method: 'POST', url: `/v1/callbacks/failed/${of}/retry` });
    expect((await again(id)).statusCode).toBe(202);
    await vi.waitFor(() => expect(receiver.received).toHaveLength(3), patience);
    await vi.waitFor(async () => expect(await failed(app)).toEqual([]), patience);
    expect((await again(id)).statusCode).toBe(404);
  });

  it('is sent for every run of a batch, and for a cancelled run', async () => {
    const receiver = await receive();
    const { app, ends } = await start();
    const callbackUrl = `http://127.0.0.1:${receiver.port}/`;
    const runs = [0, 1, 2].map((n) => ({ source: `${n}`, callbackUrl }));
    const { id } = (await app.inject({ method: 'POST', url: '/v1/batches', payload: { runs } })).json<{
      id: string;
    }>();
    await ends(`${id}-0`);
    await ends(`${id}-1`);
    await app.inject({ method: 'DELETE', url: `/v1/runs/${id}-2` });
    await vi.waitFor(() => expect(receiver.received).toHaveLength(3), patience);
    expect([...receiver.deliveries].sort()).toEqual([`${id}-0`, `${id}-1`, `${id}-2`]);
    const statuses = receiver.received.map(({ body }) => callbackBodySchema.parse(JSON.parse(body)));
    expect(statuses.filter(({ run }) => run.result?.status === 'cancelled')).toHaveLength(1);
  });

  it('omits a result that is too long, and marks the omission', async () => {
    const receiver = await receive();
    const { app, redis, ends } = await start();
    const id = await submit(app, { callbackUrl: `http://127.0.0.1:${receiver.port}/` });
    // The deliverer reads the stored result, which is written long before.
    await redis.hset(runKey(id), 'callback', '');
    await ends(id);
    const stored = (await redis.hget(runKey(id), 'result')) ?? '';
    await redis.hset(runKey(id), {
      callback: `http://127.0.0.1:${receiver.port}/`,
      result: stored.replace('ended by the test', 'x'.repeat(5 * 1024 * 1024)),
    });
    await redis.zadd(KEYS.callbacks, 1, id);
    await vi.waitFor(() => expect(receiver.received).toHaveLength(1), patience);
    expect(JSON.parse(receiver.received[0]?.body ?? '')).toEqual({
      event: 'run.ended',
      run: { id, state: 'done', result: null },
      resultOmitted: true,
    });
  });
});

describe('what a callback does not do', () => {
  it('follow a redirect', async () => {
    const inner = await receive();
    const location = `http://127.0.0.1:${inner.port}/`;
    const receiver = await receive(() => ({ status: 302, headers: { location } }));
    const { app, ends } = await start({ attempts: 2 });
    await ends(await submit(app, { callbackUrl: `http://127.0.0.1:${receiver.port}/` }));
    expect((await givenUp(app)).reason).toBe('the answer was 302');
    expect(receiver.received).toHaveLength(2);
    expect(inner.received).toEqual([]);
  });

  it('go to an address that is not on the public Internet, whatever name it hides behind', async () => {
    const receiver = await receive();
    const { app, ends } = await start({
      allow: '',
      resolve: () => Promise.resolve(['8.8.8.8', '127.0.0.1']),
    });
    const refused = await app.inject({
      method: 'POST',
      url: '/v1/runs',
      payload: { source: '', callbackUrl: `https://127.0.0.1:${receiver.port}/` },
    });
    expect(refused.statusCode).toBe(400);
    expect(refused.json()).toMatchObject({ error: { code: 'invalid-request', path: 'callbackUrl' } });

    await ends(await submit(app, { callbackUrl: `https://hooks.example:${receiver.port}/` }));
    const lost = await givenUp(app);
    expect(lost.reason).toContain('not on the public Internet (loopback)');
    expect(lost.attempts).toBe(1);
    expect(receiver.received).toEqual([]);
  });

  it('ask the name again between the check and the connection', async () => {
    const allowed = await receive();
    const asked: string[] = [];
    // The first look-up is allowed; a second one would return 127.0.0.2.
    const resolve = (name: string): Promise<string[]> => {
      asked.push(name);
      return Promise.resolve([asked.length === 1 ? '127.0.0.1' : '127.0.0.2']);
    };
    const { app, ends } = await start({ allow: '127.0.0.1', resolve });
    const id = await submit(app, { callbackUrl: `http://rebinding.example:${allowed.port}/` });
    await ends(id);
    await vi.waitFor(() => expect(allowed.deliveries).toEqual([id]), patience);
    expect(asked).toEqual(['rebinding.example']);
    expect(allowed.received[0]?.headers.host).toBe(`rebinding.example:${allowed.port}`);

    await ends(await submit(app, { callbackUrl: `http://rebinding.example:${allowed.port}/` }));
    expect((await givenUp(app)).reason).toContain('loopback');
    expect(allowed.received).toHaveLength(1);
  });

  it('trust a certificate that is self-signed or for another name', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sandpiper-test-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
    const how = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const name = ['-subj', '/CN=hooks.example', '-addext', 'subjectAltName=DNS:hooks.example'];
    execFileSync('openssl', ['req', '-x509', ...how, ...name, '-keyout', key, '-out', cert], {
      stdio: 'ignore',
    });
    const tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
    const receiver = await receive(() => 204, tls);
    const resolve = (): Promise<string[]> => Promise.resolve(['127.0.0.1']);
    const trusting = await start({ resolve, attempts: 1, ca: tls.cert });
    const id = await submit(trusting.app, { callbackUrl: `https://hooks.example:${receiver.port}/` });
    await trusting.ends(id);
    await vi.waitFor(() => expect(receiver.deliveries).toEqual([id]), patience);
    await trusting.ends(
      await submit(trusting.app, { callbackUrl: `https://other.example:${receiver.port}/` }),
    );
    expect((await givenUp(trusting.app)).reason).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    await trusting.app.close();

    const strict = await start({ resolve, attempts: 1 });
    const second = await submit(strict.app, { callbackUrl: `https://hooks.example:${receiver.port}/` });
    await strict.ends(second);
    await vi.waitFor(async () => expect(await failed(strict.app)).toHaveLength(2), patience);
    expect((await failed(strict.app)).find((one) => one.id === second)?.reason).toBe(
      'DEPTH_ZERO_SELF_SIGNED_CERT',
    );
    expect(receiver.received).toHaveLength(1);
  });

  it('wait for ever for an answer', async () => {
    const receiver = await receive(() => 'silence');
    const { app, ends } = await start({ attempts: 1, timeoutMs: 200 });
    await ends(await submit(app, { callbackUrl: `http://127.0.0.1:${receiver.port}/` }));
    expect((await givenUp(app)).reason).toBe('no answer in time');
  });
});

describe('access', () => {
  it('gives each tenant its own secret, and lists failed callbacks only for admins', async () => {
    const adminKey = 'k'.repeat(40);
    const { app } = await start({ auth: { on: true, adminKeys: [adminKey] } });
    const as = (key: string) => ({ authorization: `Bearer ${key}` });
    const keyOf = async (tenant: string): Promise<string> => {
      const payload = { tenant, scopes: ['submit'] };
      const made = await app.inject({ method: 'POST', url: '/v1/keys', payload, headers: as(adminKey) });
      return made.json<{ key: string }>().key;
    };
    const [a, b] = [await keyOf('a'), await keyOf('b')];
    const secretOf = async (key: string): Promise<unknown> =>
      (await app.inject({ url: '/v1/callback-secret', headers: as(key) })).json();
    expect(await secretOf(a)).toEqual({
      tenant: 'a',
      secret: createHmac('sha256', SERVICE_SECRET).update('a').digest('hex'),
    });
    expect(await secretOf(a)).not.toEqual(await secretOf(b));
    expect((await app.inject('/v1/callback-secret')).statusCode).toBe(401);
    expect((await app.inject({ url: '/v1/callbacks/failed', headers: as(a) })).statusCode).toBe(403);
    expect((await app.inject({ url: '/v1/callbacks/failed', headers: as(adminKey) })).statusCode).toBe(200);
  });
});
