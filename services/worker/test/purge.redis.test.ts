import { ApiError, SandpiperClient } from '@sandpiper/client';
import { connectFailFast, type RedisConnection, RetentionStore } from '@sandpiper/store';
import { Processes, type RedisServer, startRedis } from '@sandpiper/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Followed } from './followed.js';

/** What a client purges under a real node: it is unknown at once, ends, and nothing of it stays in Redis. */

let redis: RedisServer;
let processes: Processes;
let client: SandpiperClient;
let connection: RedisConnection;

beforeAll(async () => {
  redis = await startRedis();
  processes = new Processes(redis);
  const [scheduler] = await Promise.all([processes.scheduler(), processes.node('n1')]);
  client = new SandpiperClient(scheduler.url);
  connection = connectFailFast(redis.url, 5_000);
});

afterAll(async () => {
  connection?.disconnect();
  await processes.kill();
  await redis.stop();
});

const ENDLESS = 'import time\nprint("begun", flush=True)\nwhile True: time.sleep(1)\n';

const missing = { status: 404, code: 'not-found' };

/** When nodes have told of the last end. */
const nothingIsLeft = (): Promise<void> =>
  vi.waitFor(
    async () => {
      const { queuedBytes, keptBytes, kept } = await new RetentionStore(connection).facts();
      expect([queuedBytes, keptBytes, kept]).toEqual([0, 0, 0]);
    },
    { timeout: 30_000, interval: 50 },
  );

describe('a client', () => {
  it('purges a run that has ended', async () => {
    const id = await client.submitRun({ source: 'print(42)' });
    expect((await client.waitRun(id)).stdout).toBe('42\n');
    expect(await client.purgeRun(id)).toBe(true);
    const error: unknown = await client.purgeRun(id).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject(missing);
    await nothingIsLeft();
  });

  it('purges a running live run, which ends and is removed', async () => {
    const id = await client.submitRun({ source: ENDLESS, live: true, limits: { wallMs: 60_000 } });
    const run = new Followed(client.followRun(id));
    await run.says('begun\n');
    expect(await client.purgeRun(id)).toBe(false);
    await expect(client.getRun(id)).rejects.toMatchObject(missing);
    await expect(client.purgeRun(id)).rejects.toMatchObject(missing);
    await expect(run.ended).rejects.toThrow(/no such run/);
    await nothingIsLeft();
  });

  it('purges a batch with ended, running and waiting runs', async () => {
    const runs = [
      { source: 'print(1)' },
      ...Array.from({ length: 6 }, () => ({ source: ENDLESS, limits: { wallMs: 60_000 } })),
    ];
    const id = await client.submitBatch({ runs });
    await client.waitRun(`${id}-0`);
    await vi.waitFor(async () => expect((await client.getRun(`${id}-1`)).state).toBe('running'), {
      timeout: 20_000,
      interval: 50,
    });
    expect(await client.purgeBatch(id)).toBe(false);
    await expect(client.purgeBatch(id)).rejects.toMatchObject(missing);
    await nothingIsLeft();
    // The cells are free again.
    expect((await client.waitRun(await client.submitRun({ source: 'print(2)' }))).stdout).toBe('2\n');
  });
});
