import { DEFAULT_LIMITS, type RunRequest, type RunResult } from '@sandpiper/contracts';
import type { RedisServer } from '@sandpiper/testkit';
import type { Redis } from 'ioredis';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import {
  ALL_TENANTS,
  ApiKeyStore,
  Backlog,
  backlogKey,
  connectPatient,
  connectSubscriber,
  DeadLetterStore,
  endedKey,
  KEYS,
  MAX_DEATHS,
  MAX_STRAYS,
  NodeRegistry,
  parseFinishedEvent,
  PREFIXES,
  queueBounds,
  runKey,
  RunStore,
  subscribeEvents,
  syntheticResult,
  type Fence,
  type FinishedEvent,
  type RedisConnection,
} from '../src/index.js';
import { TestNode } from '../src/testing.js';
import { useRedis } from './use-redis.js';

let server: RedisServer;
let redis: RedisConnection;
let store: RunStore;
let backlog: Backlog;
let node: TestNode;
let other: TestNode;

useRedis((given, started) => {
  redis = given;
  server = started;
  store = new RunStore(redis);
  backlog = new Backlog(redis);
});

beforeEach(() => {
  node = new TestNode(redis);
  other = new TestNode(redis, 'other');
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
  const claim = await node.claim(id);
  if (claim?.outcome !== 'run') throw new Error(`claim: ${claim?.outcome}`);
  return claim.fence;
}

/** Its time outside of the backlogs is over. */
async function returns(id: string): Promise<void> {
  await redis.zadd(KEYS.deferred, 0, id);
  expect(await backlog.takeDeferred(10)).toBe(1);
}

/** The lease of the node is over. @returns the runs that it had */
async function dies(dead: TestNode): Promise<string[]> {
  await dead.lease(-1);
  return backlog.loseNodes();
}

/** The node that has the run is dead, and another takes it when its quarantine is over. */
async function claimedAnew(id: string): Promise<Fence> {
  expect(await dies(node)).toEqual([id]);
  expect((await other.take()).claims).toEqual([]);
  await returns(id);
  const claim = await other.claim(id);
  if (claim?.outcome !== 'run') throw new Error(`claim: ${claim?.outcome}`);
  return claim.fence;
}

const processOf = (name: string) => ({ name, instance: `${name}/1`, runtimes: ['default'] });

const nodeReport = (leaseMs: number) => ({
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

const end = async (id: string, message = 'x') => {
  const fence = await claimed(id);
  return store.finish(result(id, 1, message), fence);
};

describe('a run', () => {
  it('is queued, running, done; its request is returned by the claim and removed at the end', async () => {
    expect(await submit('r1')).toEqual({ outcome: 'accepted', id: 'r1' });
    expect(await store.runState('r1')).toEqual({ id: 'r1', state: 'queued', result: null });
    const claim = await node.claim('r1');
    expect(claim).toMatchObject({
      outcome: 'run',
      attempt: 1,
      deaths: 0,
      request: { source: 'print("r1")' },
    });
    expect((await store.runState('r1'))?.state).toBe('running');
    expect(await store.finish(result('r1', 1, 'x'), claim?.fence ?? 'queued')).toBe('accepted');
    expect(await store.runState('r1')).toMatchObject({ state: 'done', result: { message: 'x' } });
    expect(await redis.hexists(runKey('r1'), 'request')).toBe(0);
  });

  it('refuses the result of a stale attempt', async () => {
    await submit('r1');
    const first = await claimed('r1');
    const second = await claimedAnew('r1');
    expect(second.epoch).toBeGreaterThan(first.epoch);
    expect(await store.finish(result('r1', 1, 'late'), first)).toBe('stale');
    // It shows that its node lives, so the run is not blamed.
    expect(await redis.hget(runKey('r1'), 'deaths')).toBe('0');
    expect(await store.finish(result('r1', 2, 'right'), second)).toBe('accepted');
    expect(await store.finish(result('r1', 1, 'later'), first)).toBe('done');
    expect((await store.runState('r1'))?.result?.message).toBe('right');
  });

  it('refuses the first node after a failover that has lost its claim', async () => {
    await submit('r1');
    const before = await redis.hgetall(runKey('r1'));
    const first = await claimed('r1');
    await redis.del(runKey('r1'));
    await redis.hset(runKey('r1'), before);
    await redis.zadd(backlogKey('default', 'default'), 1, 'r1');
    await redis.zadd(`${PREFIXES.active}default`, 0, 'default');
    const second = await other.claim('r1');
    if (second === null) throw new Error('not claimed');
    expect(second.attempt).toBe(1);
    expect(await store.release('r1', first)).toBe(false);
    expect(await store.finish(result('r1', 1, 'a'), first)).toBe('stale');
    expect(await store.finish(result('r1', 1, 'b'), second.fence)).toBe('accepted');
  });

  it('whose end a failover has lost goes back when its node reports that it does not know of it', async () => {
    const nodes = new NodeRegistry(redis);
    const { instance } = node;
    const process = { name: 'node', instance, runtimes: ['default'] };
    await submit('r1');
    await submit('r2');
    await node.take(2);
    const report = nodeReport(60_000);
    // One that was taken just now may be on its way.
    await nodes.report(process, report, [], false);
    expect((await store.runState('r1'))?.state).toBe('running');
    for (const id of ['r1', 'r2']) await redis.zadd(KEYS.running, 0, id);
    expect((await nodes.report(process, report, ['r2'], false)).lost).toBe(false);
    expect((await store.runState('r1'))?.state).toBe('queued');
    expect((await store.runState('r2'))?.state).toBe('running');
    expect(await other.claim('r1')).toMatchObject({ outcome: 'run', attempt: 2, deaths: 0 });
  });

  it('is accepted once when many submit it concurrently', async () => {
    await submit('r1');
    const attempt = await claimed('r1');
    const tries = Array.from({ length: 20 }, (_, i) => store.finish(result('r1', 1, `${i}`), attempt));
    const outcomes = await Promise.all(tries);
    expect(outcomes.filter((v) => v === 'accepted')).toHaveLength(1);
  });

  it('cannot be taken when it is done', async () => {
    await submit('r1');
    await end('r1');
    expect(await node.claim('r1')).toBeNull();
    expect(await store.finish(result('nobody', 1, 'x'), { claim: 'c', epoch: 1 })).toBe('missing');
  });

  it('shows the mark of a cancel to the node that takes it', async () => {
    await submit('r1');
    expect(await store.markCancelled('r1')).toBe('queued');
    expect(await node.claim('r1')).toMatchObject({ outcome: 'cancel' });
    expect(await store.markCancelled('nobody')).toBeNull();
  });

  it('is cancelled while no node has it, and not afterwards', async () => {
    await submit('r1');
    await submit('r2');
    expect(await store.finish(result('r1', 0, 'x'), 'queued')).toBe('accepted');
    expect(await redis.hget(KEYS.waiting, 'default')).toBe('1');
    expect(await node.claim('r1')).toBeNull();
    await claimed('r2');
    expect(await store.finish(result('r2', 0, 'x'), 'queued')).toBe('stale');
  });

  it('is given back only by the attempt that holds it', async () => {
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
    expect(await node.claim('r1')).toMatchObject({ outcome: 'run', deaths: 0 });
    const fence = await claimedAnew('r1');
    await store.release('r1', fence, 'failed');
    await returns('r1');
    expect(await node.claim('r1')).toMatchObject({ outcome: 'run', deaths: 2, attempt: 4 });
    expect(await dies(node)).toEqual(['r1']);
    await returns('r1');
    expect(await other.claim('r1')).toMatchObject({ outcome: 'poison', deaths: MAX_DEATHS });
  });

  it('is not blamed for a living node that lost its lease, up to a bound', async () => {
    await submit('r1');
    for (let i = 0; i < MAX_STRAYS; i += 2) {
      // Told before the lease is over, and after.
      expect(await store.release('r1', await claimed('r1'), 'lock-lost')).toBe(true);
      const late = await claimed('r1');
      expect(await dies(node)).toEqual(['r1']);
      expect(await store.release('r1', late, 'lock-lost')).toBe(false);
      expect(await store.release('r1', late, 'lock-lost')).toBe(false);
      // It need not wait any more, nor be alone.
      expect(await backlog.takeDeferred(0)).toBe(1);
    }
    expect(await node.claim('r1')).toMatchObject({ outcome: 'poison', deaths: 0 });
  });

  it('is deferred without blame when its host lacks a resource, up to a bound', async () => {
    await submit('r1');
    for (let i = 0; i < MAX_STRAYS; i++) {
      expect(await store.release('r1', await claimed('r1'), 'unblamed')).toBe(true);
      expect(await backlog.takeDeferred(10)).toBe(0);
      await returns('r1');
    }
    expect(await node.claim('r1')).toMatchObject({ outcome: 'poison', deaths: 0 });
  });

  it('is taken once by a call that is sent again after a lost answer', async () => {
    await submit('r1');
    await submit('r2');
    await node.lease(60_000);
    const patient = connectPatient(server.url) as Redis;
    patient.on('error', () => undefined);
    const own = new RunStore(patient);
    await own.ping();
    patient.stream.pause();
    const call = { node: 'node', instance: node.instance, sequence: 1, runtimes: ['default'], most: 1 };
    const answer = own.take(call);
    await vi.waitFor(async () => expect((await store.runState('r1'))?.state).toBe('running'));
    patient.disconnect(true);
    const { claims } = await answer;
    expect(claims).toMatchObject([{ id: 'r1', outcome: 'run', attempt: 1, deaths: 0 }]);
    expect(await own.finish(result('r1', 1, 'x'), claims[0]?.fence ?? 'queued')).toBe('accepted');
    expect((await store.runState('r2'))?.state).toBe('queued');
    patient.disconnect();
  });

  it('becomes a dead letter when given up, with the data to requeue it', async () => {
    const dead = new DeadLetterStore(redis);
    await submit('r1');
    await submit('r2');
    await end('r2');
    const attempt = await claimed('r1');
    await store.finish(result('r1', 1, 'given up'), attempt, { dead: true });
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
    await store.finish(result('r1', 1, 'given up'), await claimed('r1'), { dead: true });
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
    expect(await redis.hget(KEYS.waiting, ALL_TENANTS)).toBe('1');
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
        onReady: () => void end('r1').then(() => nodes.leave(processOf('n'))),
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
  const first = processOf('n1');

  it('are listed with their runs, lost after a silent lease, and gone after leaving', async () => {
    const nodes = new NodeRegistry(redis);
    await nodes.report(first, nodeReport(60_000), [], true);
    expect(await nodes.list()).toMatchObject([{ name: 'n1', state: 'ready', cells: [{ run: 'r1' }] }]);
    await nodes.report(first, nodeReport(1), [], false);
    await vi.waitFor(async () => expect(await nodes.list()).toMatchObject([{ name: 'n1', state: 'lost' }]));
    await nodes.leave(first);
    expect(await nodes.list()).toEqual([]);
    expect(await redis.exists(KEYS.leases, KEYS.taken)).toBe(0);
  });

  it('learn that another living one has their name', async () => {
    const nodes = new NodeRegistry(redis);
    const one = nodeReport(60_000);
    const other = { ...nodeReport(1), startedAt: new Date(1).toISOString() };
    const second = { ...first, instance: 'n1/2' };
    expect((await nodes.report(first, one, [], false)).twin).toBe(false);
    expect((await nodes.report(first, one, [], false)).twin).toBe(false);
    expect((await nodes.report(second, other, [], false)).twin).toBe(true);
    await vi.waitFor(async () => expect(await nodes.list()).toMatchObject([{ state: 'lost' }]));
    expect((await nodes.report(first, one, [], false)).twin).toBe(false);
  });

  it('learn that their lease was over, and what they had is lost', async () => {
    const nodes = new NodeRegistry(redis);
    await submit('r1');
    expect((await nodes.report(first, nodeReport(1), [], false)).lost).toBe(true);
    expect((await nodes.report(first, nodeReport(60_000), [], false)).lost).toBe(false);
    await store.take({ node: 'n1', instance: first.instance, sequence: 1, runtimes: ['default'], most: 1 });
    await nodes.report(first, nodeReport(1), ['r1'], false);
    await vi.waitFor(async () => expect(await backlog.loseNodes()).toEqual(['r1']));
    expect((await nodes.report(first, nodeReport(60_000), ['r1'], false)).lost).toBe(true);
  });

  it('that leave with runs which they could not hand back lose them at once', async () => {
    const nodes = new NodeRegistry(redis);
    await submit('r1');
    await nodes.report(first, nodeReport(60_000), [], false);
    await store.take({ node: 'n1', instance: first.instance, sequence: 1, runtimes: ['default'], most: 1 });
    await nodes.leave(first);
    expect(await backlog.loseNodes()).toEqual(['r1']);
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
