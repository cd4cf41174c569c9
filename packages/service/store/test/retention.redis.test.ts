import { DEFAULT_LIMITS, type RunRequest } from '@sandpiper/contracts';
import type { RedisServer } from '@sandpiper/testkit';
import { describe, expect, it } from 'vitest';
import {
  batchRunId,
  Backlog,
  type Claim,
  BatchStore,
  CallbackOutbox,
  DeadLetterStore,
  endedKey,
  keepBounds,
  KEYS,
  LEFT_BEHIND,
  LiveStore,
  queueBounds,
  RetentionStore,
  runKey,
  RunStore,
  syntheticResult,
  TenantStore,
  type QueueBounds,
  type RedisConnection,
} from '../src/index.js';
import { TestNode } from '../src/testing.js';
import { useRedis } from './use-redis.js';
import { counters, LASTING, recompute } from './stored-bytes.js';

let server: RedisServer;
let redis: RedisConnection;
let runs: RunStore;
let batches: BatchStore;
let retention: RetentionStore;
let dead: DeadLetterStore;
let outbox: CallbackOutbox;
let tenants: TenantStore;

useRedis((given, started) => {
  redis = given;
  server = started;
  runs = new RunStore(redis);
  batches = new BatchStore(redis);
  retention = new RetentionStore(redis);
  dead = new DeadLetterStore(redis);
  outbox = new CallbackOutbox(redis);
  tenants = new TenantStore(redis);
});

const ALL = queueBounds({});
const USUAL = { weight: 1, maxQueued: 0, maxRunning: 0, maxQueuedBytes: 0, maxKeptBytes: 0 };

const submit = (
  tenant: string,
  id: string,
  more: Partial<RunRequest> = {},
  key: string | null = null,
  bounds: QueueBounds = ALL,
) =>
  runs.submit(
    {
      id,
      tenant,
      limits: DEFAULT_LIMITS,
      request: { source: '', ...more },
      trace: '',
    },
    key === null ? null : { key, fingerprint: 'f' },
    bounds,
  );

async function claimed(id: string): Promise<Claim> {
  const claim = await new TestNode(redis).claim(id);
  if (claim?.outcome !== 'run') throw new Error(claim?.outcome ?? `${id} does not wait`);
  return claim;
}

/** Ends a run as a node would. */
async function end(id: string, stdout = '', isDead = false): Promise<void> {
  const claim = await claimed(id);
  await runs.finish({ ...resultOf(id, claim.attempt), stdout }, claim.fence, { dead: isDead });
}

const resultOf = (id: string, attempt: number) =>
  syntheticResult({
    ...{ id, attempt, limits: DEFAULT_LIMITS, engine: 'seccomp' as const, message: 'gone' },
    ...{ status: 'cancelled' as const, node: 'n', cell: 0 },
  });

async function ended(tenant: string, id: string, stdout = ''): Promise<void> {
  await submit(tenant, id);
  await end(id, stdout);
}

const newBatch = (id: string, tenant = 'a', name: string | null = null) => ({
  ...{ id, intake: `intake of ${id}`, tenant, name, trace: '' },
});
const staged = (index: number, request: Partial<RunRequest> = {}) => ({
  ...{ index, request: { source: '', ...request }, limits: DEFAULT_LIMITS },
});

async function sealed(id: string, count: number, tenant = 'a', key: string | null = null): Promise<void> {
  const idempotency = key === null ? null : { key, fingerprint: 'f' };
  const batch = newBatch(id, tenant);
  await batches.begin({ batch, idempotency, count, bounds: ALL });
  const rows = Array.from({ length: count }, (_, index) => staged(index));
  await batches.stage({ batch, runs: rows, bounds: ALL });
  expect(await batches.seal({ batch, total: count, idempotency, bounds: ALL })).toMatchObject({
    outcome: 'accepted',
  });
}

/** Sweeps until nothing is left to do. */
async function sweep(bounds: Parameters<typeof keepBounds>[0]): Promise<void> {
  // Tenants that were looked at a moment ago are looked at again.
  for (const tenant of await redis.zrange(KEYS.keeping, 0, -1)) await redis.zadd(KEYS.keeping, 0, tenant);
  while (await retention.sweep(keepBounds(bounds))) continue;
}

const isThere = async (id: string): Promise<boolean> => (await runs.runState(id)) !== null;
const keys = (): Promise<string[]> => server.admin((admin) => admin.keys('*'));

async function expectExact(): Promise<void> {
  expect(await counters(redis)).toEqual(await recompute(server, redis));
}

describe('the room of ended runs', () => {
  it('is bounded per tenant: the oldest runs of that tenant are removed, never those of others', async () => {
    for (let i = 0; i < 3; i++) await ended('quiet', `q${i}`);
    for (let i = 0; i < 8; i++) await ended('noisy', `n${i}`);
    await sweep({ tenantRecords: 5 });
    expect(await Promise.all(['q0', 'q1', 'q2', 'n3', 'n7'].map(isThere))).toEqual(Array(5).fill(true));
    expect(await Promise.all(['n0', 'n1', 'n2'].map(isThere))).toEqual([false, false, false]);
    expect((await retention.facts()).removed).toEqual([{ reason: 'tenant-bound', count: 3 }]);
    await expectExact();
  });

  it('is bounded in bytes, by the share of every tenant or by its own limit', async () => {
    await tenants.set('rich', { ...USUAL, maxKeptBytes: 10_000_000 });
    for (const tenant of ['rich', 'poor']) {
      for (let i = 0; i < 6; i++) await ended(tenant, `${tenant}${i}`, 'x'.repeat(100_000));
    }
    await sweep({ tenantBytes: 300_000 });
    expect(await redis.zcard(endedKey('rich'))).toBe(6);
    expect(await redis.zcard(endedKey('poor'))).toBe(2);
    expect(await isThere('poor5')).toBe(true);
    await expectExact();
  });

  it('always keeps the newest run within the bound of its tenant', async () => {
    await ended('a', 'small');
    await ended('a', 'large', 'x'.repeat(1_000_000));
    await sweep({ tenantBytes: 100_000 });
    expect(await isThere('large')).toBe(true);
  });

  it('above the bound of all is reclaimed from the tenant with the most', async () => {
    for (let i = 0; i < 3; i++) await ended('quiet', `q${i}`, 'x'.repeat(10_000));
    for (let i = 0; i < 9; i++) await ended('noisy', `n${i}`, 'x'.repeat(100_000));
    await sweep({ bytes: 300_000 });
    expect(await redis.zcard(endedKey('quiet'))).toBe(3);
    expect(await redis.zcard(endedKey('noisy'))).toBe(2);
    await sweep({ records: 3 });
    const left = await Promise.all(['quiet', 'noisy'].map((tenant) => redis.zcard(endedKey(tenant))));
    expect(left.sort((a, b) => a - b)).toEqual([1, 2]);
    await expectExact();
  });

  it('ends with the retention, with batches and idempotency keys, though no run ends', async () => {
    await submit('a', 'r1', {}, 'k');
    await end('r1');
    await sealed('b1', 2, 'a', 'k');
    for (const index of [0, 1]) await end(batchRunId('b1', index));
    await sweep({ retentionSeconds: 1000 });
    expect(await isThere('r1')).toBe(true);
    await sweep({ retentionSeconds: -1 });
    expect((await keys()).filter((name) => !LASTING.test(name))).toEqual([]);
  });

  it('counts batches and keys: many batches of one run stay within the bound', async () => {
    for (let i = 0; i < 40; i++) {
      const id = `b${i.toString(16)}`;
      await sealed(id, 1, 'a', `key ${i}`);
      await end(batchRunId(id, 0));
    }
    await sweep({ records: 10 });
    const left = await keys();
    expect(left.filter((name) => /:(run|batch|idem):/.test(name)).length).toBeLessThanOrEqual(25);
    await expectExact();
  });

  it('keeps a result with a due callback longest, and no longer than others afterwards', async () => {
    const callbackUrl = 'https://example.com/';
    await submit('a', 'due', { callbackUrl });
    await end('due');
    for (let i = 0; i < 5; i++) await ended('a', `r${i}`);
    await sweep({ tenantRecords: 3 });
    expect(await isThere('due')).toBe(true);
    await outbox.settled('due');
    await sweep({ tenantRecords: 2 });
    expect(await isThere('due')).toBe(false);
    await submit('a', 'lost', { callbackUrl });
    await end('lost');
    await sweep({ records: 0 });
    expect((await retention.facts()).removed).toContainEqual({ reason: 'callback-due', count: 1 });
    expect(await outbox.count()).toBe(0);
    await expectExact();
  });

  it('is reclaimed while Redis is full, and submissions are accepted again', async () => {
    for (let i = 0; i < 10; i++) await ended('a', `r${i}`, 'x'.repeat(1_000_000));
    await server.admin(async (admin) => {
      const used = /used_memory:(\d+)/.exec(await admin.info('memory'))?.[1] ?? '0';
      await admin.config('SET', 'maxmemory', String(Number(used) - 1_000_000));
    });
    try {
      await expect(submit('b', 'refused')).rejects.toThrow(/OOM/);
      while (await retention.sweep(keepBounds({ bytes: 3_000_000 }))) continue;
      expect(await submit('b', 'taken')).toMatchObject({ outcome: 'accepted' });
    } finally {
      await server.admin((admin) => admin.config('SET', 'maxmemory', '0'));
    }
  });
});

describe('the room of waiting runs', () => {
  it('is bounded in bytes per tenant and for all', async () => {
    const source = 'x'.repeat(100_000);
    const bounds = queueBounds({ bytes: 500_000, tenantBytes: 250_000 });
    for (const id of ['r0', 'r1']) {
      expect(await submit('a', id, { source }, null, bounds)).toMatchObject({ outcome: 'accepted' });
    }
    expect(await submit('a', 'r2', { source }, null, bounds)).toMatchObject({
      outcome: 'tenant-bytes',
      most: 250_000,
    });
    for (const id of ['r3', 'r4']) {
      expect(await submit('b', id, { source }, null, bounds)).toMatchObject({ outcome: 'accepted' });
    }
    expect(await submit('c', 'r5', { source }, null, bounds)).toMatchObject({
      outcome: 'queue-bytes',
      most: 500_000,
    });
    expect(await submit('c', 'r5', { source: source.repeat(3) }, null, bounds)).toMatchObject({
      outcome: 'too-large',
      most: 250_000,
    });
    // What a node has counts until it has ended.
    await end('r0');
    expect(await submit('a', 'r2', { source }, null, bounds)).toMatchObject({ outcome: 'accepted' });
    await tenants.set('a', { ...USUAL, maxQueuedBytes: 400_000 });
    expect(await submit('a', 'r6', { source }, null, { ...bounds, bytes: 9e9 })).toMatchObject({
      outcome: 'accepted',
    });
    await expectExact();
  });

  it('counts a batch from its first run on, and is released when the batch is dropped', async () => {
    const request = { source: 'x'.repeat(100_000) };
    const bounds = queueBounds({ tenantBytes: 250_000 });
    const one = newBatch('b1');
    const two = newBatch('b2');
    await batches.begin({ batch: one, idempotency: null, count: 0, bounds });
    await batches.begin({ batch: two, idempotency: null, count: 0, bounds });
    expect(await batches.stage({ batch: one, runs: [staged(0, request)], bounds })).toEqual({
      outcome: 'ok',
    });
    expect(await batches.stage({ batch: two, runs: [staged(0, request)], bounds })).toEqual({
      outcome: 'ok',
    });
    expect(await batches.stage({ batch: two, runs: [staged(1, request)], bounds })).toMatchObject({
      outcome: 'tenant-bytes',
    });
    await batches.drop('b1');
    expect(await batches.stage({ batch: two, runs: [staged(1, request)], bounds })).toEqual({
      outcome: 'ok',
    });
    expect(await batches.stage({ batch: two, runs: [staged(2, request)], bounds })).toMatchObject({
      outcome: 'too-large',
    });
    await expectExact();
    await batches.drop('b2');
    expect(await counters(redis)).toEqual({ queued: {}, kept: {}, records: {} });
  });

  it('counts input of live runs, which is refused without room', async () => {
    const small = new LiveStore(redis, () => queueBounds({ tenantBytes: 50_000 }));
    await submit('a', 'r', { live: true });
    expect(await small.feed('r', null, Buffer.alloc(20_000), false)).toMatchObject({ outcome: 'ok' });
    expect(await small.feed('r', null, Buffer.alloc(20_000), false)).toEqual({
      outcome: 'full',
      received: 20_000,
    });
    await expectExact();
  });
});

describe('an idempotency key', () => {
  it('is removed with its run, whatever ends the run, and can be used again', async () => {
    const again = () => submit('a', 'again', {}, 'k');
    await submit('a', 'r1', {}, 'k');
    await end('r1');
    expect(await again()).toEqual({ outcome: 'same', id: 'r1' });
    await sweep({ records: 0 });
    expect(await again()).toEqual({ outcome: 'accepted', id: 'again' });
    await retention.purgeRun('again');
    expect(await again()).toEqual({ outcome: 'accepted', id: 'again' });
    await redis.del(runKey('again'));
    expect(await submit('a', 'third', {}, 'k')).toEqual({ outcome: 'accepted', id: 'third' });
  });

  it('of a batch ends with the batch', async () => {
    await sealed('b1', 1, 'a', 'k');
    await retention.purgeBatch('b1');
    await sealed('b2', 1, 'a', 'k');
    const begin = batches.begin({
      batch: newBatch('b3'),
      idempotency: { key: 'k', fingerprint: 'f' },
      count: 1,
      bounds: ALL,
    });
    expect(await begin).toEqual({ outcome: 'same', id: 'b2' });
  });
});

describe('a purge', () => {
  it('removes a run in any state; a running run is removed when it ends', async () => {
    await submit('a', 'waits', {}, 'k');
    await ended('a', 'done');
    await submit('a', 'runs', {}, 'k2');
    const claim = await claimed('runs');
    expect(await retention.purgeRun('waits')).toBe('gone');
    expect(await retention.purgeRun('done')).toBe('gone');
    expect(await retention.purgeRun('runs')).toBe('later');
    expect(await retention.purgeRun('runs')).toBe('missing');
    expect(await runs.tenantOf('runs')).toBeNull();
    expect(await runs.isCancelled('runs')).toBe(true);
    expect(await runs.finish(resultOf('runs', claim.attempt), claim.fence)).toBe('accepted');
    expect((await keys()).filter((name) => !LASTING.test(name))).toEqual([]);
    expect(await new TestNode(redis).claim('waits')).toBeNull();
  });

  it('sends no callback', async () => {
    await submit('a', 'r', { callbackUrl: 'https://example.com/' });
    const claim = await claimed('r');
    await retention.purgeRun('r');
    await runs.finish(resultOf('r', 1), claim.fence);
    expect(await outbox.count()).toBe(0);
    await submit('a', 'r2', { callbackUrl: 'https://example.com/' });
    await end('r2');
    expect(await outbox.count()).toBe(1);
    await retention.purgeRun('r2');
    expect(await outbox.count()).toBe(0);
    await expectExact();
  });

  it('removes a large batch step by step, in whatever states its runs are', async () => {
    await sealed('b1', 700, 'a', 'k');
    for (let i = 0; i < 10; i++) await end(batchRunId('b1', i));
    const claim = await claimed(batchRunId('b1', 10));
    expect(await retention.purgeBatch('b1')).toBe('later');
    expect(await batches.facts('b1')).toBeNull();
    await expectExact();
    const last = batchRunId('b1', 10);
    await runs.finish(resultOf(last, claim.attempt), claim.fence);
    expect((await keys()).filter((name) => !LASTING.test(name))).toEqual([]);
    expect(await retention.purgeBatch('b1')).toBe('missing');
  });

  it('leaves nothing where a running run was handed back, and the batch is purged again', async () => {
    await sealed('b1', 1);
    const { id, fence } = await claimed(batchRunId('b1', 0));
    expect(await retention.purgeBatch('b1')).toBe('later');
    await runs.release(id, fence);
    expect(await retention.purgeBatch('b1')).toBe('gone');
    expect((await keys()).filter((name) => !LASTING.test(name))).toEqual([]);
    await expectExact();
  });

  it('is listed and resumed when its scheduler dies', async () => {
    await sealed('b1', 600);
    await redis.hset('{sandpiper}:batch:b1', 'purge', '1', 'purged', '250');
    await redis.zadd(KEYS.purging, 1, 'b1');
    expect(await retention.purging(0)).toEqual(['b1']);
    expect(await retention.purgeBatch('b1')).toBe('later');
  });
});

describe('dead letters', () => {
  it('are listed per tenant page by page, independently of other tenants', async () => {
    for (let i = 0; i < 5; i++) {
      await submit('a', `a${i}`, { source: 'payload' });
      await end(`a${i}`, '', true);
      await submit('b', `b${i}`);
      await end(`b${i}`, '', true);
    }
    const first = await dead.list('a', null, 3);
    expect(first.deadLetters).toHaveLength(3);
    expect(JSON.stringify(first)).not.toContain('payload');
    const second = await dead.list('a', first.next, 3);
    const ids = [...first.deadLetters, ...second.deadLetters].map(({ id }) => id);
    expect(ids.sort()).toEqual(['a0', 'a1', 'a2', 'a3', 'a4']);
    expect(second.next).toBeNull();
    expect((await dead.list(null, null, 100)).deadLetters).toHaveLength(10);
    await dead.dismiss('a0');
    await retention.purgeRun('a1');
    await sweep({ records: 0 });
    expect(await dead.count()).toBe(0);
    await expectExact();
  });

  it('that are gone are not recreated by a mark', async () => {
    await dead.markRequeued('nobody', 'r');
    expect(await keys()).toEqual([]);
  });
});

describe('a tenant', () => {
  it('benefits from a raised quota at once', async () => {
    const node = new TestNode(redis);
    const taken = async () => (await node.take(10)).claims.map(({ id }) => id);
    await tenants.set('a', { ...USUAL, maxRunning: 1 });
    for (const id of ['r0', 'r1', 'r2']) await submit('a', id);
    expect(await taken()).toEqual(['r0']);
    expect(await taken()).toEqual([]);
    await tenants.set('a', { ...USUAL, maxRunning: 50 });
    expect(await taken()).toEqual(['r1', 'r2']);
  });
});

describe('keys of an earlier version', () => {
  it('are removed, and none of this version', async () => {
    for (const key of LEFT_BEHIND) await redis.zadd(key, 1, 'r0');
    await ended('a', 'r1');
    await retention.removeLeftBehind();
    expect(await redis.exists(...LEFT_BEHIND)).toBe(0);
    expect(await redis.zrange(endedKey('a'), 0, -1)).toEqual(['r1']);
    expect(await recompute(server, redis)).toEqual(await counters(redis));
  });
});

describe('the lead', () => {
  it('is held by one scheduler, and by another after it steps down', async () => {
    const backlog = new Backlog(redis);
    expect(await backlog.lead('one', 60_000)).toBe(true);
    expect(await backlog.lead('two', 60_000)).toBe(false);
    expect(await backlog.lead('one', 60_000)).toBe(true);
    await backlog.stepDown('two');
    expect(await backlog.lead('two', 60_000)).toBe(false);
    await backlog.stepDown('one');
    expect(await backlog.lead('two', 60_000)).toBe(true);
  });
});
