import { DEFAULT_LIMITS, type RunRequest, type RunResult } from '@sandpiper/contracts';
import type { RedisServer } from '@sandpiper/testkit';
import type { Redis } from 'ioredis';
import { describe, expect, it, vi } from 'vitest';
import {
  ApiKeyStore,
  Backlog,
  connectPatient,
  connectSubscriber,
  DeadLetterStore,
  endedKey,
  KEYS,
  MAX_DEATHS,
  MAX_STRAYS,
  NodeRegistry,
  parseFinishedEvent,
  queueBounds,
  runKey,
  RunStore,
  subscribeEvents,
  syntheticResult,
  type Fence,
  type FinishedEvent,
  type RedisConnection,
} from '../src/index.js';
import { useRedis } from './use-redis.js';

let server: RedisServer;
let redis: RedisConnection;
let store: RunStore;
let backlog: Backlog;

useRedis((given, started) => {
  redis = given;
  server = started;
  store = new RunStore(redis);
  backlog = new Backlog(redis);
});

const submit = (id: string, more: Partial<RunRequest> = {}, key: string | null = null, print = 'f') =>
  store.submit(
    {
      id,
      tenant: 'default',
      limits: DEFAULT_LIMITS,
      request: { source: `print("${id}")`, ...more },
      trace: '',
    },
    key === null ? null : { key, fingerprint: print },
    queueBounds({ runs: 1000 }),
  );

const result = (id: string, attempt: number, message: string): RunResult => {
  const facts = { id, attempt, message, limits: DEFAULT_LIMITS, engine: 'seccomp' as const };
  return syntheticResult({ ...facts, status: 'internal-error', node: 'n', cell: 0 });
};

async function claimed(id: string): Promise<Fence> {
  const claim = await store.claim(id, 'node', 0);
  if (claim.outcome !== 'run') throw new Error(`claim: ${claim.outcome}`);
  return claim.fence;
}

/** Its time outside of the queue is over. */
async function returns(id: string): Promise<void> {
  await redis.zadd(KEYS.deferred, 0, id);
  expect(await backlog.takeDeferred(10)).toEqual([id]);
}

/** The node that has the run is dead, and another takes it when its quarantine is over. */
async function claimedAnew(id: string): Promise<Fence> {
  expect(await store.claim(id, 'other', 0)).toEqual({ outcome: 'deferred' });
  await returns(id);
  const claim = await store.claim(id, 'other', 0, true);
  if (claim.outcome !== 'run') throw new Error(`claim: ${claim.outcome}`);
  return claim.fence;
}

const end = async (id: string, message = 'x') => {
  const fence = await claimed(id);
  return store.finish(result(id, 1, message), fence);
};

describe('a run', () => {
  it('is queued, running, done; its request is returned by the claim and removed at the end', async () => {
    expect(await submit('r1')).toEqual({ outcome: 'accepted', id: 'r1' });
    expect(await store.runState('r1')).toEqual({ id: 'r1', state: 'queued', result: null });
    const claim = await store.claim('r1', 'node', 0);
    expect(claim).toMatchObject({
      outcome: 'run',
      attempt: 1,
      deaths: 0,
      request: { source: 'print("r1")' },
    });
    expect((await store.runState('r1'))?.state).toBe('running');
    const fence = 'fence' in claim ? claim.fence : 'queued';
    expect(await store.finish(result('r1', 1, 'x'), fence)).toBe('accepted');
    expect(await store.runState('r1')).toMatchObject({ state: 'done', result: { message: 'x' } });
    expect(await redis.hexists(runKey('r1'), 'request')).toBe(0);
  });

  it('refuses the result of a stale attempt', async () => {
    await submit('r1');
    const first = await claimed('r1');
    const second = await claimedAnew('r1');
    expect(second.epoch).toBeGreaterThan(first.epoch);
    expect(await store.finish(result('r1', 1, 'late'), first)).toBe('stale');
    expect(await store.finish(result('r1', 2, 'right'), second)).toBe('accepted');
    expect(await store.finish(result('r1', 1, 'later'), first)).toBe('done');
    expect((await store.runState('r1'))?.result?.message).toBe('right');
  });

  it('refuses the first node after a failover that has lost its claim', async () => {
    await submit('r1');
    const before = await redis.hgetall(runKey('r1'));
    const first = await store.claim('r1', 'a', 0);
    await redis.del(runKey('r1'));
    await redis.hset(runKey('r1'), before);
    const second = await store.claim('r1', 'b', 0);
    if (first.outcome !== 'run' || second.outcome !== 'run') throw new Error('not claimed');
    expect([first.attempt, second.attempt]).toEqual([1, 1]);
    expect(await store.release('r1', first.fence)).toBe(false);
    expect(await store.finish(result('r1', 1, 'a'), first.fence)).toBe('stale');
    expect(await store.finish(result('r1', 1, 'b'), second.fence)).toBe('accepted');
  });

  it('is accepted once when many submit it concurrently', async () => {
    await submit('r1');
    const attempt = await claimed('r1');
    const tries = Array.from({ length: 20 }, (_, i) => store.finish(result('r1', 1, `${i}`), attempt));
    const outcomes = await Promise.all(tries);
    expect(outcomes.filter((v) => v === 'accepted')).toHaveLength(1);
  });

  it('cannot be claimed when it is done or unknown', async () => {
    await submit('r1');
    await end('r1');
    expect(await store.claim('r1', 'n', 0)).toEqual({ outcome: 'done' });
    expect(await store.claim('nobody', 'n', 0)).toEqual({ outcome: 'missing' });
    expect(await store.finish(result('nobody', 1, 'x'), { claim: 'c', epoch: 1 })).toBe('missing');
  });

  it('shows the mark of a cancel to the node that takes it', async () => {
    await submit('r1');
    expect(await store.markCancelled('r1')).toBe('queued');
    expect(await store.claim('r1', 'n', 0)).toMatchObject({ outcome: 'cancel' });
    expect(await store.markCancelled('nobody')).toBeNull();
  });

  it('is cancelled while no node has it, and not afterwards', async () => {
    await submit('r1');
    await submit('r2');
    expect(await store.finish(result('r1', 0, 'x'), 'queued')).toBe('accepted');
    expect(await redis.get(KEYS.backlogs)).toBe('1');
    expect(await store.claim('r1', 'n', 0)).toEqual({ outcome: 'done' });
    await claimed('r2');
    expect(await store.finish(result('r2', 0, 'x'), 'queued')).toBe('stale');
  });

  it('is given back to the queue only by the attempt that holds it', async () => {
    await submit('r1');
    const first = await claimed('r1');
    const second = await claimedAnew('r1');
    expect(await store.release('r1', first)).toBe(false);
    expect(await store.release('r1', second)).toBe(true);
    expect((await store.runState('r1'))?.state).toBe('queued');
  });

  it('counts a crash after a failure or a silent node, not after being handed back', async () => {
    await submit('r1');
    await store.release('r1', await claimed('r1'));
    expect(await store.claim('r1', 'n', 0)).toMatchObject({ outcome: 'run', deaths: 0 });
    const fence = await claimedAnew('r1');
    await store.release('r1', fence, 'failed');
    await returns('r1');
    expect(await store.claim('r1', 'n', 0, true)).toMatchObject({ outcome: 'run', deaths: 2, attempt: 4 });
    expect(await store.claim('r1', 'n', 0)).toMatchObject({ outcome: 'poison', deaths: MAX_DEATHS });
  });

  it('is not blamed for a living node that lost its lock, up to a bound', async () => {
    await submit('r1');
    for (let i = 0; i < MAX_STRAYS; i += 2) {
      // Told before another node has it, and after.
      expect(await store.release('r1', await claimed('r1'), 'lock-lost')).toBe(true);
      const late = await claimed('r1');
      expect(await store.claim('r1', 'other', 0)).toEqual({ outcome: 'deferred' });
      expect(await store.release('r1', late, 'lock-lost')).toBe(false);
      expect(await store.release('r1', late, 'lock-lost')).toBe(false);
      // It need not wait any more, nor be alone.
      expect(await backlog.takeDeferred(0)).toEqual(['r1']);
    }
    expect(await store.claim('r1', 'n', 0)).toMatchObject({ outcome: 'poison', deaths: 0 });
  });

  it('is deferred without blame when its host lacks a resource, up to a bound', async () => {
    await submit('r1');
    for (let i = 0; i < MAX_STRAYS; i++) {
      expect(await store.release('r1', await claimed('r1'), 'unblamed')).toBe(true);
      expect(await backlog.takeDeferred(10)).toEqual([]);
      await returns('r1');
    }
    expect(await store.claim('r1', 'n', 0)).toMatchObject({ outcome: 'poison', deaths: 0 });
  });

  it('is claimed once by a claim that is resent after a lost answer', async () => {
    await submit('r1');
    const patient = connectPatient(server.url) as Redis;
    patient.on('error', () => undefined);
    const own = new RunStore(patient);
    await own.ping();
    patient.stream.pause();
    const claim = own.claim('r1', 'n', 0);
    await vi.waitFor(async () => expect((await store.runState('r1'))?.state).toBe('running'));
    patient.disconnect(true);
    const got = await claim;
    expect(got).toMatchObject({ outcome: 'run', attempt: 1, deaths: 0 });
    expect(await own.finish(result('r1', 1, 'x'), 'fence' in got ? got.fence : 'queued')).toBe('accepted');
    patient.disconnect();
  });

  it('becomes a dead letter when given up, with the data to requeue it', async () => {
    const dead = new DeadLetterStore(redis);
    await submit('r1');
    await submit('r2');
    await end('r2');
    const attempt = await claimed('r1');
    await store.finish(result('r1', 1, 'given up'), attempt, true);
    expect(await dead.list('default', null, 10)).toMatchObject({
      deadLetters: [{ id: 'r1', tenant: 'default', message: 'given up' }],
      next: null,
    });
    expect(await dead.get('r1')).toMatchObject({
      request: { source: 'print("r1")' },
      result: { message: 'given up' },
    });
    await dead.markRequeued('r1', 'r3');
    expect(await dead.get('r1')).toMatchObject({ requeuedAs: 'r3' });
    expect(await dead.dismiss('r1')).toBe(true);
    expect(await dead.dismiss('r1')).toBe(false);
    expect(await dead.get('r1')).toBeNull();
    expect((await store.runState('r1'))?.result?.message).toBe('given up');
  });

  it('stays on the list when a node ends another whose clock is 25 hours ahead', async () => {
    const dead = new DeadLetterStore(redis);
    await submit('r1');
    await store.finish(result('r1', 1, 'given up'), await claimed('r1'), true);
    const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 25 * 3_600_000);
    try {
      await submit('r2');
      await end('r2');
    } finally {
      clock.mockRestore();
    }
    expect(await dead.count()).toBe(1);
    const [r1, r2] = await redis
      .zrange(endedKey('default'), 0, -1, 'WITHSCORES')
      .then((all) => [all[1], all[3]]);
    expect(Number(r2) - Number(r1)).toBeLessThan(3_600_000);
  });
});

describe('idempotency keys', () => {
  it('belong to the first request that used them, and admit nothing twice', async () => {
    expect(await submit('r1', {}, 'k', 'f1')).toEqual({ outcome: 'accepted', id: 'r1' });
    expect(await submit('r2', {}, 'k', 'f1')).toEqual({ outcome: 'same', id: 'r1' });
    expect(await submit('r3', {}, 'k', 'f2')).toEqual({ outcome: 'different', id: 'r1' });
    expect(await store.runState('r2')).toBeNull();
    expect(await redis.get(KEYS.backlogs)).toBe('1');
  });
});

describe('events', () => {
  it('report ends of runs, and changes of nodes', async () => {
    await submit('r1');
    const connection = connectSubscriber(server.url);
    connection.on('error', () => undefined);
    const nodes = new NodeRegistry(redis);
    let nodesChanged: () => void = () => undefined;
    const changed = new Promise<void>((resolve) => {
      nodesChanged = resolve;
    });
    const event = new Promise<FinishedEvent>((resolve) => {
      subscribeEvents(connection, {
        onFinished: resolve,
        onNodesChanged: nodesChanged,
        onReady: () => void end('r1').then(() => nodes.leave('n')),
      });
    });
    expect(await event).toEqual({ runId: 'r1', batchId: '', batchDone: false, callback: false });
    await changed;
    connection.disconnect();
  });

  it('of foreign senders are ignored', () => {
    expect(parseFinishedEvent('hello')).toBeNull();
    expect(parseFinishedEvent('r - 0')).toEqual({
      runId: 'r',
      batchId: '',
      batchDone: false,
      callback: false,
    });
  });
});

describe('nodes', () => {
  const report = (leaseMs: number) => ({
    name: 'n1',
    state: 'ready' as const,
    cells: [{ id: 0, state: 'busy' as const, run: 'r1' }],
    engines: ['seccomp'],
    version: '1',
    schema: 2,
    startedAt: new Date(0).toISOString(),
    leaseMs,
    warnings: [],
  });

  it('are listed with their runs, lost after a silent lease, and gone after leaving', async () => {
    const nodes = new NodeRegistry(redis);
    await nodes.report(report(60_000), true);
    expect(await nodes.list()).toMatchObject([{ name: 'n1', state: 'ready', cells: [{ run: 'r1' }] }]);
    await nodes.report(report(1), false);
    await vi.waitFor(async () => expect(await nodes.list()).toMatchObject([{ name: 'n1', state: 'lost' }]));
    await nodes.leave('n1');
    expect(await nodes.list()).toEqual([]);
  });

  it('learn that another living one has their name', async () => {
    const nodes = new NodeRegistry(redis);
    const one = report(60_000);
    const other = { ...report(1), startedAt: new Date(1).toISOString() };
    expect((await nodes.report(one, false)).twin).toBe(false);
    expect((await nodes.report(one, false)).twin).toBe(false);
    expect((await nodes.report(other, false)).twin).toBe(true);
    await vi.waitFor(async () => expect(await nodes.list()).toMatchObject([{ state: 'lost' }]));
    expect((await nodes.report(one, false)).twin).toBe(false);
  });
});

describe('API keys', () => {
  it('are stored only as hashes', async () => {
    const keys = new ApiKeyStore(redis);
    const made = await keys.create({ tenant: 'blue', scopes: ['submit'], name: 'laptop' });
    const { key, ...shown } = made;
    expect(await keys.verify(key)).toEqual(shown);
    expect(await keys.list()).toEqual([shown]);
    const stored = JSON.stringify(await redis.hgetall(KEYS.apiKeys));
    expect(stored).not.toContain(key.slice(16));
    for (const wrong of [
      '',
      'sp_',
      key.slice(0, -1),
      `${key.slice(0, -1)}!`,
      key.replace(/_.{12}_/, '_000000000000_'),
    ]) {
      expect(await keys.verify(wrong), wrong).toBeNull();
    }
    const other = await keys.create({ tenant: 'red', scopes: ['read'] });
    expect(await keys.verify(key.slice(0, 16) + other.key.slice(16))).toBeNull();
    expect(await keys.revoke(made.id)).toBe(true);
    expect(await keys.revoke(made.id)).toBe(false);
    expect(await keys.verify(key)).toBeNull();
  });
});
