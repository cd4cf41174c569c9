import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ServiceMessage } from '@sandpiper/telemetry';
import { LocalRedis, type RedisVariables } from '@sandpiper/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';

/** The warnings of a scheduler, as a process, from its start to the answer of its first request. */
async function warnings(variables: RedisVariables): Promise<string[]> {
  const entry = fileURLToPath(new URL('../dist/main.js', import.meta.url));
  // With keys, as it warns without them too.
  const auth = { SANDPIPER_AUTH: 'on', SANDPIPER_ADMIN_KEY: 'a'.repeat(40) };
  const own = { SANDPIPER_PORT: '0', SANDPIPER_LOG_LEVEL: 'warn', ...auth };
  const child = spawn(process.execPath, [entry], {
    env: { ...process.env, ...own, ...variables },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const lines: string[] = [];
  if (child.stdout === null) throw new Error('no standard output');
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const url = await new Promise<string>((resolve) => {
    let address = '';
    child.on('message', (message) => {
      const told = message as ServiceMessage;
      if (told.type === 'listening') address = told.url;
      else resolve(address);
    });
  });
  // Asked on the same connection after the question of the advice, so that has its answer.
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  child.kill('SIGTERM');
  await once(child, 'close');
  return lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
}

async function serverWith(settings: Record<string, string>): Promise<LocalRedis> {
  const server = await LocalRedis.start({ settings });
  onTestFinished(() => server.stop());
  return server;
}

describe('a scheduler', () => {
  it('warns once of a Redis with an eviction policy', async () => {
    const server = await serverWith({ 'maxmemory-policy': 'allkeys-lru' });
    expect(await warnings(server.variables)).toEqual([
      'Redis evicts runs when it is full: set its maxmemory-policy to noeviction (docs/redis.md)',
    ]);
  });

  it('is silent about a Redis with noeviction, or without permission to ask', async () => {
    const server = await serverWith({});
    expect(await warnings(server.variables)).toEqual([]);
    const silent = await serverWith({ 'maxmemory-policy': 'allkeys-lru' });
    await silent.admin((admin) => admin.call('ACL', 'SETUSER', 'default', '-info'));
    expect(await warnings(silent.variables)).toEqual([]);
    await silent.admin((admin) => admin.call('ACL', 'LOG', 'RESET'));
  });
});
