import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { connectFailFast, KEYS } from '@sandpiper/store';
import { Processes, startRedis, type RedisServer, type TestService } from '@sandpiper/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { endRun, SERVICE_SECRET, startCallbackApp, submit } from './callback-harness.js';
import { Receiver } from './receiver.js';

const patience = { timeout: 120_000, interval: 50 };

let server: RedisServer;
let receiver: Receiver;
let processes: Processes;
let children: ChildProcess[] = [];
let closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  server = await startRedis();
  receiver = await Receiver.start();
  processes = new Processes(server);
});

afterEach(async () => {
  for (const close of closing) await close();
  closing = [];
  for (const child of children) await killed(child);
  children = [];
  await processes.kill();
  await receiver.stop();
  await server.stop();
});

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** A process that has taken what is due, and waits. */
function startTaker(...args: readonly string[]): ChildProcess {
  const path = fileURLToPath(new URL('takes-callbacks.mjs', import.meta.url));
  const child = fork(path, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  children.push(child);
  return child;
}

/** A connection of the test's own, which stands in for a node. */
async function connected() {
  const redis = connectFailFast(server.url);
  closing.push(() => Promise.resolve(redis.disconnect()));
  await new Promise<void>((resolve) => redis.once('ready', () => resolve()));
  return redis;
}

const startScheduler = (): Promise<TestService> =>
  processes.scheduler({
    SANDPIPER_CALLBACK_SECRET: SERVICE_SECRET,
    SANDPIPER_CALLBACK_ALLOW: '127.0.0.1',
    SANDPIPER_CALLBACK_BACK_OFF_MS: '50',
  });

describe('a scheduler that is killed', () => {
  it.each(['taken', 'queued'] as const)(
    'when it has %s callbacks loses none, and doubles none',
    async (until) => {
      const { app } = await startCallbackApp(server.url);
      const callbackUrl = `http://127.0.0.1:${receiver.port}/`;
      const ids = await Promise.all(Array.from({ length: 5 }, () => submit(app, { callbackUrl })));
      await app.close();

      // No scheduler is there while the runs end: what is due waits.
      const own = await connected();
      for (const id of ids) await endRun(own, id);
      const victim = startTaker(server.url, '500', until);
      const [taken] = (await once(victim, 'message')) as [string[]];
      expect([...taken].sort()).toEqual([...ids].sort());
      await killed(victim);
      expect(await own.zcard(KEYS.callbacks)).toBe(5);
      expect(receiver.received).toEqual([]);

      const survivor = await startCallbackApp(server.url, { leaseMs: 500 });
      closing.push(() => survivor.app.close());
      await vi.waitFor(() => expect(receiver.received).toHaveLength(5), patience);
      await vi.waitFor(async () => expect(await own.zcard(KEYS.callbacks)).toBe(0), patience);
      expect([...receiver.deliveries].sort()).toEqual([...ids].sort());
    },
  );

  it('during deliveries leaves the rest to another, and each callback arrives at least once', async () => {
    const first = await startScheduler();
    const second = await startScheduler();
    const own = await connected();
    const runs = Array.from({ length: 60 }, () => ({
      source: '',
      callbackUrl: `http://127.0.0.1:${receiver.port}/`,
    }));
    const reply = await fetch(`${second.url}/v1/batches`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ runs }),
    });
    const { id } = (await reply.json()) as { id: string };
    const ids = runs.map((_, n) => `${id}-${n}`);
    for (const run of ids.slice(0, 30)) await endRun(own, run);
    await vi.waitFor(() => expect(receiver.received.length).toBeGreaterThan(5), patience);
    first.child.kill('SIGKILL');
    for (const run of ids.slice(30)) await endRun(own, run);
    await vi.waitFor(() => expect(new Set(receiver.deliveries).size).toBe(60), patience);
    await vi.waitFor(async () => expect(await own.zcard(KEYS.callbacks)).toBe(0), patience);
    expect([...new Set(receiver.deliveries)].sort()).toEqual([...ids].sort());
  });
});
