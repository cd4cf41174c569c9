import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ApiError, ConnectionError, SandpiperClient } from '../src/index.js';

let server: Server | null = null;

afterEach(async () => {
  const closing = server;
  server = null;
  if (closing === null) return;
  closing.closeAllConnections();
  await new Promise((resolve) => closing.close(resolve));
});

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

async function serve(answer: Answer): Promise<SandpiperClient> {
  const started = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => answer(request, response, body));
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve));
  return new SandpiperClient(`http://127.0.0.1:${(started.address() as AddressInfo).port}/`);
}

const json = (response: ServerResponse, status: number, body: object, headers = {}): void => {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
};

describe('client', () => {
  it('submits a run and polls until it has a result', async () => {
    const seen: string[] = [];
    const client = await serve((request, response, body) => {
      seen.push(`${request.method} ${request.url} ${body}`);
      if (request.method === 'POST') return json(response, 202, { id: 'r1' });
      const done = seen.length > 2;
      return json(response, 200, {
        id: 'r1',
        state: done ? 'done' : 'running',
        result: done ? { id: 'r1' } : null,
      });
    });
    expect(await client.submitRun({ source: 'print(42)' })).toBe('r1');
    expect(await client.waitRun('r1')).toEqual({ id: 'r1' });
    expect(seen).toEqual([
      'POST /v1/runs {"source":"print(42)"}',
      'GET /v1/runs/r1?wait=30 ',
      'GET /v1/runs/r1?wait=30 ',
    ]);
  });

  it('reports progress of a batch and fetches the results once', async () => {
    const seen: string[] = [];
    const client = await serve((request, response) => {
      seen.push(request.url ?? '');
      json(response, 200, { id: 'b', state: seen.length > 1 ? 'done' : 'running', done: seen.length });
    });
    const progress: number[] = [];
    await client.waitBatch('b', { onProgress: (batch) => progress.push(batch.done) });
    expect(progress).toEqual([1, 2]);
    expect(seen).toEqual(['/v1/batches/b/summary?wait=1', '/v1/batches/b/summary?wait=1', '/v1/batches/b']);
  });

  it('reports refusals of the server', async () => {
    const error = { code: 'invalid-request', message: 'must be positive', path: 'limits.cpuMs' };
    const client = await serve((_request, response) =>
      json(response, 400, { error }, { 'Retry-After': '3' }),
    );
    const refusal = await client.submitRun({ source: '' }).catch((e: unknown) => e);
    expect(refusal).toBeInstanceOf(ApiError);
    expect(refusal).toMatchObject({
      status: 400,
      code: 'invalid-request',
      path: 'limits.cpuMs',
      message: 'limits.cpuMs: must be positive',
      retryAfterSeconds: 3,
    });
  });

  it('explains answers that are not from the API', async () => {
    const client = await serve((_request, response) => response.writeHead(502).end('<html>'));
    await expect(client.health()).rejects.toMatchObject({ status: 502, code: 'http-502' });
    server
      ?.removeAllListeners('request')
      .on('request', (_request, response: ServerResponse) => response.end('hi'));
    await expect(client.health()).rejects.toMatchObject({ code: 'bad-answer' });
  });

  it('reports a refused connection in one line', async () => {
    const client = await serve(() => undefined);
    await new Promise((resolve) => server?.close(resolve));
    server = null;
    const error = await client.health().catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ConnectionError);
    expect((error as Error).message).toMatch(
      /^http:\S+: connection refused: no Sandpiper server listens there$/,
    );
  });

  it('stops when the caller aborts', async () => {
    const controller = new AbortController();
    const client = await serve(() => controller.abort(new Error('enough')));
    await expect(client.waitRun('r', { signal: controller.signal })).rejects.toThrow('enough');
  });

  it.each(['', 'localhost:8080', 'ftp://x'])('refuses %j as a server', (url) => {
    expect(() => new SandpiperClient(url)).toThrow(/not an http/);
  });
});

describe('a stream', () => {
  it('ends when its caller stops at its last line', async () => {
    const line = (n: number) => `${JSON.stringify({ position: n, index: n - 1, run: { id: `r${n}` } })}\n`;
    let sendLast: () => void = () => undefined;
    const client = await serve((_, response) => {
      response.writeHead(200).write(line(1));
      // The last line and the end arrive together.
      sendLast = () => response.end(line(2));
    });
    const controller = new AbortController();
    const ends = client.followBatch('b', { signal: controller.signal });
    await ends.next();
    const last = ends.next();
    const afterIt = ends.next();
    sendLast();
    expect((await last).value).toMatchObject({ position: 2 });
    controller.abort(new Error('enough'));
    await expect(afterIt).rejects.toThrow('enough');
  });
});

describe('a submission', () => {
  const submissions: [string, (client: SandpiperClient) => Promise<string>][] = [
    ['of a run', (client) => client.submitRun({ source: '' })],
    ['of a batch', (client) => client.submitBatch({ runs: [{ source: '' }] })],
    ['of lines', (client) => client.streamBatch([{ source: '' }])],
  ];

  it.each(submissions)('%s is sent again with its key while its outcome is unknown', async (_, submit) => {
    const keys: (string | undefined)[] = [];
    const client = await serve((request, response) => {
      keys.push(request.headers['idempotency-key'] as string | undefined);
      if (keys.length === 1) {
        return json(response, 503, { error: { code: 'unknown-outcome', message: 'no answer' } });
      }
      // The connection breaks when all of it has come.
      if (keys.length === 2) return response.destroy();
      return json(response, 202, { id: 'x1' });
    });
    expect(await submit(client)).toBe('x1');
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[\w-]{16,}$/);
  });

  it.each(submissions)('%s that was refused is not sent again', async (_, submit) => {
    let count = 0;
    const client = await serve((_request, response) => {
      count += 1;
      json(response, 503, { error: { code: 'store-unavailable', message: 'nothing was accepted' } });
    });
    await expect(submit(client)).rejects.toMatchObject({ code: 'store-unavailable' });
    expect(count).toBe(1);
  });

  it('uses the idempotency key of its request, if it has one', async () => {
    const seen: unknown[] = [];
    const client = await serve((request, response, body) => {
      seen.push(
        request.headers['idempotency-key'],
        (JSON.parse(body) as { idempotencyKey: string }).idempotencyKey,
      );
      json(response, 202, { id: 'x1' });
    });
    await client.submitRun({ source: '', idempotencyKey: 'mine' });
    expect(seen).toEqual([undefined, 'mine']);
  });
});
