import { DEFAULT_LIMITS } from '@sandpiper/contracts';
import type { RedisServer } from '@sandpiper/testkit';
import { describe, expect, it } from 'vitest';
import {
  type Claim,
  queueBounds,
  type RedisConnection,
  RetentionStore,
  runKey,
  RunStore,
  syntheticResult,
} from '../src/index.js';
import { TestNode } from '../src/testing.js';
import { useRedis } from './use-redis.js';

/** Enough short runs that the overhead of Redis itself is a small part. */
const MANY = 1000;

let server: RedisServer;
let redis: RedisConnection;
let runs: RunStore;
let retention: RetentionStore;

useRedis(
  (given, started) => {
    redis = given;
    server = started;
    runs = new RunStore(redis);
    retention = new RetentionStore(redis);
  },
  { own: true, keep: true },
);

async function submit(id: string, key: string | null): Promise<void> {
  await runs.submit(
    {
      ...{ id, tenant: 'a', limits: DEFAULT_LIMITS, trace: '' },
      request: { source: 'print(6 * 7)', limits: DEFAULT_LIMITS },
    },
    key === null ? null : { key, fingerprint: 'f'.repeat(64) },
    queueBounds({}),
  );
}

/** Ends all runs that wait. @returns how many there were */
async function endAll(stdout: string): Promise<number> {
  const { claims } = await new TestNode(redis).take(100);
  await Promise.all(claims.map((claim) => end(claim, stdout)));
  return claims.length + (claims.length === 0 ? 0 : await endAll(stdout));
}

async function end({ id, attempt, fence }: Claim, stdout: string): Promise<void> {
  const facts = { id, attempt, limits: DEFAULT_LIMITS, engine: 'seccomp', message: '' } as const;
  const result = syntheticResult({ ...facts, status: 'cancelled', node: 'n', cell: 0 });
  await runs.finish({ ...result, stdout }, fence);
}

/** What Redis takes, but for the buffers of its connections. */
async function used(): Promise<number> {
  const text = await server.admin((admin) => admin.info('memory'));
  const field = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return field('used_memory') - field('mem_clients_normal') - field('mem_aof_buffer');
}

/** Counted honestly: not less than four fifths of what is taken, and not half as much again. */
function expectHonest(counted: number, taken: number): void {
  expect(counted / taken).toBeGreaterThan(0.8);
  expect(counted / taken).toBeLessThan(1.5);
}

describe('bytes as they are counted', () => {
  it('match the memory that Redis reports for short waiting and ended runs', async () => {
    await submit('first', null);
    await endAll('');
    const before = await used();
    const already = (await retention.facts()).keptBytes;
    await Promise.all(Array.from({ length: MANY }, (_, i) => submit(`r${i}`, `key ${i}`)));
    expectHonest((await retention.facts()).queuedBytes, (await used()) - before);
    expect(await endAll('42\n')).toBe(MANY);
    expectHonest((await retention.facts()).keptBytes - already, (await used()) - before);
  });

  it.each([10_000, 100_000, 1_000_000, 8 * 1024 * 1024])(
    'are about what Redis says that a result of %d bytes takes',
    async (length) => {
      await submit(`large${length}`, null);
      await endAll('x'.repeat(length));
      const key = runKey(`large${length}`);
      const taken = await server.admin((admin) => admin.memory('USAGE', key, 'SAMPLES', 0));
      expectHonest(Number(await redis.hget(key, 'size')), taken ?? 0);
    },
  );
});
