import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SandpiperClient } from '@sandpiper/client';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { startEmbedded, type Embedded, type EmbeddedOptions } from '../src/embedded/embedded.js';

let stateDir: string;
let running: Embedded[] = [];

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'sandpiper-test-'));
});

afterEach(async () => {
  await Promise.all(running.map((embedded) => embedded.stop()));
  running = [];
  await rm(stateDir, { recursive: true, force: true });
});

async function start(
  options: EmbeddedOptions = {},
): Promise<{ embedded: Embedded; client: SandpiperClient }> {
  const embedded = await startEmbedded({ stateDir, ...options });
  running.push(embedded);
  return { embedded, client: new SandpiperClient(embedded.url) };
}

/** A process that is dead and only waits to be reaped by init does nothing any more. */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !stat.slice(stat.lastIndexOf(')')).startsWith(') Z');
  } catch {
    return false;
  }
}

/** Every living process below this one, however deep: services, keepers, guests. */
function descendants(root: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1');
      parents.set(Number(entry), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // gone in the meantime
    }
  }
  const found = [root];
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child);
  return found.slice(1).filter(isAlive);
}

const allGone = (pids: readonly number[]): Promise<void> =>
  vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), { timeout: 30_000, interval: 20 });

describe('the embedded service', () => {
  it('runs a program, keeps its state across a restart, and leaves no process behind', async () => {
    const { embedded, client } = await start();
    const id = await client.submitRun({ source: 'print(6 * 7)' });
    expect(await client.waitRun(id)).toMatchObject({ status: 'ok', stdout: '42\n', node: 'node-1' });
    const pids = Object.values(embedded.state.pids()).flatMap((pid) => (pid === null ? [] : [pid]));
    const everything = [...pids, ...pids.flatMap(descendants)];
    expect(pids).toHaveLength(3);
    await embedded.stop();
    await allGone(everything);
    expect(existsSync(join(stateDir, 'lock'))).toBe(false);

    const { client: again } = await start();
    expect((await again.getRun(id)).result?.stdout).toBe('42\n');
  });

  it('works on both of two nodes, and loses nothing when one is killed in the middle of a batch of 60', async () => {
    const events: string[] = [];
    const { embedded, client } = await start({ nodes: 2, onEvent: (line) => events.push(line) });
    const source = 'n = int(input())\nt = 0\nfor i in range(300000): t += i % 7\nprint(n * n)';
    const runs = Array.from({ length: 60 }, (_, n) => ({ source, stdin: `${n}\n` }));
    const id = await client.submitBatch({ runs });
    await vi.waitFor(
      async () => {
        const batch = await client.getBatch(id);
        const nodes = new Set(batch.runs.map((run) => run.result?.node).filter((node) => node !== undefined));
        expect(nodes.size).toBe(2);
      },
      { timeout: 120_000, interval: 50 },
    );
    const victim = embedded.state.pids()['node-2'] ?? 0;
    const below = descendants(victim);
    process.kill(victim, 'SIGKILL');

    const batch = await client.waitBatch(id);
    expect(batch).toMatchObject({ done: 60, byStatus: { ok: 60 } });
    expect(batch.runs.map((run) => run.result?.stdout)).toEqual(runs.map((_, n) => `${n * n}\n`));
    await allGone([victim, ...below]);
    expect(events[0]).toMatch(/^node-2 died \(SIGKILL\); restarting it/);
    expect(await (await fetch(`${embedded.url}/metrics`)).text()).toContain(
      'sandpiper_runs_total{status="ok",engine="seccomp"} 60',
    );
  });

  it('requires keys when configured, gives its own commands one, and loses nothing in a power failure', async () => {
    vi.stubEnv('SANDPIPER_AUTH', 'on');
    onTestFinished(() => void vi.unstubAllEnvs());
    const { embedded, client } = await start();
    await expect(client.listNodes()).rejects.toMatchObject({ code: 'unauthenticated' });
    const file = JSON.parse(readFileSync(join(stateDir, 'service.json'), 'utf8')) as { adminKey?: string };
    expect(file.adminKey).toBe(embedded.adminKey);
    const own = new SandpiperClient(embedded.url, { apiKey: file.adminKey ?? '' });
    expect(await own.listNodes()).toHaveLength(1);
    const redis = new Redis({ path: embedded.state.redis });
    const setting = await redis.config('GET', 'appendfsync').finally(() => redis.disconnect());
    expect(setting).toEqual(['appendfsync', 'always']);
  });

  it('cancels a running program', async () => {
    const { client } = await start();
    const id = await client.submitRun({ source: 'while True: pass' });
    await vi.waitFor(async () => expect((await client.getRun(id)).state).toBe('running'), {
      timeout: 30_000,
    });
    await client.cancelRun(id);
    expect((await client.waitRun(id)).status).toBe('cancelled');
  });

  it('refuses a state folder that is in use, and names its process', async () => {
    await start();
    await expect(startEmbedded({ stateDir })).rejects.toThrow(
      `Sandpiper is already running (pid ${process.pid}) with its state in ${stateDir}`,
    );
  });

  it('says in one line that the port is taken, and leaves nothing behind', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const before = descendants(process.pid);
    const error = await startEmbedded({ stateDir, port }).catch((e: unknown) => e);
    expect((error as Error).message).toMatch(
      /^scheduler did not start: .*address already in use 127\.0\.0\.1:\d+$/,
    );
    expect(descendants(process.pid).filter((pid) => !before.includes(pid))).toEqual([]);
    expect(existsSync(join(stateDir, 'lock'))).toBe(false);
    holder.close();
  });

  it('dies with its killed parent, and starts again on the state left behind', async () => {
    const parent: ChildProcess = fork(fileURLToPath(new URL('embedded-parent.mjs', import.meta.url)), [
      stateDir,
    ]);
    const [message] = (await once(parent, 'message')) as [{ url: string; id: string }];
    const below = descendants(parent.pid ?? 0);
    expect(below.length).toBeGreaterThanOrEqual(3);
    parent.kill('SIGKILL');
    await allGone(below);

    const { client } = await start();
    expect(await client.waitRun(message.id)).toMatchObject({ status: 'ok', stdout: 'kept\n' });
  });
});
