import { DEFAULT_LIMITS } from '@sandpiper/contracts';
import { describe, expect, it, vi } from 'vitest';
import {
  Backlog,
  batchRunId,
  BatchStore,
  KEYS,
  type NewBatch,
  queueBounds,
  type RedisConnection,
  runKey,
  RunStore,
  syntheticResult,
  TenantStore,
} from '../src/index.js';
import { useRedis } from './use-redis.js';
import type { RedisServer } from '@sandpiper/testkit';

let server: RedisServer;
let redis: RedisConnection;
let runs: RunStore;
let batches: BatchStore;
let backlog: Backlog;
let tenants: TenantStore;

useRedis((given, started) => {
  redis = given;
  server = started;
  runs = new RunStore(redis);
  batches = new BatchStore(redis);
  backlog = new Backlog(redis);
  tenants = new TenantStore(redis);
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

/** Ends a run as a node would. */
async function end(id: string): Promise<void> {
  const claim = await runs.claim(id, 'n', 0);
  if (claim.outcome !== 'run') throw new Error(claim.outcome);
  const facts = {
    id,
    attempt: claim.attempt,
    limits: DEFAULT_LIMITS,
    engine: 'seccomp',
    message: '',
  } as const;
  await runs.finish(syntheticResult({ ...facts, status: 'cancelled', node: 'n', cell: 0 }), claim.fence);
}

describe('runs that wait', () => {
  it('are dispatched by priority, then in order of arrival', async () => {
    await submit('a', 'late', 51);
    await submit('a', 'first');
    await submit('a', 'second');
    await submit('a', 'urgent', 0);
    expect(await backlog.dispatch(10, 10)).toEqual(['urgent', 'first', 'second', 'late']);
  });

  it('are dispatched only within the window, and claimed runs make room', async () => {
    await submitMany('a', 5);
    expect(await backlog.dispatch(2, 10)).toEqual(['a0', 'a1']);
    expect(await backlog.dispatch(2, 10)).toEqual([]);
    await end('a0');
    expect(await backlog.dispatch(2, 10)).toEqual(['a2']);
    expect(await backlog.dispatch(0, 10)).toEqual([]);
    expect(await backlog.counts()).toEqual({ waiting: 2, deferred: 0, dispatched: 2, running: 0 });
  });

  it('of one tenant do not hold up those of another', async () => {
    await submitMany('many', 50);
    expect(await backlog.dispatch(4, 10)).toHaveLength(4);
    await submit('single', 'the-one');
    for (const id of ['many0', 'many1', 'many2', 'many3']) await end(id);
    expect((await backlog.dispatch(4, 10)).slice(0, 2)).toContain('the-one');
  });

  it('are served by weight', async () => {
    await tenants.set('heavy', { ...USUAL, weight: 3 });
    await submitMany('heavy', 40);
    await submitMany('light', 40);
    const ids = await backlog.dispatch(40, 40);
    expect(ids.filter((id) => id.startsWith('heavy'))).toHaveLength(30);
  });

  it('of a tenant that was idle do not catch up', async () => {
    await submitMany('a', 100);
    for (const id of await backlog.dispatch(50, 50)) await end(id);
    await submitMany('b', 50);
    const ids = await backlog.dispatch(20, 20);
    expect(ids.filter((id) => id.startsWith('b')).length).toBeLessThanOrEqual(11);
  });

  it('of a tenant at its limit of running runs wait until one ends', async () => {
    await tenants.set('a', { ...USUAL, maxRunning: 2 });
    await submitMany('a', 4);
    await submit('b', 'b0');
    expect((await backlog.dispatch(10, 10)).sort()).toEqual(['a0', 'a1', 'b0']);
    await end('a0');
    expect(await backlog.dispatch(10, 10)).toEqual(['a2']);
    await runs.markCancelled('a3');
    expect(await redis.hgetall(KEYS.inflight)).toEqual({ a: '2', b: '1' });
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

  it('that were dispatched and never claimed are found', async () => {
    await submitMany('a', 2);
    await backlog.dispatch(10, 10);
    expect(await backlog.silentDispatched(60_000)).toEqual([]);
    await runs.claim('a0', 'n', 0);
    await vi.waitFor(async () => expect(await backlog.silentDispatched(1)).toEqual(['a1']));
    await vi.waitFor(async () => expect(await backlog.silentRunning(1)).toEqual(['a0']));
    expect(await backlog.silentRunning(60_000)).toEqual([]);
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
    expect(await backlog.dispatch(10, 10)).toEqual([]);
    expect(await seal(two, null, 2)).toEqual({ outcome: 'accepted', id: 'b0' });
    expect(await backlog.dispatch(10, 10)).toEqual(['b0-0', 'b0-1']);
    await end('b0-1');
    await expect(end('b0-1')).rejects.toThrow('done');
    expect(await batches.facts('b0')).toMatchObject({ tenant: 'a', name: 'two', total: 2, done: 1 });
    await end('b0-0');
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
    expect(await backlog.dispatch(10, 10)).toEqual(['b1-0', 'b1-1']);
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
