import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ALL_TENANTS, KEYS, runKey, type RedisConnection } from '@sandpiper/store';
import { startRedis, type RedisServer } from '@sandpiper/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './harness.js';

/** Behaviours 72 to 76 of packages/trials/hostile: what hostile clients send to the API. */

let server: RedisServer;
let app: TestApp;
let redis: RedisConnection;
let port: number;

beforeAll(async () => {
  server = await startRedis();
  ({ app, redis } = await startApp(server.url));
  await app.listen({ port: 0, host: '127.0.0.1' });
  port = (app.server.address() as AddressInfo).port;
});

afterAll(async () => {
  await app.close();
  await server.stop();
});

// Whatever was sent, the next client is served, and objects are what they were.
afterEach(async () => {
  expect((await send('/v1/runs', '{"source": "print(42)"}')).status).toBe(202);
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});

interface Reply {
  readonly status: number;
  readonly body: string;
}

/** Over a real socket: what a parser of HTTP does with it is a part of it. */
function send(
  path: string,
  body: string | Buffer | null,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const method = body === null ? 'GET' : 'POST';
  const all = { ...(body === null ? {} : { 'content-type': 'application/json' }), ...headers };
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host: '127.0.0.1', port, method, path, headers: all }, (reply) => {
      let text = '';
      reply.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      reply.on('end', () => resolve({ status: reply.statusCode ?? 0, body: text }));
    });
    sent.on('error', reject);
    sent.end(body ?? undefined);
  });
}

function expectRefusal(reply: Reply, statuses: readonly number[] = [400]): string {
  expect(statuses).toContain(reply.status);
  const { message } = (JSON.parse(reply.body) as { error: { message: string } }).error;
  expect(message).toMatch(/^[^\n\r]{3,400}$/);
  // Neither a place in our code nor one on the host.
  expect(reply.body).not.toMatch(/node_modules|\.js:\d|\.ts:\d|\/dist\//);
  return message;
}

const waiting = async (): Promise<number> => Number((await redis.hget(KEYS.waiting, ALL_TENANTS)) ?? 0);

describe('a body that is deep', () => {
  it.each([
    ['arrays', `${'['.repeat(200_000)}${']'.repeat(200_000)}`],
    ['arrays that do not end', '['.repeat(500_000)],
    ['objects', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
    ['a field', `{"source": "", "env": ${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}`],
    ['runs of a batch', `{"runs": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ])('%s', async (_, body) => {
    expectRefusal(await send(body.includes('runs') ? '/v1/batches' : '/v1/runs', body));
  });
});

describe('keys that mean something to the language', () => {
  it.each([
    '{"source": "", "__proto__": {"polluted": 1}}',
    '{"source": "", "constructor": {"prototype": {"polluted": 1}}}',
    '{"source": "", "limits": {"__proto__": {"polluted": 1}}}',
    '{"source": "", "limits": {"constructor": 1}}',
    '{"source": "", "accept": {"toString": 1}}',
    '{"source": "", "\\u005f_proto__": {"polluted": 1}}',
    '{"runs": [{"source": "", "__proto__": {"polluted": 1}}]}',
    '{"source": "", "env": {"__proto__": "x"}}',
  ])('%s is refused', async (body) => {
    expectRefusal(await send(body.includes('"runs"') ? '/v1/batches' : '/v1/runs', body));
  });

  it('are names of files and variables like any other, where they may be', async () => {
    const body =
      '{"source": "", "files": [{"name": "__proto__", "content": "x"}], "env": {"constructor": "x"}, "outputs": ["__proto__"]}';
    const { status, body: reply } = await send('/v1/runs', body);
    expect(status).toBe(202);
    const { id } = JSON.parse(reply) as { id: string };
    expect(JSON.parse((await redis.hget(runKey(id), 'request')) ?? '')).toMatchObject({
      files: [{ name: '__proto__', content: 'x' }],
      env: { constructor: 'x' },
    });
  });
});

describe('a payload that is too large, in whatever', () => {
  it.each([
    ['a body', '{"source": "', 2 * 1024 * 1024],
    ['spaces before it', `${' '.repeat(1_100_000)}{"source": "`, 1],
    ['an argument', '{"source": "", "args": ["', 140_000],
    ['a variable', '{"source": "", "env": {"A": "', 140_000],
    ['the name of a variable', '{"source": "", "env": {"', 300],
    ['a tag', '{"source": "", "tags": ["', 200],
    ['a key', '{"source": "", "idempotencyKey": "', 1000],
    ['the name of a file', '{"source": "", "files": [{"content": "", "name": "', 2000],
  ])('%s', async (_, head, count) => {
    const before = await waiting();
    const open = head
      .replace(/"[^"]*"/g, '')
      .split('')
      .filter((c) => c === '[' || c === '{')
      .reverse();
    const tail = open.map((c) => (c === '[' ? ']' : '}')).join('');
    const value = head.endsWith('{"') ? `${'x'.repeat(count)}": "1"` : `${'x'.repeat(count)}"`;
    expectRefusal(await send('/v1/runs', `${head}${value}${tail}`), [400, 413]);
    expect(await waiting()).toBe(before);
  });

  it('too many members', async () => {
    const list = (count: number, one: string) => Array.from({ length: count }, () => one).join(',');
    expectRefusal(await send('/v1/runs', `{"source": "", "args": [${list(10_000, '""')}]}`));
    expectRefusal(await send('/v1/runs', `{"source": "", "tags": [${list(10_000, '"t"')}]}`));
    expectRefusal(
      await send('/v1/runs', `{"source": "", "files": [${list(20_000, '{"name":"a","content":""}')}]}`),
      [400, 413],
    );
    expectRefusal(await send('/v1/runs', `{"source": "", ${list(10_000, '"unknown": 1')}}`));
  });

  it('compressed', async () => {
    const reply = await send('/v1/runs', Buffer.alloc(100), { 'content-encoding': 'gzip' });
    expectRefusal(reply, [400, 415]);
  });
});

describe('numbers and texts that are none', () => {
  it.each([
    '{"source": "", "limits": {"cpuMs": 1e400}}',
    '{"source": "", "limits": {"cpuMs": -1}}',
    '{"source": "", "limits": {"cpuMs": 1.5}}',
    '{"source": "", "limits": {"memoryBytes": 9007199254740993}}',
    '{"source": "", "limits": {"cpuMs": "1000"}}',
    '{"source": "", "limits": {"openFiles": 2}}',
    '{"source": "", "priority": NaN}',
    '{"source": "", "args": ["a\\u0000b"]}',
    '{"source": "", "files": [{"name": "a\\u0000", "content": ""}]}',
    '{"source": "", "files": [{"name": "a/../../etc/passwd", "content": ""}]}',
    '{"source": "", "files": [{"name": "/etc/passwd", "content": ""}]}',
    '{"source": "", "stdinBase64": "%%%"}',
    '{"source": ""} {"source": ""}',
    '\u0000',
  ])('%j', async (body) => {
    expectRefusal(await send('/v1/runs', body));
  });

  it('bytes that are no UTF-8', async () => {
    const { status } = await send(
      '/v1/runs',
      Buffer.from([...Buffer.from('{"source": "'), 0xff, 0xfe, ...Buffer.from('"}')]),
    );
    // Replaced by U+FFFD, as web decoders do, or refused.
    expect([202, 400]).toContain(status);
  });
});

describe('ids with odd characters', () => {
  it.each(
    [
      '%00',
      '%0d%0aSet-Cookie:%20x=1',
      '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
      '..%2f',
      '*',
      '%3Cscript%3E',
      '%s%n',
      '__proto__',
      'constructor',
      '%ff%fe',
      '%u0000',
      'a'.repeat(5000),
      '%F0%9F%90%A6',
      '%25',
      "' OR 1=1",
      '%7B%7D',
      'r%20r',
      ';',
      '%1b%5b2J',
    ].map((id) => [id.slice(0, 40), id.replaceAll(' ', '%20')] as const),
  )('%s', async (_, id) => {
    for (const path of [`/v1/runs/${id}`, `/v1/batches/${id}`]) {
      const reply = await send(path, null);
      // A path of that length or with such an escape is refused before the router looks it up.
      const message = expectRefusal(reply, [400, 404, 414]);
      expect(message).not.toContain('<script>');
      expect(reply.body).not.toContain('\u001b');
    }
  });

  it('of batches and requests do not become headers', async () => {
    const { status } = await send('/v1/runs', '{"source": ""}', { 'idempotency-key': 'k\u00ff\t"<>' });
    expect([202, 400]).toContain(status);
    const raw = send('/v1/runs/x', null, { 'x-request-id': 'a b' });
    expectRefusal(await raw, [404]);
  });
});

describe('markup in what is sent', () => {
  it('comes back as JSON that no browser takes for a page', async () => {
    const reply = await app.inject({
      method: 'POST',
      url: '/v1/runs',
      payload: { source: '', '<script>alert(1)</script>': 1 },
    });
    expect(reply.statusCode).toBe(400);
    expect(reply.headers['content-type']).toMatch(/^application\/json/);
    expect(reply.headers['x-content-type-options']).toBe('nosniff');
  });
});
