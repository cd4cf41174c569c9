import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { startRedis, type RedisServer } from '@sandpiper/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { refusal } from './client-calls.js';
import { startApp, type TestApp } from './harness.js';

/**
 * Who a service without keys answers: its own host, and neither pages of a browser nor what a proxy passes
 * on.
 */

const ADMIN = 'a'.repeat(40);

let server: RedisServer;
let open: TestApp;
let keyed: TestApp;

beforeAll(async () => {
  server = await startRedis();
  ({ app: open } = await startApp(server.url, { allowedHosts: ['runs.example'] }));
  ({ app: keyed } = await startApp(server.url, {
    auth: { on: true, adminKeys: [ADMIN] },
    allowedHosts: ['pages.example'],
  }));
  await Promise.all([open, keyed].map((app) => app.listen({ host: '127.0.0.1', port: 0 })));
});

afterAll(async () => {
  await Promise.all([open.close(), keyed.close()]);
  await server.stop();
});

const submit = (headers: Record<string, string>) =>
  open.inject({ method: 'POST', url: '/v1/runs', payload: { source: '' }, headers });

describe('without keys', () => {
  it.each([
    { host: 'evil.example' },
    { host: 'evil.example:8080' },
    { host: 'localhost.evil.example' },
    { host: '127.0.0.1.evil.example' },
    { host: '10.0.0.1:8080' },
    { host: '[fd00::1]:8080' },
    { host: 'evil.example@localhost' },
    { origin: 'http://evil.example' },
    { origin: 'https://localhost.evil.example' },
    { origin: 'null' },
    { origin: 'file://' },
    { origin: 'http://127.0.0.1.nip.example' },
    { forwarded: 'for=10.0.0.1' },
    { 'x-forwarded-for': '127.0.0.1' },
    { 'x-forwarded-host': 'localhost' },
    { 'x-forwarded-proto': 'https' },
    { 'x-real-ip': '127.0.0.1' },
    { via: '1.1 proxy' },
  ])('%o is refused, whatever is asked for', async (headers: Record<string, string>) => {
    expect(refusal(await submit(headers))).toEqual([403, 'forbidden']);
    for (const url of ['/v1/keys', '/v1/runs/x', '/metrics', '/openapi.json', '/docs', '/v1/nothing']) {
      expect((await open.inject({ url, headers })).statusCode, url).toBe(403);
    }
    // Probes may come from any host.
    for (const url of ['/healthz', '/readyz']) {
      expect((await open.inject({ url, headers })).statusCode, url).toBe(200);
    }
  });

  it.each([
    { host: 'localhost' },
    { host: 'LOCALHOST:8080' },
    { host: '127.1.2.3:8080' },
    { host: '[::1]:8080' },
    { host: 'a.localhost' },
    { host: 'localhost.' },
    { host: 'runs.example:80' },
    { origin: 'http://localhost:3000' },
    { origin: 'https://runs.example' },
  ])('%o is answered', async (headers: Record<string, string>) => {
    expect((await submit(headers)).statusCode).toBe(202);
  });
});

/** The status of the answer to a WebSocket that does not come about; 101 where it does. */
async function upgrade(app: TestApp, headers: Record<string, string>, options = {}): Promise<number> {
  const { port } = app.server.address() as { port: number };
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/runs/x/stream`, { headers, ...options });
  socket.on('error', () => undefined);
  const [, reply] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  reply.resume();
  return reply.statusCode ?? 0;
}

describe('a WebSocket', () => {
  it('is for no page of another host', async () => {
    // Where it is let in, there is no such run.
    expect(await upgrade(open, {})).toBe(404);
    expect(await upgrade(open, {}, { origin: 'http://localhost:3000' })).toBe(404);
    expect(await upgrade(open, {}, { origin: 'http://evil.example' })).toBe(403);
    expect(await upgrade(open, { host: 'evil.example' })).toBe(403);
    const key = { authorization: `Bearer ${ADMIN}` };
    expect(await upgrade(keyed, key)).toBe(404);
    expect(await upgrade(keyed, key, { origin: 'https://pages.example' })).toBe(404);
    expect(await upgrade(keyed, { ...key, host: 'api.example' }, { origin: 'https://api.example' })).toBe(
      404,
    );
    expect(await upgrade(keyed, key, { origin: 'https://evil.example' })).toBe(403);
    expect(await upgrade(keyed, key, { origin: 'null' })).toBe(403);
  });
});

it('with keys, the name under which it is reached does not matter', async () => {
  const headers = { host: 'evil.example', origin: 'http://evil.example', 'x-forwarded-for': '10.0.0.1' };
  expect((await keyed.inject({ url: '/v1/keys', headers })).statusCode).toBe(401);
  const authorization = `Bearer ${ADMIN}`;
  expect((await keyed.inject({ url: '/v1/keys', headers: { ...headers, authorization } })).statusCode).toBe(
    200,
  );
});
