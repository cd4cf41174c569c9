import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SandpiperClient } from '@sandpiper/client';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startEmbedded } from '../src/embedded/embedded.js';

let stateDir: string;

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'sandpiper-test-'));
  process.env['SANDPIPER_CALLBACK_ALLOW'] = '127.0.0.1';
});

afterEach(async () => {
  delete process.env['SANDPIPER_CALLBACK_ALLOW'];
  await rm(stateDir, { recursive: true, force: true });
});

it('the embedded service creates a secret once, readable only by this user, and signs callbacks of real runs', async () => {
  const received: { headers: IncomingHttpHeaders; body: string }[] = [];
  const receiver = createServer((request, reply) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      received.push({ headers: request.headers, body });
      reply.end();
    });
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const { port } = receiver.address() as AddressInfo;
  const file = join(stateDir, 'callback-secret');
  const secrets: string[] = [];
  try {
    for (const start of ['first', 'second']) {
      const embedded = await startEmbedded({ stateDir, quiet: true });
      try {
        secrets.push(readFileSync(file, 'utf8').trim());
        const id = await new SandpiperClient(embedded.url).submitRun({
          source: `print(${JSON.stringify(start)})`,
          callbackUrl: `http://127.0.0.1:${port}/`,
        });
        await vi.waitFor(() => expect(received.at(-1)?.headers['sandpiper-delivery']).toBe(id), {
          timeout: 60_000,
          interval: 20,
        });
      } finally {
        await embedded.stop();
      }
    }
  } finally {
    receiver.close();
  }
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(secrets[0]).toMatch(/^[0-9a-f]{64}$/);
  expect(secrets[1]).toBe(secrets[0]);
  expect(
    received.map(
      ({ body }) => (JSON.parse(body) as { run: { result: { stdout: string } } }).run.result.stdout,
    ),
  ).toEqual(['first\n', 'second\n']);
  const tenant = createHmac('sha256', secrets[0] ?? '')
    .update('default')
    .digest('hex');
  for (const { headers, body } of received) {
    const [, time, mac] = /^t=(\d+),v1=(\w+)$/.exec(String(headers['sandpiper-signature'])) ?? [];
    expect(mac).toBe(createHmac('sha256', tenant).update(`${time}.${body}`).digest('hex'));
  }
});
