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
import { TestNode } from '../src/testing.js';
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

const nodes = new Map<string, TestNode>();
const nodeOf = (name: string): TestNode => {
  const known = nodes.get(name) ?? new TestNode(redis, name);
  nodes.set(name, known);
  return known;
};

/** Takes it on a node that has nothing else. */
async function claimed(id: string, node = 'n1'): Promise<Fence> {
  const claim = await nodeOf(node).claim(id);
  if (claim?.outcome !== 'run') throw new Error(claim?.outcome ?? 'nothing');
  return claim.fence;
}

/** What becomes of the one run that waits when that node asks. */
async function outcome(node: string, alone = false): Promise<string> {
  const taken = await nodeOf(node).take(1, { alone });
  return taken.claims[0]?.outcome ?? (taken.alone === null ? 'nothing' : 'alone');
}

/** Takes a run that must be alone, which was named to the node before. */
const takeAlone = async (id: string, node: string) =>
  (await nodeOf(node).take(1, { alone: true, wanted: id })).claims[0];

async function dies(name: string): Promise<string[]> {
  await nodeOf(name).lease(-1);
  return (await backlog.loseNodes()).sort();
}

/** Their time has come. @returns how many go back to their backlogs */
async function due(slots = 2): Promise<number> {
  for (const id of await redis.zrange(KEYS.deferred, 0, -1)) await redis.zadd(KEYS.deferred, 0, id);
  return backlog.takeDeferred(slots);
}

const processOf = (name: string) => ({ name, instance: nodeOf(name).instance, runtimes: ['default'] });

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
  it('waits outside of the backlogs, longer after each crash, and is given up after three crashes', async () => {
    await submit('r');
    await store.release('r', await claimed('r'), 'failed');
    expect(await backlog.takeDeferred(2)).toBe(0);
    expect(await outcome('n1')).toBe('nothing');
    const first = Number(await redis.zscore(KEYS.deferred, 'r'));
    expect(await due()).toBe(1);
    await store.release('r', await claimed('r'), 'failed');
    expect(Number(await redis.zscore(KEYS.deferred, 'r')) - first).toBeGreaterThan(2_000);
    expect(await due()).toBe(1);
    await store.release('r', await claimed('r'), 'failed');
    // Nothing is tried any more, so nothing is waited for.
    expect(await backlog.takeDeferred(2)).toBe(1);
    const { claims } = await nodeOf('n1').take();
    expect(claims).toMatchObject([{ id: 'r', outcome: 'poison', deaths: MAX_DEATHS }]);
  });

  it('goes to another node if there is one, otherwise to the same node', async () => {
    const registry = new NodeRegistry(redis);
    await registry.report(processOf('n1'), report('n1'), [], false);
    await submit('r');
    await store.release('r', await claimed('r'), 'failed');
    expect(await backlog.counts()).toMatchObject({ waiting: 0, deferred: 1, running: 0 });
    await due();
    await registry.report(processOf('n2'), report('n2'), [], false);
    expect(await outcome('n1')).toBe('nothing');
    await due();
    expect(await outcome('n2')).toBe('run');

    await submit('s', 'u');
    await store.release('s', await claimed('s'), 'failed');
    await due();
    await registry.leave(processOf('n2'));
    expect(await outcome('n1')).toBe('run');
  });

  it('goes to the same node in the end when the others never take it', async () => {
    const registry = new NodeRegistry(redis);
    await registry.report(processOf('n2'), report('n2'), [], false);
    await submit('r');
    await store.release('r', await claimed('r'), 'failed');
    let passed = 0;
    for (; ; passed += 1) {
      await due();
      if ((await outcome('n1')) === 'run') break;
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
    expect(await due()).toBe(2);
    expect(await redis.smembers(KEYS.quarantined).then((ids) => ids.sort())).toEqual(['a1', 'b1']);
    expect(await due()).toBe(0);
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
    expect(await due()).toBe(2);
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
    for (let i = 0; i < 2; i++) await backlog.takeDeferred(2);
    expect(await redis.sismember(KEYS.quarantined, 'b')).toBe(1);
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
    expect((await nodeOf('p1').take(2)).claims).toHaveLength(2);
    expect(await dies('p1')).toEqual(['innocent', 'poison']);
    expect(await outcome('n2')).toBe('nothing');
    expect(await due()).toBe(2);
    // One at a time wants the node for itself.
    expect([await outcome('n2'), await outcome('n3')]).toEqual(['alone', 'alone']);
    // What waits for a node of its own is deferred, and not lost.
    expect(await redis.zcard(KEYS.deferred)).toBe(2);
    for (let death = 2; death <= MAX_DEATHS; death++) {
      expect(await takeAlone('poison', `p${death}`)).toMatchObject({ outcome: 'run' });
      expect(await dies(`p${death}`)).toEqual(['poison']);
    }
    expect(await takeAlone('innocent', 'n3')).toMatchObject({ outcome: 'run', deaths: 1 });
    await due();
    expect(await outcome('n9')).toBe('poison');
  });

  it('are taken at once by a node that has nothing else', async () => {
    await submit('r');
    await claimed('r', 'p1');
    await dies('p1');
    await due();
    await submit('s');
    const taken = await nodeOf('n2').take(2, { alone: true });
    expect(taken).toMatchObject({ alone: 'r', claims: [{ id: 'r', outcome: 'run' }] });
  });

  it('are due again when the node that was to be alone does not take them', async () => {
    await submit('r');
    await claimed('r', 'p1');
    await dies('p1');
    await due();
    expect(await outcome('n2')).toBe('alone');
    expect(await backlog.takeDeferred(2)).toBe(0);
    expect(await due()).toBe(1);
    // It waits in its line again, so it is not to be had by its name.
    expect(await takeAlone('r', 'n2')).toBeUndefined();
    expect(await outcome('n2', true)).toBe('run');
  });
});

describe('a run of a newer version', () => {
  it('is left to other nodes without counting a crash, and is not offered again at once', async () => {
    await submit('r');
    await redis.hset(runKey('r'), 'schema', SCHEMA + 1);
    expect(await nodeOf('n1').take()).toMatchObject({ claims: [], newer: ['r'] });
    expect(await backlog.takeDeferred(2)).toBe(0);
    expect(await redis.hmget(runKey('r'), 'state', 'attempt', 'deaths')).toEqual(['queued', '0', '0']);
    expect(await due(0)).toBe(1);
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
    expect(await backlog.takeDeferred(0)).toBe(0);
    // It is in no quarantine, so none of its places is needed.
    await redis.zadd(KEYS.deferred, 0, 'r');
    expect(await backlog.takeDeferred(0)).toBe(1);
    const again = { outcome: 'run', attempt: 2, deaths: 0, retries: 1 };
    expect((await nodeOf('n1').take()).claims).toMatchObject([again]);
  });

  it('goes to another node where one is ready', async () => {
    await submit('r');
    await store.release('r', await claimed('r', 'n1'), 'unreliable');
    const registry = new NodeRegistry(redis);
    for (const name of ['n1', 'n2']) await registry.report(processOf(name), report(name), [], false);
    await due();
    expect(await outcome('n1')).toBe('nothing');
    await due();
    expect(await outcome('n2')).toBe('run');
  });

  it('ends as cancelled where it was cancelled meanwhile', async () => {
    await submit('r');
    await store.release('r', await claimed('r', 'n1'), 'unreliable');
    await store.markCancelled('r');
    const registry = new NodeRegistry(redis);
    for (const name of ['n1', 'n2']) await registry.report(processOf(name), report(name), [], false);
    await due();
    expect(await outcome('n1')).toBe('cancel');
  });
});
