import { DEFAULT_LIMITS } from '@sandpiper/contracts';
import { describe, expect, it, vi } from 'vitest';
import {
  Backlog,
  backlogKey,
  batchKey,
  batchRunId,
  BatchStore,
  type Claim,
  KEYS,
  type NewBatch,
  OF_SCHEMA_3,
  PREFIXES,
  queueBounds,
  type RedisConnection,
  runKey,
  RunStore,
  type Taken,
  syntheticResult,
  TenantStore,
} from '../src/index.js';
import { TestNode } from '../src/testing.js';
import { useRedis } from './use-redis.js';
import type { RedisServer } from '@sandpiper/testkit';

let server: RedisServer;
let redis: RedisConnection;
let runs: RunStore;
let batches: BatchStore;
let backlog: Backlog;
let tenants: TenantStore;
let node: TestNode;

useRedis((given, started) => {
  redis = given;
  server = started;
  runs = new RunStore(redis);
  batches = new BatchStore(redis);
  backlog = new Backlog(redis);
  tenants = new TenantStore(redis);
  node = new TestNode(redis);
});

/** The services may not list keys; an administrator of Redis may. */
const keys = (pattern: string): Promise<string[]> => server.admin((admin) => admin.keys(pattern));

const USUAL = { weight: 1, maxQueued: 0, maxRunning: 0, maxQueuedBytes: 0, maxKeptBytes: 0 };
const PLENTY = queueBounds({ runs: 1000 });

const submit = (tenant: string, id: string, priority = 50, bounds = PLENTY) =>
  runs.submit(
    {
      id,
      tenant,
      limits: DEFAULT_LIMITS,
      request: { source: '', priority },
      trace: '',
    },
    null,
    bounds,
  );

async function submitMany(tenant: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await submit(tenant, `${tenant}${i}`);
}

/** Ends a run as a node would. @param cellMs how long it had a cell */
async function end({ id, attempt, fence }: Claim, cellMs: number | null = null): Promise<void> {
  const facts = { id, attempt, limits: DEFAULT_LIMITS, engine: 'seccomp', message: '' } as const;
  const result = syntheticResult({ ...facts, status: 'cancelled', node: 'n', cell: 0 });
  expect(await runs.finish(result, fence, { cellMs })).toBe('accepted');
}

const take = async (most: number): Promise<readonly Claim[]> => (await node.take(most)).claims;
const taken = async (most: number): Promise<string[]> => (await take(most)).map(({ id }) => id);

describe('runs that wait', () => {
  it('are taken by priority, then in order of arrival', async () => {
    await submit('a', 'late', 51);
    await submit('a', 'first');
    await submit('a', 'second');
    await submit('a', 'urgent', 0);
    expect(await taken(10)).toEqual(['urgent', 'first', 'second', 'late']);
  });

  it('are taken as many as are asked for, and counted', async () => {
    await submitMany('a', 5);
    expect(await taken(2)).toEqual(['a0', 'a1']);
    expect(await taken(0)).toEqual([]);
    expect(await backlog.counts()).toEqual({ waiting: 3, deferred: 0, running: 2 });
    expect(await taken(10)).toEqual(['a2', 'a3', 'a4']);
    expect(await backlog.counts()).toEqual({ waiting: 0, deferred: 0, running: 5 });
  });

  it('are taken in several calls where their requests are large', async () => {
    const source = '#'.repeat(3 * 1024 * 1024);
    for (const id of ['r0', 'r1', 'r2', 'r3'])
      await runs.submit(
        { id, tenant: 'a', limits: DEFAULT_LIMITS, request: { source }, trace: '' },
        null,
        PLENTY,
      );
    const ids = ({ claims }: Taken): string[] => claims.map(({ id }) => id);
    const first = await node.take(10);
    expect([ids(first), first.more]).toEqual([['r0', 'r1'], true]);
    expect(await redis.exists(`${PREFIXES.hungry}default`)).toBe(0);
    const second = await node.take(10);
    expect([ids(second), second.more]).toEqual([['r2', 'r3'], true]);
    expect(await node.take(10)).toMatchObject({ claims: [], more: false });
  });

  it('go back to their place when they are handed back', async () => {
    await submitMany('a', 3);
    const [first] = await take(1);
    if (first === undefined) throw new Error('nothing was taken');
    await runs.release('a0', first.fence);
    expect(await taken(3)).toEqual(['a0', 'a1', 'a2']);
  });

  it('of one tenant do not hold up those of another', async () => {
    await submitMany('many', 50);
    expect(await taken(4)).toHaveLength(4);
    await submit('single', 'the-one');
    expect(await taken(2)).toContain('the-one');
  });

  it('are served by weight', async () => {
    await tenants.set('heavy', { ...USUAL, weight: 3 });
    await submitMany('heavy', 40);
    await submitMany('light', 40);
    const ids = await taken(40);
    expect(ids.filter((id) => id.startsWith('heavy'))).toHaveLength(30);
  });

  it('are served by how long they take: tenants of long and of short runs get the same cell time', async () => {
    await submitMany('long', 100);
    await submitMany('short', 1000);
    const had = { long: 0, short: 0 };
    for (let turn = 0; turn < 400; turn++) {
      for (const claim of await take(2)) {
        const tenant = claim.tenant === 'long' ? 'long' : 'short';
        const ms = tenant === 'long' ? 2_000 : 100;
        had[tenant] += ms;
        await end(claim, ms);
      }
    }
    expect(had.long / had.short).toBeGreaterThan(0.9);
    expect(had.long / had.short).toBeLessThan(1.1);
  });

  it('of a tenant that was idle do not catch up', async () => {
    await submitMany('a', 100);
    for (const claim of await take(50)) await end(claim);
    await submitMany('b', 50);
    const ids = await taken(20);
    expect(ids.filter((id) => id.startsWith('b')).length).toBeLessThanOrEqual(11);
  });

  it('of a tenant at its limit of running runs wait until one ends', async () => {
    await tenants.set('a', { ...USUAL, maxRunning: 2 });
    await submitMany('a', 4);
    await submit('b', 'b0');
    const first = await take(10);
    expect(first.map(({ id }) => id).sort()).toEqual(['a0', 'a1', 'b0']);
    const ended = first.find(({ id }) => id === 'a0');
    if (ended === undefined) throw new Error('a0 was not taken');
    await end(ended);
    expect(await taken(10)).toEqual(['a2']);
    await runs.markCancelled('a3');
    expect(await redis.hgetall(KEYS.inflight)).toEqual({ a: '2', b: '1' });
    await tenants.set('a', { ...USUAL, maxRunning: 3 });
    expect(await taken(10)).toEqual(['a3']);
  });

  it('are refused above the quota of the tenant and of the service', async () => {
    await tenants.set('a', { ...USUAL, maxQueued: 2 });
    await submitMany('a', 2);
    expect(await submit('a', 'a2')).toEqual({ outcome: 'tenant-full', waiting: 2, most: 2 });
    expect(await submit('b', 'b0', 50, queueBounds({ runs: 2 }))).toEqual({
      outcome: 'queue-full',
      waiting: 2,
      most: 2,
    });
    expect(await submit('b', 'b0')).toMatchObject({ outcome: 'accepted' });
    expect(await runs.runState('a2')).toBeNull();
  });

  it('are reported per tenant with their number and waiting time', async () => {
    await submitMany('a', 3);
    await submit('b', 'b0');
    await redis.hincrby(runKey('a0'), 'submitted', -5_000);
    const facts = await backlog.byTenant();
    expect(new Map(facts.map(({ tenant, waiting }) => [tenant, waiting]))).toEqual(
      new Map([
        ['a', 3],
        ['b', 1],
      ]),
    );
    expect(facts.find(({ tenant }) => tenant === 'a')?.nextAgeMs).toBeGreaterThanOrEqual(5_000);
  });

  it('that count as running and that no node has go back', async () => {
    await submitMany('a', 2);
    await taken(2);
    expect(await backlog.findStrays(0)).toBe(0);
    await redis.zrem(KEYS.leases, node.instance);
    expect(await backlog.findStrays(60_000)).toBe(0);
    await vi.waitFor(async () => expect(await backlog.findStrays(1)).toBe(2));
    expect(await taken(2)).toEqual(['a0', 'a1']);
  });
});

describe('runs of several runtimes', () => {
  const submitFor = (runtime: string, tenant: string, id: string) =>
    runs.submit(
      { id, tenant, limits: DEFAULT_LIMITS, request: { source: '', runtime }, trace: '' },
      null,
      PLENTY,
    );

  it('go to nodes that have theirs', async () => {
    await submitFor('numpy', 'a', 'n0');
    await submitFor('default', 'a', 'd0');
    const other = new TestNode(redis, 'other', ['numpy', 'pandas']);
    expect(await backlog.demand()).toEqual(
      expect.arrayContaining([
        { runtime: 'numpy', runs: 1 },
        { runtime: 'default', runs: 1 },
      ]),
    );
    expect((await other.take(5)).claims.map(({ id }) => id)).toEqual(['n0']);
    expect(await taken(5)).toEqual(['d0']);
  });

  it('are served fairly across runtimes: a tenant pays for one what it gets of another', async () => {
    for (let i = 0; i < 20; i++) {
      await submitFor('default', 'both', `x${i}`);
      await submitFor('numpy', 'both', `y${i}`);
      await submitFor('numpy', 'one', `z${i}`);
    }
    const other = new TestNode(redis, 'other', ['numpy']);
    const seen: string[] = [];
    for (let turn = 0; turn < 10; turn++) {
      await taken(1);
      seen.push(...(await other.take(2)).claims.map(({ tenant }) => tenant));
    }
    // Of thirty turns each tenant has half, and one has ten of its turns elsewhere.
    expect(seen.filter((tenant) => tenant === 'one').length).toBeGreaterThanOrEqual(14);
  });

  it('of a batch enter the backlog together, and wake nodes of each runtime', async () => {
    const rung: string[] = [];
    const heard = new BatchStore(redis, { ring: (names) => rung.push(...names) });
    const other = new TestNode(redis, 'other', ['numpy']);
    expect([(await node.take(1)).claims, (await other.take(1)).claims]).toEqual([[], []]);
    const batch: NewBatch = { id: 'b9', intake: 'i', tenant: 'a', name: null, trace: '' };
    await heard.begin({ batch, idempotency: null, count: 3, bounds: PLENTY });
    const staged = ['numpy', 'default', 'numpy'].map((runtime, index) => ({
      index,
      request: { source: '', runtime },
      limits: DEFAULT_LIMITS,
    }));
    await heard.stage({ batch, runs: staged, bounds: PLENTY });
    expect(await heard.seal({ batch, idempotency: null, total: 3, bounds: PLENTY })).toEqual({
      outcome: 'accepted',
      id: 'b9',
    });
    expect(rung.sort()).toEqual(['node', 'other']);
    expect((await other.take(5)).claims.map(({ id }) => id)).toEqual(['b9-0', 'b9-2']);
    expect(await taken(5)).toEqual(['b9-1']);
  });
});

describe('a node that waits', () => {
  const bell = () => {
    const rung: string[] = [];
    return { rung, store: new RunStore(redis, { ring: (names) => rung.push(...names) }) };
  };
  const submitTo = (store: RunStore, id: string) =>
    store.submit(
      { id, tenant: 'a', limits: DEFAULT_LIMITS, request: { source: '' }, trace: '' },
      null,
      PLENTY,
    );

  it('is woken once, until it asks again, and not while it is full', async () => {
    const { rung, store } = bell();
    await node.take(2);
    await submitTo(store, 'r0');
    await submitTo(store, 'r1');
    expect(rung).toEqual(['node']);
    expect(await taken(2)).toEqual(['r0', 'r1']);
    await submitTo(store, 'r2');
    expect(rung).toEqual(['node']);
    expect(await taken(2)).toEqual(['r2']);
    await submitTo(store, 'r3');
    expect(rung).toEqual(['node', 'node']);
  });

  it('is woken by a run that comes back, and by the end of what held a tenant back', async () => {
    const { rung, store } = bell();
    await tenants.set('a', { ...USUAL, maxRunning: 1 });
    await submitMany('a', 2);
    const [first] = await take(1);
    if (first === undefined) throw new Error('nothing was taken');
    const other = new TestNode(redis, 'other');
    expect((await other.take(1)).claims).toEqual([]);
    await store.release('a0', first.fence);
    expect(rung).toContain('other');
    rung.length = 0;
    const [again] = (await other.take(1)).claims;
    expect([again?.id, await taken(1)]).toEqual(['a0', []]);
    if (again === undefined) throw new Error('nothing was taken');
    const facts = { id: 'a0', attempt: 2, limits: DEFAULT_LIMITS, engine: 'seccomp', message: '' } as const;
    const result = syntheticResult({ ...facts, status: 'cancelled', node: 'n', cell: 0 });
    await store.finish(result, again.fence);
    expect(rung).toEqual(['node']);
  });

  it('gets nothing without a lease', async () => {
    await submitMany('a', 1);
    const request = { node: 'n', instance: 'n/none', sequence: 1, runtimes: ['default'], most: 1 };
    expect(await runs.take(request)).toMatchObject({ lost: true, claims: [] });
  });
});

describe('what schedulers up to schema 3 have left', () => {
  it('is taken over: backlogs, runs that were with the queue, and batches on their way in', async () => {
    await submitMany('a', 3);
    await tenants.set('full', { ...USUAL, maxRunning: 1 });
    await submit('full', 'f0');
    // As they stored it: one tenant has no settings, and one runs as many as it may.
    const line = backlogKey('a', 'default');
    await redis.rename(line, `${PREFIXES.backlog}a`);
    await redis.rename(backlogKey('full', 'default'), `${PREFIXES.backlog}full`);
    await redis.zadd(OF_SCHEMA_3.active, 1, 'a');
    const lines = ['a', 'full'].map((tenant) => PREFIXES.lines + tenant);
    await redis.del(KEYS.waiting, KEYS.demand, ...lines, `${PREFIXES.active}default`);
    await redis.zrem(`${PREFIXES.backlog}a`, 'a0');
    await redis.zadd(OF_SCHEMA_3.dispatched, 1, 'a0');
    await redis.hincrby(KEYS.inflight, 'a', 1);
    const batch: NewBatch = { id: 'b1', intake: 'i', tenant: 'a', name: null, trace: '' };
    await batches.begin({ batch, idempotency: null, count: 1, bounds: PLENTY });
    const staged = { index: 0, request: { source: '' }, limits: DEFAULT_LIMITS };
    await batches.stage({ batch, runs: [staged], bounds: PLENTY });
    await redis.rename(`${batchKey('b1')}:staged:default`, `${batchKey('b1')}:staged`);
    await redis.hdel(batchKey('b1'), 'runtimes');

    expect(await backlog.migrate()).toBe(4);
    expect(await backlog.migrate()).toBe(0);
    expect(await redis.hgetall(KEYS.inflight)).toEqual({});
    expect(await backlog.counts()).toEqual({ waiting: 4, deferred: 0, running: 0 });
    expect((await taken(5)).sort()).toEqual(['a0', 'a1', 'a2', 'f0']);
    const sealed = await batches.seal({ batch, idempotency: null, total: 1, bounds: PLENTY });
    expect(sealed.outcome).toBe('accepted');
    expect(await taken(5)).toEqual(['b1-0']);
  });

  it('is taken over: a run that a node of theirs has', async () => {
    await submitMany('a', 1);
    await taken(1);
    await redis.hset(runKey('a0'), 'claim', 'd0c1b2a3');
    await redis.hdel(runKey('a0'), 'place');
    await vi.waitFor(async () => expect(await backlog.findStrays(1)).toBe(1));
    expect(await taken(1)).toEqual(['a0']);
  });
});

describe('a batch', () => {
  const batch = (id: string, intake = 'first'): NewBatch => ({
    id,
    intake,
    tenant: 'a',
    name: 'two',
    trace: '',
  });
  const staged = (index: number) => ({ index, request: { source: `${index}` }, limits: DEFAULT_LIMITS });
  const key = (fingerprint: string) => ({ key: 'k', fingerprint });
  type Key = ReturnType<typeof key> | null;
  const begin = (batch: NewBatch, idempotency: Key, count: number) =>
    batches.begin({ batch, idempotency, count, bounds: PLENTY });
  const stage = (batch: NewBatch, ...indices: number[]) =>
    batches.stage({ batch, runs: indices.map(staged), bounds: PLENTY });
  const seal = (batch: NewBatch, idempotency: Key, total: number) =>
    batches.seal({ batch, idempotency, total, bounds: PLENTY });

  it('is dispatched when complete, counts each run once, and ends with the last', async () => {
    const two = batch('b0');
    expect(await begin(two, null, 2)).toEqual({ outcome: 'ours', id: 'b0' });
    expect(await stage(two, 0, 1)).toEqual({ outcome: 'ok' });
    expect(await batches.facts('b0')).toBeNull();
    expect(await taken(10)).toEqual([]);
    expect(await seal(two, null, 2)).toEqual({ outcome: 'accepted', id: 'b0' });
    const [first, second] = await take(10);
    if (first === undefined || second === undefined) throw new Error('not both were taken');
    expect([first.id, second.id]).toEqual(['b0-0', 'b0-1']);
    await end(second);
    expect(await batches.facts('b0')).toMatchObject({ tenant: 'a', name: 'two', total: 2, done: 1 });
    await end(first);
    const facts = await batches.facts('b0');
    expect(facts).toMatchObject({ done: 2, byStatus: { cancelled: 2 } });
    if (facts === null) throw new Error('no batch');
    expect(await batches.states(facts)).toEqual([
      { id: 'b0-0', state: 'done' },
      { id: 'b0-1', state: 'done' },
    ]);
    expect(await batches.ended('b0', 0, 10)).toEqual([1, 0]);
    expect(await batches.ended('b0', 1, 10)).toEqual([0]);
  });

  it('that was cut off is resumed under its key, and is the same afterwards', async () => {
    const first = batch('b1');
    await begin(first, key(''), 0);
    await stage(first, 0, 1, 2);
    // Its scheduler dies here; the client sends it again, to another.
    const again = await begin(batch('b2', 'second'), key(''), 0);
    expect(again).toEqual({ outcome: 'ours', id: 'b1' });
    expect(await runs.runState('b1-0')).toBeNull();
    const second = batch('b1', 'second');
    await stage(second, 0, 1);
    // It was not dead after all: what it still adds is not mixed with that of the other.
    expect(await stage(first, 3)).toEqual({ outcome: 'gone' });
    expect(await seal(first, key('other'), 2)).toEqual({ outcome: 'gone' });
    expect(await seal(second, key('print'), 2)).toMatchObject({ outcome: 'accepted' });
    expect(await begin(batch('b3'), key(''), 0)).toEqual({
      outcome: 'sealed',
      id: 'b1',
      fingerprint: 'print',
    });
    expect(await seal(first, key('print'), 2)).toMatchObject({ outcome: 'same' });
    expect(await seal(first, key('other'), 2)).toMatchObject({ outcome: 'different' });
    expect(await taken(10)).toEqual(['b1-0', 'b1-1']);
  });

  it('is not accepted when a run of the batch is missing', async () => {
    const two = batch('b4');
    await begin(two, null, 0);
    await stage(two, 0);
    expect(await seal(two, null, 2)).toEqual({ outcome: 'gone' });
  });

  it('is refused as a whole above the quota, and leaves nothing when dropped', async () => {
    await tenants.set('a', { ...USUAL, maxQueued: 1 });
    const two = batch('b5');
    expect(await begin(two, null, 2)).toEqual({
      outcome: 'tenant-full',
      waiting: 0,
      most: 1,
    });
    await begin(two, null, 0);
    await stage(two, 0, 1);
    expect(await seal(two, null, 2)).toEqual({ outcome: 'tenant-full', waiting: 0, most: 1 });
    expect(await batches.unfinished(60_000)).toEqual([]);
    expect(await batches.unfinished(-1)).toEqual(['b5']);
    await batches.drop('b5');
    const left = await keys('*');
    expect(left.filter((name) => !name.endsWith(':tenants') && !name.endsWith(':sequence'))).toEqual([]);
  });

  it('counts what has not ended also where runs were purged and cancelled before it was whole', async () => {
    const three = batch('b7');
    await begin(three, null, 3);
    await stage(three, 0, 1, 2);
    const result = (id: string) =>
      syntheticResult({
        ...{ id, attempt: 0, limits: DEFAULT_LIMITS, engine: 'seccomp' as const, message: '' },
        ...{ status: 'cancelled' as const, node: null, cell: null },
      });
    expect(await runs.finish(result('b7-0'), 'queued')).toBe('accepted');
    await submit('a', 'r0');
    expect(await backlog.demand()).toEqual([{ runtime: 'default', runs: 1 }]);
    await seal(three, null, 3);
    const claims = await take(10);
    expect(claims.map(({ id }) => id)).toEqual(['b7-1', 'b7-2', 'r0']);
    expect(await backlog.demand()).toEqual([{ runtime: 'default', runs: 3 }]);
    for (const claim of claims) await end(claim);
    expect(await backlog.demand()).toEqual([]);
    expect(await redis.hgetall(KEYS.waiting)).toEqual({});
  });

  it('cannot be dropped once it is complete', async () => {
    const one = batch('b6');
    await begin(one, null, 1);
    await stage(one, 0);
    await seal(one, null, 1);
    await batches.drop('b6');
    expect((await runs.runState(batchRunId('b6', 0)))?.state).toBe('queued');
    expect(await stage(one, 1)).toEqual({ outcome: 'gone' });
  });
});
