import { DEFAULT_LIMITS, LIVE_BOUNDS } from '@sandpiper/contracts';
import type { Redis } from 'ioredis';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  Backlog,
  connectSubscriber,
  type Fence,
  backlogKey,
  KEYS,
  PREFIXES,
  LiveHints,
  liveInputKey,
  liveKey,
  liveOutputKey,
  LiveStore,
  type RedisConnection,
  runKey,
  RunStore,
  syntheticResult,
  keepBounds,
  queueBounds,
  RetentionStore,
} from '../src/index.js';
import { TestNode } from '../src/testing.js';
import { useRedis } from './use-redis.js';

let redis: RedisConnection;
let subscriber: Redis;
let runs: RunStore;
let live: LiveStore;
let backlog: Backlog;
let node: TestNode;

useRedis((given, started) => {
  redis = given;
  subscriber = connectSubscriber(started.url);
  subscriber.on('error', () => undefined);
  runs = new RunStore(redis);
  live = new LiveStore(redis);
  backlog = new Backlog(redis);
  node = new TestNode(redis);
});

beforeEach(() => {
  epochs.length = 0;
});

afterAll(() => subscriber.disconnect());

async function submit(id: string, isLive = true): Promise<void> {
  const request = { source: '', ...(isLive ? { live: true } : {}) };
  const run = { id, tenant: 't', limits: DEFAULT_LIMITS, request, trace: '' };
  await runs.submit(run, null, queueBounds({ runs: 10 }));
}

/** Of the claims of a test, in their order. */
const epochs: number[] = [];

/** Claims it, out of its quarantine where the node of the attempt before has died. */
async function claim(id: string): Promise<Fence> {
  await redis.zadd(KEYS.leases, 0, node.instance);
  await backlog.loseNodes();
  for (const each of await redis.zrange(KEYS.deferred, 0, -1)) await redis.zadd(KEYS.deferred, 0, each);
  await backlog.takeDeferred(1);
  const got = await node.claim(id);
  if (got?.outcome !== 'run') throw new Error(got?.outcome ?? `${id} does not wait`);
  epochs.push(got.fence.epoch);
  return got.fence;
}

const finish = (id: string, fence: Fence) => {
  const facts = {
    id,
    attempt: 1,
    limits: DEFAULT_LIMITS,
    engine: 'seccomp',
    node: null,
    cell: null,
  } as const;
  return runs.finish(syntheticResult({ ...facts, status: 'internal-error', message: '' }), fence);
};

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const out = (text: string) => [{ stream: 'stdout', data: bytes(text) }] as const;

const START = { epoch: 0, end: 0 };

/** Of each entry: which claim of the test wrote it, where it ends, what it holds. */
async function outputs(id: string, after = START): Promise<[number, number, string][]> {
  const view = await live.look(id, after, 100);
  return (view?.entries ?? [])
    .filter(({ pieces }) => pieces.length > 0)
    .map(({ epoch, end, pieces }) => [
      epochs.indexOf(epoch) + 1,
      end,
      pieces.map(({ stream, data }) => `${stream[3]}:${data.toString('latin1')}`).join(' '),
    ]);
}

describe('output of a live run', () => {
  it('can be read byte for byte, in order, from any position', async () => {
    await submit('r');
    const attempt = await claim('r');
    expect(await live.begin('r', attempt)).toBe(0);
    await live.append('r', attempt, 2, out('\xff\0'));
    await live.append('r', attempt, 7, [...out('abc'), { stream: 'stderr', data: bytes('de') }]);
    expect(await outputs('r')).toEqual([
      [1, 2, 'o:\xff\0'],
      [1, 7, 'o:abc e:de'],
    ]);
    expect(await outputs('r', { epoch: attempt.epoch, end: 2 })).toEqual([[1, 7, 'o:abc e:de']]);
    // A place inside of an entry: the entry comes whole.
    expect(await outputs('r', { epoch: attempt.epoch, end: 3 })).toEqual([[1, 7, 'o:abc e:de']]);
    expect(await outputs('r', { epoch: attempt.epoch, end: 7 })).toEqual([]);
  });

  it('is stored once when it is sent twice', async () => {
    await submit('r');
    const attempt = await claim('r');
    await live.begin('r', attempt);
    expect(await live.append('r', attempt, 1, out('a'))).toBe(true);
    expect(await live.append('r', attempt, 1, out('a'))).toBe(true);
    await live.begin('r', attempt);
    expect(await outputs('r')).toEqual([[1, 1, 'o:a']]);
  });

  it('is that of the latest attempt only, whatever a stale attempt writes', async () => {
    await submit('r');
    const first = await claim('r');
    await live.begin('r', first);
    await live.append('r', first, 3, out('old'));
    const second = await claim('r');
    expect(await live.append('r', first, 9, out('older'))).toBe(false);
    await live.begin('r', second);
    expect(await live.begin('r', first)).toBeNull();
    expect(await live.take('r', first, 0, true, 1)).toBeNull();
    await live.append('r', second, 3, out('new'));
    expect(await outputs('r')).toEqual([[2, 3, 'o:new']]);
    expect(await outputs('r', { epoch: first.epoch, end: 3 })).toEqual([[2, 3, 'o:new']]);
    await finish('r', second);
    expect(await live.append('r', second, 6, out('ghost'))).toBe(false);
  });

  it('is removed ten minutes after the end, and its bytes are released', async () => {
    await submit('r');
    const attempt = await claim('r');
    await live.begin('r', attempt);
    await live.append('r', attempt, 1, out('a'));
    await live.feed('r', null, bytes('x'), false);
    const keys = [liveKey('r'), liveOutputKey('r'), liveInputKey('r')];
    await finish('r', attempt);
    const retention = new RetentionStore(redis);
    await retention.sweep(keepBounds({}));
    expect(await redis.exists(...keys)).toBe(3);
    const { keptBytes } = await retention.facts();
    await redis.zadd(KEYS.liveEnded, Date.now() - 601_000, 'r');
    await retention.sweep(keepBounds({}));
    expect(await redis.exists(...keys)).toBe(0);
    expect((await runs.runState('r'))?.state).toBe('done');
    expect((await retention.facts()).keptBytes).toBeLessThan(keptBytes - 10_000);
  });
});

it('output of two attempts with the same number after a failover is never mixed', async () => {
  await submit('r');
  const before = await redis.hgetall(runKey('r'));
  const first = await claim('r');
  await live.begin('r', first);
  await live.append('r', first, 3, out('old'));
  // The new master has the run as it was, and nothing of what the first attempt did.
  await redis.del(liveOutputKey('r'));
  await redis.del(runKey('r'));
  await redis.hset(runKey('r'), before);
  await redis.zadd(backlogKey('t', 'default'), 1, 'r');
  await redis.zadd(`${PREFIXES.active}default`, 0, 't');
  const second = await claim('r');
  await live.begin('r', second);
  expect(await live.append('r', first, 9, out('older'))).toBe(false);
  expect(await live.take('r', first, 0, true, 1)).toBeNull();
  await live.append('r', second, 2, out('ne'));
  // Who has read three bytes of the first gets the second from its beginning.
  expect(await outputs('r', { epoch: first.epoch, end: 3 })).toEqual([[2, 2, 'o:ne']]);
});

describe('input of a live run', () => {
  it('is stored once when it is sent twice, and has no gap', async () => {
    await submit('r');
    expect(await live.feed('r', 0, bytes('abc'), false)).toEqual({ outcome: 'ok', received: 3 });
    expect(await live.feed('r', 0, bytes('abc'), false)).toEqual({ outcome: 'ok', received: 3 });
    expect(await live.feed('r', 1, bytes('bcde'), false)).toEqual({ outcome: 'ok', received: 5 });
    expect(await live.feed('r', 6, bytes('x'), false)).toEqual({ outcome: 'gap', received: 5 });
    expect(await live.feed('r', null, bytes('f\xff'), false)).toEqual({ outcome: 'ok', received: 7 });
    const attempt = await claim('r');
    const view = await live.take('r', attempt, 0, true, 10);
    expect(Buffer.concat(view?.pieces ?? []).toString('latin1')).toBe('abcdef\xff');
    expect(view).toMatchObject({ fed: 7, ended: false, hasFeeder: false });
    // The next attempt has it from the beginning.
    const next = await claim('r');
    expect((await live.take('r', next, 0, true, 10))?.pieces).toHaveLength(3);
    expect((await live.take('r', next, 5, true, 10))?.pieces).toEqual([bytes('f\xff')]);
  });

  it('has an end, after which no more is accepted', async () => {
    await submit('r');
    await live.feed('r', null, bytes('ab'), false);
    expect(await live.feed('r', 3, bytes(''), true)).toMatchObject({ outcome: 'gap' });
    expect(await live.feed('r', 2, bytes(''), true)).toMatchObject({ outcome: 'ok' });
    expect(await live.feed('r', 2, bytes('c'), false)).toMatchObject({ outcome: 'ended' });
    // Said again after a break.
    expect(await live.feed('r', 1, bytes('b'), false)).toMatchObject({ outcome: 'ok' });
    expect(await live.feed('r', 2, bytes(''), true)).toMatchObject({ outcome: 'ok' });
  });

  it('is bounded in how far it is ahead of the program', async () => {
    await submit('r');
    const attempt = await claim('r');
    const chunk = Buffer.alloc(LIVE_BOUNDS.chunk);
    const full = LIVE_BOUNDS.window / LIVE_BOUNDS.chunk;
    for (let n = 0; n < full; n++) await live.feed('r', null, chunk, false);
    expect(await live.feed('r', null, bytes('x'), false)).toMatchObject({ outcome: 'too-fast' });
    expect((await live.look('r', START, 1))?.input).toEqual({
      received: LIVE_BOUNDS.window,
      upTo: LIVE_BOUNDS.window,
      wanted: false,
      ended: false,
    });
    await live.take('r', attempt, LIVE_BOUNDS.chunk, true, 0);
    expect(await live.feed('r', null, chunk, false)).toMatchObject({ outcome: 'ok' });
    expect((await live.look('r', START, 1))?.input).toMatchObject({
      upTo: LIVE_BOUNDS.window + LIVE_BOUNDS.chunk,
      wanted: true,
    });
  });

  it('is refused for a run that is not live, unknown, or done', async () => {
    await submit('dead', false);
    expect(await live.feed('dead', null, bytes('x'), false)).toMatchObject({ outcome: 'not-live' });
    expect(await live.feed('none', null, bytes('x'), false)).toMatchObject({ outcome: 'missing' });
    await submit('r');
    await finish('r', await claim('r'));
    expect(await live.feed('r', null, bytes('x'), false)).toMatchObject({ outcome: 'done' });
    expect((await live.look('dead', START, 1))?.input).toBeNull();
    expect(await live.look('none', START, 1)).toBeNull();
  });

  it('ends without a connected feeder, but not while a feeder is connected or more input has arrived', async () => {
    await submit('r');
    const attempt = await claim('r');
    await live.feederIsThere('r');
    expect((await live.take('r', attempt, 0, true, 1))?.hasFeeder).toBe(true);
    expect(await live.orphan('r', 0)).toBe(false);
    await redis.del('{sandpiper}:live:r:feeder');
    await live.feed('r', null, bytes('x'), false);
    expect(await live.orphan('r', 0)).toBe(false);
    expect(await live.orphan('r', 1)).toBe(true);
    expect((await live.take('r', attempt, 1, true, 1))?.ended).toBe(true);
  });

  it('counts interrupts of a run that runs', async () => {
    await submit('r');
    expect(await live.interrupt('r')).toBe(false);
    const attempt = await claim('r');
    expect(await live.begin('r', attempt)).toBe(0);
    expect(await live.interrupt('r')).toBe(true);
    expect((await live.take('r', attempt, 0, false, 0))?.interrupts).toBe(1);
    expect(await live.begin('r', await claim('r'))).toBe(1);
  });
});

describe('hints', () => {
  it('reach the followers of a channel, and stop without followers', async () => {
    const hints = new LiveHints(subscriber);
    const heard = vi.fn();
    const alsoHeard = vi.fn();
    const leave = hints.follow(liveOutputKey('r'), heard);
    const alsoLeave = hints.follow(liveOutputKey('r'), alsoHeard);
    // The first hint says that the subscription stands.
    await vi.waitFor(() => expect(heard).toHaveBeenCalled());
    heard.mockClear();
    alsoHeard.mockClear();
    await submit('r');
    const attempt = await claim('r');
    await live.begin('r', attempt);
    await vi.waitFor(() => {
      expect(heard).toHaveBeenCalledTimes(1);
      expect(alsoHeard).toHaveBeenCalledTimes(1);
    });
    leave();
    await live.append('r', attempt, 1, out('a'));
    await vi.waitFor(() => expect(alsoHeard).toHaveBeenCalledTimes(2));
    expect(heard).toHaveBeenCalledTimes(1);
    alsoLeave();
    await vi.waitFor(async () => expect(await redis.publish(liveOutputKey('r'), '')).toBe(0));
  });
});
