import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ServiceMessage } from '@sandpiper/telemetry';
import { CheckoutCopy, type RedisServer, startRedis } from '@sandpiper/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

/**
 * A node of a copy of this checkout, with both engines, whose shim has no filter until the test restores it.
 */

const NATIVE = fileURLToPath(new URL('../../../packages/sandbox/guest/native', import.meta.url));

let redis: RedisServer;
let copy: CheckoutCopy;
let node: ChildProcess | null = null;
/** What the node has logged, and told its parent. */
let log: string;
let told: ServiceMessage[];

beforeAll(async () => {
  redis = await startRedis();
  execFileSync('make', ['-s', '-C', NATIVE, 'weak'], { stdio: 'pipe' });
  copy = new CheckoutCopy();
  for (const name of ['lib-python', 'lib_pypy']) mkdirSync(copy.path(`library/${name}`), { recursive: true });
});

afterAll(async () => {
  copy.remove();
  await redis.stop();
});

beforeEach(() => {
  putShim('weak/no-filter.so');
  log = '';
  told = [];
  node = spawn(process.execPath, [copy.path('services/worker/dist/main.js')], {
    env: {
      ...process.env,
      ...redis.variables,
      ...{ SANDPIPER_PORT: '0', SANDPIPER_CELLS: '1', SANDPIPER_PROFILE: 'cold' },
      SANDPIPER_RPYTHON_PYPY: copy.path('packages/sandbox/guest/native/build/translated-guest'),
      SANDPIPER_RPYTHON_LIB: copy.path('library'),
    },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  node.stdout?.setEncoding('utf8').on('data', (text: string) => (log += text));
  node.on('message', (message) => void told.push(message as ServiceMessage));
});

afterEach(async () => {
  if (node === null || node.exitCode !== null) return;
  node.kill('SIGKILL');
  await once(node, 'exit');
});

/** As a deployment does: the new file takes the place of the old one. */
function putShim(name: string): void {
  copyFileSync(`${NATIVE}/build/${name}`, `${copy.shim}.new`);
  renameSync(`${copy.shim}.new`, copy.shim);
}

async function listens(): Promise<string> {
  const address = () => told.find((message) => message.type === 'listening')?.url;
  await expect.poll(address, { timeout: 30_000 }).toBeDefined();
  return address() ?? '';
}

async function readyz(url: string): Promise<{ status: number; reasons: string[] }> {
  const reply = await fetch(`${url}/readyz`);
  const { reasons = [] } = (await reply.json()) as { reasons?: string[] };
  return { status: reply.status, reasons };
}

const saysReady = () => told.some((message) => message.type === 'ready');

it('a node without a filter is not ready, reports why, and becomes ready with a filter', async () => {
  const url = await listens();
  await expect
    .poll(() => readyz(url), { timeout: 60_000 })
    .toMatchObject({
      status: 503,
      reasons: expect.arrayContaining([
        expect.stringMatching(/^self-test: filter of a started guest: /),
        expect.stringMatching(/^self-test: memory limit: /),
        expect.stringMatching(/^self-test: filter of a translated guest: /),
      ]) as string[],
    });
  // The log comes by a pipe, behind the answer.
  await expect
    .poll(() => log, { timeout: 10_000 })
    .toMatch(/"failures":\["self-test: filter of a forked guest: .*self-test failed/);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  expect(saysReady()).toBe(false);

  putShim('sandpiper-shim.so');
  await expect.poll(() => readyz(url), { timeout: 60_000 }).toEqual({ status: 200, reasons: [] });
  await expect.poll(() => log, { timeout: 10_000 }).toContain('self-test passed');
  await expect.poll(saysReady, { timeout: 10_000 }).toBe(true);
});

it('a node leaves when asked to, even before its self-test has passed', async () => {
  await expect.poll(() => log, { timeout: 60_000 }).toContain('self-test failed');
  node?.kill('SIGTERM');
  expect(await once(node as ChildProcess, 'exit')).toEqual([0, null]);
});
