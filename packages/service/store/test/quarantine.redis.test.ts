import { DEFAULT_LIMITS, type NodeReport } from '@sandpiper/contracts';
import { describe, expect, it } from 'vitest';
import {
  Backlog,
  type Fence,
  KEYS,
  MAX_DEATHS,
  NodeRegistry,
  runKey,
  RunStore,
  SCHEMA,
  syntheticResult,
  type RedisConnection,
  queueBounds,
} from '../src/index.js';
import { useRedis } from './use-redis.js';

let redis: RedisConnection;
let store: RunStore;
let backlog: Backlog;

useRedis((given) => {
  redis = given;
  store = new RunStore(redis);
  backlog = new Backlog(redis);
});

async function submit(id: string, tenant = 't'): Promise<void> {
  await store.submit(
    { id, tenant, limits: DEFAULT_LIMITS, request: { source: '' }, trace: '' },
    null,
    queueBounds({ runs: 1000 }),
  );
}

async function claimed(id: string, node = 'n1', alone = false): Promise<Fence> {
  const claim = await store.claim(id, node, 0, alone);
  if (claim.outcome !== 'run') throw new Error(claim.outcome);
  return claim.fence;
}

const outcome = async (id: string, node: string, alone = false): Promise<string> =>
  (await store.claim(id, node, 0, alone)).outcome;

/** Their time has come. @returns those that are handed over */
async function due(slots = 2): Promise<string[]> {
  for (const id of await redis.zrange(KEYS.deferred, 0, -1)) await redis.zadd(KEYS.deferred, 0, id);
  return (await backlog.takeDeferred(slots)).sort();
}

const report = (name: string): NodeReport => ({
  name,
  state: 'ready',
  cells: [],
  engines: ['seccomp'],
  version: '1',
  schema: SCHEMA,
  startedAt: new Date(0).toISOString(),
  leaseMs: 10_000,
  warnings: [],
});

describe('a run whose cell has died', () => {
  it('waits outside of the queue, longer after each crash, and is given up after three crashes', async () => {
    await submit('r');
    await store.release('r', await claimed('r'), 'failed');
    expect(await backlog.takeDeferred(2)).toEqual([]);
    // A job that the queue still has of it is none.
    expect(await outcome('r', 'n1')).toBe('deferred');
    const first = Number(await redis.zscore(KEYS.deferred, 'r'));
    expect(await due()).toEqual(['r']);
    await store.release('r', await claimed('r'), 'failed');
    expect(Number(await redis.zscore(KEYS.deferred, 'r')) - first).toBeGreaterThan(2_000);
    expect(await due()).toEqual(['r']);
    await store.release('r', await claimed('r'), 'failed');
    // Nothing is tried any more, so nothing is waited for.
    expect(await backlog.takeDeferred(2)).toEqual(['r']);
    expect(await store.claim('r', 'n1', 0)).toMatchObject({ outcome: 'poison', deaths: MAX_DEATHS });
  });

  it('goes to another node if there is one, otherwise to the same node', async () => {
    const nodes = new NodeRegistry(redis);
    await nodes.report(report('n1'), false);
    await submit('r');
    await store.release('r', await claimed('r'), 'failed');
    expect(await backlog.counts()).toMatchObject({ deferred: 1, dispatched: 0, running: 0 });
    await due();
    await nodes.report(report('n2'), false);
    expect(await outcome('r', 'n1')).toBe('deferred');
    await due();
    expect(await outcome('r', 'n2')).toBe('run');

    await submit('s', 'u');
    await store.release('s', await claimed('s'), 'failed');
    await due();
    await nodes.leave('n2');
    expect(await outcome('s', 'n1')).toBe('run');
  });

  it('goes to the same node in the end when the others never take it', async () => {
    const nodes = new NodeRegistry(redis);
    await nodes.report(report('n2'), false);
    await submit('r');
    await store.release('r', await claimed('r'), 'failed');
    let passed = 0;
    for (; ; passed += 1) {
      await due();
      if ((await outcome('r', 'n1')) === 'run') break;
    }
    expect(passed).toBeGreaterThan(2);
  });
});

describe('runs in quarantine', () => {
  it('are tried a few at a time, one per tenant', async () => {
    for (const [id, tenant] of [
      ['a1', 'a'],
      ['a2', 'a'],
      ['b1', 'b'],
      ['c1', 'c'],
    ] as const) {
      await submit(id, tenant);
      await store.release(id, await claimed(id), 'failed');
    }
    const first = await due();
    expect(first).toEqual(['a1', 'b1']);
    expect(await due()).toEqual([]);
    // One of them ends, and one is put off anew.
    const fence = await claimed('a1');
    const facts = {
      id: 'a1',
      attempt: 2,
      limits: DEFAULT_LIMITS,
      engine: 'seccomp',
      node: null,
      cell: null,
    } as const;
    await store.finish(syntheticResult({ ...facts, status: 'cancelled', message: '' }), fence);
    await store.release('b1', await claimed('b1'), 'failed');
    expect(await due()).toHaveLength(2);
    expect(await redis.scard(KEYS.quarantined)).toBe(2);
  });

  it('of one tenant do not block those of others', async () => {
    for (let i = 0; i < 300; i++) {
      await submit(`a${i}`, 'a');
      await store.release(`a${i}`, await claimed(`a${i}`), 'failed');
    }
    await submit('b', 'b');
    await store.release('b', await claimed('b'), 'failed');
    await due(0);
    for (const id of await redis.zrange(KEYS.deferred, 0, -1)) {
      await redis.zadd(KEYS.deferred, id === 'b' ? 2 : 1, id);
    }
    expect([...(await backlog.takeDeferred(2)), ...(await backlog.takeDeferred(2))]).toContain('b');
  });

  it('leave quarantine when they are cancelled', async () => {
    await submit('r');
    await store.release('r', await claimed('r'), 'failed');
    await store.markCancelled('r');
    const facts = {
      id: 'r',
      attempt: 1,
      limits: DEFAULT_LIMITS,
      engine: 'seccomp',
      node: null,
      cell: null,
    } as const;
    const result = syntheticResult({ ...facts, status: 'cancelled', message: '' });
    expect(await store.finish(result, 'queued')).toBe('accepted');
    expect(await redis.zcard(KEYS.deferred)).toBe(0);
  });
});

describe('runs whose node has died', () => {
  it('are all suspected and run alone one after another, and innocent runs end well', async () => {
    for (const id of ['poison', 'innocent']) await submit(id, id);
    await claimed('poison');
    await claimed('innocent');
    for (const id of ['poison', 'innocent']) expect(await outcome(id, 'n2')).toBe('deferred');
    expect(await due()).toEqual(['innocent', 'poison']);
    for (const id of ['poison', 'innocent']) expect(await outcome(id, 'n2')).toBe('alone');
    // What waits to be alone is with the queue, and not lost.
    expect(await redis.zcard(KEYS.dispatched)).toBe(2);
    for (let death = 2; death <= MAX_DEATHS; death++) {
      await claimed('poison', `p${death}`, true);
      if (death < MAX_DEATHS) {
        expect(await outcome('poison', 'n9')).toBe('deferred');
        await due();
      }
    }
    expect(await outcome('poison', 'n9')).toBe('poison');
    expect(await store.claim('innocent', 'n3', 0, true)).toMatchObject({ outcome: 'run', deaths: 1 });
  });

  it('are deferred again when no node is free of other runs', async () => {
    await submit('r');
    await claimed('r');
    await outcome('r', 'n2');
    await due();
    expect(await outcome('r', 'n2')).toBe('alone');
    expect(await store.defer('r', 5_000)).toBe(true);
    expect([await redis.zcard(KEYS.dispatched), await backlog.takeDeferred(2)]).toEqual([0, []]);
    expect(await due()).toEqual(['r']);
    await claimed('r', 'n2', true);
    expect(await store.defer('r', 5_000)).toBe(false);
  });
});

describe('a run of a newer version', () => {
  it('is left to other nodes without counting a crash, and is not offered again at once', async () => {
    await submit('r');
    await redis.hset(runKey('r'), 'schema', SCHEMA + 1);
    expect(await store.claim('r', 'n1', 0)).toEqual({ outcome: 'newer' });
    expect(await backlog.takeDeferred(2)).toEqual([]);
    expect(await redis.hmget(runKey('r'), 'state', 'attempt', 'deaths')).toEqual(['queued', '0', '0']);
    expect(await due(0)).toEqual(['r']);
    await expect(store.runState('r')).rejects.toThrow(
      /stored by a newer version of Sandpiper \(schema \d+; .*upgrade/,
    );
  });
});

describe('a run that waited for a CPU', () => {
  it('comes back later, as another attempt and without blame, and says how often', async () => {
    await submit('r');
    const first = await claimed('r');
    expect(await store.release('r', first, 'unreliable')).toBe(true);
    expect(await store.release('r', first, 'unreliable')).toBe(false);
    expect(await backlog.takeDeferred(0)).toEqual([]);
    // It is in no quarantine, so none of its places is needed.
    await redis.zadd(KEYS.deferred, 0, 'r');
    expect(await backlog.takeDeferred(0)).toEqual(['r']);
    const again = { outcome: 'run', attempt: 2, deaths: 0, retries: 1 };
    expect(await store.claim('r', 'n1', 0)).toMatchObject(again);
  });

  it('goes to another node where one is ready', async () => {
    await submit('r');
    await store.release('r', await claimed('r', 'n1'), 'unreliable');
    const nodes = new NodeRegistry(redis);
    for (const name of ['n1', 'n2']) await nodes.report(report(name), false);
    await due();
    expect(await outcome('r', 'n1')).toBe('deferred');
    await due();
    expect(await outcome('r', 'n2')).toBe('run');
  });

  it('ends as cancelled where it was cancelled meanwhile', async () => {
    await submit('r');
    await store.release('r', await claimed('r', 'n1'), 'unreliable');
    await store.markCancelled('r');
    const nodes = new NodeRegistry(redis);
    for (const name of ['n1', 'n2']) await nodes.report(report(name), false);
    await due();
    expect(await outcome('r', 'n1')).toBe('cancel');
  });
});
