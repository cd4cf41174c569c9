import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Processes, type RedisServer, startRedis } from '@sandpiper/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHART } from '../src/helm.js';

const ADMIN_KEY = 'a'.repeat(32);
const script = readFileSync(join(CHART, 'files/submit-run.mjs'), 'utf8');

let redis: RedisServer;
let processes: Processes;
let server: string;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sandpiper-deploy-'));
  writeFileSync(join(folder, 'admin-key'), `${ADMIN_KEY}\n`);
  redis = await startRedis();
  processes = new Processes(redis);
  server = (await processes.scheduler({ SANDPIPER_AUTH: 'on', SANDPIPER_ADMIN_KEY: ADMIN_KEY })).url;
});

afterAll(async () => {
  await processes.kill();
  await redis.stop();
  rmSync(folder, { recursive: true });
});

/** Runs the script as the pod of `helm test` does: by its text, with nothing of the chart at hand. */
async function helmTest(env: Record<string, string> = {}): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    env: { SERVER: server, ADMIN_KEY_FILE: join(folder, 'admin-key'), TIMEOUT_SECONDS: '60', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output: Buffer.concat(chunks).toString('utf8') };
}

const keysLeft = async (): Promise<unknown> => {
  const response = await fetch(`${server}/v1/keys`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
  return response.json();
};

describe('the script of helm test', () => {
  it('fails while no worker executes its run', async () => {
    const { code, output } = await helmTest({ TIMEOUT_SECONDS: '1' });
    expect(output).toContain('are the workers ready?');
    expect(code).not.toBe(0);
    expect(await keysLeft()).toEqual({ keys: [] });
  });

  it('fails with the answer of the scheduler for a wrong key', async () => {
    writeFileSync(join(folder, 'wrong-key'), 'b'.repeat(32));
    const { code, output } = await helmTest({ ADMIN_KEY_FILE: join(folder, 'wrong-key') });
    expect(output).toContain('POST /v1/keys: 401');
    expect(code).not.toBe(0);
  });

  it('sees its program print 42, and leaves no key', async () => {
    await processes.node('node-1');
    const { code, output } = await helmTest();
    expect(output).toContain('the run printed 42: Sandpiper works');
    expect(code).toBe(0);
    expect(await keysLeft()).toEqual({ keys: [] });
  });
});
