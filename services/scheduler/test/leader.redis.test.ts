import { DEFAULT_LIMITS } from '@sandpiper/contracts';
import {
  Backlog,
  BatchStore,
  connectPatient,
  KEYS,
  NodeRegistry,
  queueBounds,
  type RedisConnection,
  RetentionStore,
  RunStore,
} from '@sandpiper/store';
import { TestNode } from '@sandpiper/store/testing';
import { createLogger } from '@sandpiper/telemetry';
import { startRedis, type RedisServer } from '@sandpiper/testkit';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { Bounds } from '../src/bounds.js';
import { Leader } from '../src/leader.js';

const patience = { timeout: 20_000, interval: 5 };

let server: RedisServer;
let redis: RedisConnection;

beforeAll(async () => {
  server = await startRedis();
  redis = connectPatient(server.url);
  redis.on('error', () => undefined);
});
beforeEach(() => server.flush());
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

/** Counts how often ended records are looked through. */
class CountingRetention extends RetentionStore {
  sweeps = 0;

  override sweep(...bounds: Parameters<RetentionStore['sweep']>): ReturnType<RetentionStore['sweep']> {
    this.sweeps += 1;
    return super.sweep(...bounds);
  }
}

/** One that ticks only when told to. */
const leaderOver = (retention = new RetentionStore(redis), onPutBack?: (runs: number) => void): Leader =>
  new Leader({
    batches: new BatchStore(redis),
    backlog: new Backlog(redis),
    nodes: new NodeRegistry(redis),
    retention,
    bounds: new Bounds(1000, {}),
    log: createLogger({ service: 'test', level: 'silent' }),
    up: () => true,
    ...(onPutBack === undefined ? {} : { onPutBack }),
  });

async function submit(id: string): Promise<void> {
  const run = { id, tenant: 't', limits: DEFAULT_LIMITS, request: { source: '' }, trace: '' };
  await new RunStore(redis).submit(run, null, queueBounds({ runs: 10 }));
}

it('a scheduler that does not lead does nothing when a run ends, which all of them hear of', async () => {
  const [leading, following] = [new CountingRetention(redis), new CountingRetention(redis)];
  const [leader, follower] = [leaderOver(leading), leaderOver(following)];
  leader.nodesChanged();
  await vi.waitFor(() => expect(leading.sweeps).toBeGreaterThan(0), patience);
  follower.nodesChanged();
  for (let turn = 0; turn < 3; turn++) {
    const before = leading.sweeps;
    follower.ended();
    await vi.waitFor(() => {
      leader.ended();
      expect(leading.sweeps).toBeGreaterThan(before);
    }, patience);
  }
  expect(following.sweeps).toBe(0);
  await leader.close();
  // It has stepped down, so the other leads at its next tick.
  follower.nodesChanged();
  await vi.waitFor(() => expect(following.sweeps).toBeGreaterThan(0), patience);
  await follower.close();
});

it('the leader takes the runs of a silent node back, and puts them into the backlog when they are due', async () => {
  await submit('r');
  const node = new TestNode(redis);
  expect((await node.take()).claims).toHaveLength(1);
  await node.lease(-1);
  const leader = leaderOver();
  // After a while, in case Redis was away and the node comes back.
  await vi.waitFor(async () => {
    leader.nodesChanged();
    expect(await redis.zcard(KEYS.deferred)).toBe(1);
  }, patience);
  await redis.zadd(KEYS.deferred, 0, 'r');
  leader.nodesChanged();
  await vi.waitFor(async () => expect(await redis.hget(KEYS.waiting, 't')).toBe('1'), patience);
  await leader.close();
});

it('the leader puts runs back that count as running and that no node has', async () => {
  await submit('r');
  const node = new TestNode(redis);
  await node.take();
  await redis.zrem(KEYS.leases, node.instance);
  await redis.zadd(KEYS.running, 0, 'r');
  const told: number[] = [];
  const leader = leaderOver(new RetentionStore(redis), (runs) => told.push(runs));
  leader.nodesChanged();
  await vi.waitFor(() => expect(told).toEqual([1]), patience);
  expect(await redis.hget(KEYS.waiting, 't')).toBe('1');
  await leader.close();
});
