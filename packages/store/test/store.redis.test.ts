import { DEFAULT_LIMITS, type RunResult } from '@sandpiper/contracts';
import { startRedis, type RedisServer } from '@sandpiper/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  batchKey,
  batchRunId,
  connectFailFast,
  connectSubscriber,
  jobOptions,
  parseFinishedEvent,
  runKey,
  RunStore,
  subscribeFinished,
  syntheticResult,
  type FinishedEvent,
  type RedisConnection,
} from '../src/index.js';

let server: RedisServer;
let redis: RedisConnection;
let store: RunStore;

beforeAll(async () => {
  server = await startRedis();
  redis = connectFailFast(server.url);
  redis.on('error', () => undefined);
  await new Promise<void>((resolve) => redis.once('ready', () => resolve()));
  store = new RunStore(redis, 1000);
});

beforeEach(async () => {
  await server.flush();
});

afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const newRun = (id: string, batchId: string | null = null) => ({
  id,
  batchId,
  submittedAt: 1,
  engine: 'seccomp' as const,
  limits: DEFAULT_LIMITS,
});

const result = (id: string, attempt: number, message: string): RunResult =>
  syntheticResult({
    id,
    status: 'internal-error',
    message,
    limits: DEFAULT_LIMITS,
    engine: 'seccomp',
    attempt,
    node: 'n',
    cell: 0,
  });

async function claimed(id: string): Promise<number> {
  const claim = await store.claim(id, 'node', 0);
  if (claim.verdict !== 'run') throw new Error(`claim: ${claim.verdict}`);
  return claim.attempt;
}

describe('a run', () => {
  it('is queued, running, done', async () => {
    await store.createRuns([newRun('r1')]);
    expect(await store.runState('r1')).toEqual({ id: 'r1', state: 'queued', result: null });
    const attempt = await claimed('r1');
    expect((await store.runState('r1'))?.state).toBe('running');
    expect(await store.finish(result('r1', attempt, 'x'), attempt, null)).toBe('accepted');
    expect(await store.runState('r1')).toMatchObject({ state: 'done', result: { message: 'x' } });
  });

  it('refuses the result of a late attempt', async () => {
    await store.createRuns([newRun('r1')]);
    const first = await claimed('r1');
    const second = await claimed('r1');
    expect(second).toBe(first + 1);
    expect(await store.finish(result('r1', first, 'late'), first, null)).toBe('stale');
    expect(await store.finish(result('r1', second, 'right'), second, null)).toBe('accepted');
    expect(await store.finish(result('r1', first, 'later'), first, null)).toBe('done');
    expect((await store.runState('r1'))?.result?.message).toBe('right');
  });

  it('is accepted once when many try at once', async () => {
    await store.createRuns([newRun('r1')]);
    const attempt = await claimed('r1');
    const tries = Array.from({ length: 20 }, (_, i) =>
      store.finish(result('r1', attempt, `${i}`), attempt, null),
    );
    const verdicts = await Promise.all(tries);
    expect(verdicts.filter((v) => v === 'accepted')).toHaveLength(1);
  });

  it('cannot be taken again when it is done, nor when nobody knows it', async () => {
    await store.createRuns([newRun('r1')]);
    await store.finish(result('r1', 0, 'x'), '*', null);
    expect(await store.claim('r1', 'n', 0)).toEqual({ verdict: 'done' });
    expect(await store.claim('nobody', 'n', 0)).toEqual({ verdict: 'missing' });
    expect(await store.finish(result('nobody', 0, 'x'), '*', null)).toBe('missing');
  });

  it('shows the mark of a cancel to the node that takes it', async () => {
    await store.createRuns([newRun('r1')]);
    expect(await store.markCancelled('r1')).toBe('queued');
    expect(await store.claim('r1', 'n', 0)).toMatchObject({ verdict: 'cancel' });
    expect(await store.markCancelled('nobody')).toBeNull();
  });

  it('is cancelled while no node has it, and not afterwards', async () => {
    await store.createRuns([newRun('r1'), newRun('r2')]);
    expect(await store.finish(result('r1', 0, 'x'), 'queued', null)).toBe('accepted');
    expect(await store.claim('r1', 'n', 0)).toEqual({ verdict: 'done' });
    await claimed('r2');
    expect(await store.finish(result('r2', 0, 'x'), 'queued', null)).toBe('stale');
  });

  it('goes back to the queue by the attempt that holds it only', async () => {
    await store.createRuns([newRun('r1')]);
    const first = await claimed('r1');
    const second = await claimed('r1');
    expect(await store.release('r1', first)).toBe(false);
    expect(await store.release('r1', second)).toBe(true);
    expect((await store.runState('r1'))?.state).toBe('queued');
  });

  it('expires before the queue has it and after its end, not between', async () => {
    await store.createRuns([newRun('r1')]);
    expect(await redis.ttl(runKey('r1'))).toBeGreaterThan(0);
    await store.confirmRuns(['r1']);
    expect(await redis.ttl(runKey('r1'))).toBe(-1);
    await store.finish(result('r1', 0, 'x'), '*', null);
    await store.confirmRuns(['r1']);
    expect(await redis.ttl(runKey('r1'))).toBeGreaterThan(0);
  });
});

describe('a batch', () => {
  it('counts its runs once each and ends with the last', async () => {
    const ids = [batchRunId('b', 0), batchRunId('b', 1)] as const;
    await store.createBatch('b', 'two', 2);
    await store.createRuns(ids.map((id) => newRun(id, 'b')));
    await store.confirmBatch('b');
    await store.finish(result(ids[0], 0, 'x'), '*', 'b');
    await store.finish(result(ids[0], 0, 'again'), '*', 'b');
    expect(await store.batchFacts('b')).toMatchObject({ name: 'two', total: 2, done: 1 });
    expect(await redis.ttl(batchKey('b'))).toBe(-1);
    await store.finish(result(ids[1], 0, 'x'), '*', 'b');
    const facts = await store.batchFacts('b');
    expect(facts).toMatchObject({ done: 2, byStatus: { 'internal-error': 2 } });
    expect(await redis.ttl(batchKey('b'))).toBeGreaterThan(0);
    if (facts === null) throw new Error('no batch');
    expect((await store.batchRuns(facts, true)).map((run) => [run.id, run.result?.message])).toEqual([
      [ids[0], 'x'],
      [ids[1], 'x'],
    ]);
    expect((await store.batchRuns(facts, false)).every((run) => run.result === null)).toBe(true);
    expect(await store.finishedCounts()).toEqual([{ status: 'internal-error', engine: 'seccomp', count: 2 }]);
  });
});

describe('events', () => {
  it('tell of the end of a run and of its batch', async () => {
    await store.createBatch('b', null, 1);
    await store.createRuns([newRun('b-0', 'b')]);
    const connection = connectSubscriber(server.url);
    connection.on('error', () => undefined);
    const event = new Promise<FinishedEvent>((resolve) => {
      const ready = (): void => void store.finish(result('b-0', 0, 'x'), '*', 'b');
      subscribeFinished(connection, resolve, ready);
    });
    expect(await event).toEqual({ runId: 'b-0', batchId: 'b', batchDone: true });
    connection.disconnect();
  });

  it('that are not ours are left alone', () => {
    expect(parseFinishedEvent('hello')).toBeNull();
    expect(parseFinishedEvent('r - 0')).toEqual({ runId: 'r', batchId: '', batchDone: false });
  });
});

describe('idempotency keys', () => {
  it('stand for the first request that used them', async () => {
    expect(await store.reserve('run', 'k', 'r1', 'f1')).toEqual({ verdict: 'ours', id: 'r1' });
    expect(await store.reserve('run', 'k', 'r2', 'f1')).toEqual({ verdict: 'same', id: 'r1' });
    expect(await store.reserve('run', 'k', 'r3', 'f2')).toEqual({ verdict: 'different', id: 'r1' });
    expect(await store.reserve('batch', 'k', 'b1', 'f2')).toEqual({ verdict: 'ours', id: 'b1' });
  });
});

describe('job options', () => {
  it('give every job a priority, so that none starves the rest', () => {
    const job = { version: 1, id: 'r', batchId: null, submittedAt: 0 } as const;
    expect(jobOptions({ ...job, request: { source: '', priority: 0 } }).priority).toBe(1);
    expect(jobOptions({ ...job, request: { source: '' } }).priority).toBe(51);
    expect(jobOptions({ ...job, request: { source: '', priority: 100 } }).priority).toBe(101);
  });
});
