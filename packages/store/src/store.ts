import type { Engine, Limits, RunResult, RunState, RunStatus } from '@sandpiper/contracts';
import { RUN_STATUSES } from '@sandpiper/contracts';
import type { RedisConnection } from './connection.js';
import {
  batchKey,
  batchRunId,
  CANCEL_CHANNEL,
  EVENTS_CHANNEL,
  FINISHED_KEY,
  idempotencyRedisKey,
  runKey,
  type IdempotencyKind,
} from './keys.js';
import * as scripts from './scripts.js';

/** How long ended runs and batches, and idempotency keys, are kept: a day. */
export const DEFAULT_RETENTION_SECONDS = 24 * 60 * 60;

/** Runs are read and written in groups of this many, so that no single round trip grows with the batch. */
const CHUNK = 250;

/** What is written of a run when it is admitted. The request itself travels in the job. */
export interface NewRun {
  readonly id: string;
  readonly batchId: string | null;
  /** Milliseconds since the epoch. */
  readonly submittedAt: number;
  readonly engine: Engine;
  readonly limits: Limits;
}

/** What a node gets when it takes a run. `attempt` is the fencing token for {@link RunStore.finish}. */
export type Claim =
  | { readonly verdict: 'run'; readonly attempt: number; readonly submittedAt: number }
  | { readonly verdict: 'cancel'; readonly attempt: number; readonly submittedAt: number }
  | { readonly verdict: 'done' }
  | { readonly verdict: 'missing' };

export type FinishVerdict = 'accepted' | 'done' | 'stale' | 'missing';

/** `ours`: the key is new. `same`: it stands for this very request. `different`: it was used for another one. */
export type Reservation = { readonly verdict: 'ours' | 'same' | 'different'; readonly id: string };

export interface RunFacts {
  readonly state: RunState['state'];
  readonly batchId: string | null;
  readonly attempt: number;
  readonly engine: Engine;
  readonly limits: Limits;
  readonly enqueued: boolean;
}

export interface BatchFacts {
  readonly id: string;
  readonly name: string | null;
  readonly total: number;
  readonly done: number;
  readonly byStatus: Partial<Record<RunStatus, number>>;
  readonly enqueued: boolean;
}

/**
 * Runs and batches in Redis. Knows nothing of the queue; every method is one round trip or a bounded number of them,
 * and rejects with the connection's error when Redis is away.
 */
export class RunStore {
  constructor(
    private readonly redis: RedisConnection,
    private readonly retentionSeconds = DEFAULT_RETENTION_SECONDS,
  ) {}

  /** A read where our keys are: of a cluster's nodes, only theirs matters. */
  async ping(): Promise<void> {
    await this.redis.exists(FINISHED_KEY);
  }

  /** Ties an idempotency key to an id, or says what it is tied to. */
  async reserve(kind: IdempotencyKind, key: string, id: string, fingerprint: string): Promise<Reservation> {
    const redisKey = idempotencyRedisKey(kind, key);
    const taken = await this.redis.set(redisKey, `${id} ${fingerprint}`, 'EX', this.retentionSeconds, 'NX');
    if (taken === 'OK') return { verdict: 'ours', id };
    const value = await this.redis.get(redisKey);
    // Expired between the two commands: as rare as it is harmless to take it now.
    if (value === null) return this.reserve(kind, key, id, fingerprint);
    const [earlierId = '', earlierFingerprint] = value.split(' ');
    return { verdict: earlierFingerprint === fingerprint ? 'same' : 'different', id: earlierId };
  }

  /** Writes runs that are not there yet. They expire until {@link confirmRuns} says that the queue has them. */
  async createRuns(runs: readonly NewRun[]): Promise<void> {
    for (const chunk of chunks(runs)) {
      const pipeline = this.redis.pipeline();
      for (const run of chunk) {
        const { engine, submittedAt } = run;
        const limits = JSON.stringify(run.limits);
        const batch = run.batchId ?? '';
        pipeline.eval(
          scripts.CREATE_RUN,
          1,
          runKey(run.id),
          batch,
          submittedAt,
          engine,
          limits,
          this.retentionSeconds,
        );
      }
      throwFirstError(await pipeline.exec());
    }
  }

  async confirmRuns(ids: readonly string[]): Promise<void> {
    for (const chunk of chunks(ids)) {
      const pipeline = this.redis.pipeline();
      for (const id of chunk) pipeline.eval(scripts.CONFIRM_RUN, 1, runKey(id));
      throwFirstError(await pipeline.exec());
    }
  }

  async createBatch(id: string, name: string | null, total: number): Promise<void> {
    await this.redis.eval(scripts.CREATE_BATCH, 1, batchKey(id), name ?? '', total, this.retentionSeconds);
  }

  async confirmBatch(id: string): Promise<void> {
    await this.redis.eval(scripts.CONFIRM_BATCH, 1, batchKey(id));
  }

  async claim(id: string, node: string, cell: number): Promise<Claim> {
    const reply = await this.redis.eval(scripts.CLAIM, 1, runKey(id), node, cell);
    const [verdict, attempt, submittedAt] = reply as [Claim['verdict'], number, number];
    if (verdict === 'done' || verdict === 'missing') return { verdict };
    return { verdict, attempt, submittedAt };
  }

  /** @returns false when the attempt was not the current one any more. */
  async release(id: string, attempt: number): Promise<boolean> {
    return (await this.redis.eval(scripts.RELEASE, 1, runKey(id), attempt)) === 1;
  }

  /**
   * Ends a run. Of all calls for one run exactly one is `accepted`.
   * @param attempt the claim's token; `'queued'` ends it only while no node has it; `'*'` is for a run that the queue
   *   has given up.
   */
  async finish(
    result: RunResult,
    attempt: number | 'queued' | '*',
    batchId: string | null,
  ): Promise<FinishVerdict> {
    const reply = await this.redis.eval(
      scripts.FINISH,
      3,
      runKey(result.id),
      batchKey(batchId ?? '-'),
      FINISHED_KEY,
      String(attempt),
      JSON.stringify(result),
      result.status,
      this.retentionSeconds,
      result.id,
      batchId ?? '-',
      EVENTS_CHANNEL,
    );
    return reply as FinishVerdict;
  }

  /** Marks a run that has not ended; a node that takes it later sees the mark. @returns its state, null when unknown. */
  async markCancelled(id: string): Promise<RunState['state'] | null> {
    return (await this.redis.eval(scripts.MARK_CANCEL, 1, runKey(id))) as RunState['state'] | null;
  }

  /** Tells the node that runs it. */
  async publishCancel(id: string): Promise<void> {
    await this.redis.publish(CANCEL_CHANNEL, id);
  }

  async isCancelled(id: string): Promise<boolean> {
    return (await this.redis.hexists(runKey(id), 'cancel')) === 1;
  }

  async runState(id: string): Promise<RunState | null> {
    const [state, result] = await this.redis.hmget(runKey(id), 'state', 'result');
    return toRunState(id, state, result);
  }

  async runFacts(id: string): Promise<RunFacts | null> {
    const fields = ['state', 'batch', 'attempt', 'engine', 'limits', 'enqueued'] as const;
    const [state, batch, attempt, engine, limits, enqueued] = await this.redis.hmget(runKey(id), ...fields);
    if (!state || !engine || !limits) return null;
    return {
      state: state as RunState['state'],
      batchId: batch === '' || batch === undefined ? null : batch,
      attempt: Number(attempt),
      engine: engine as Engine,
      limits: JSON.parse(limits) as Limits,
      enqueued: enqueued === '1',
    };
  }

  async batchFacts(id: string): Promise<BatchFacts | null> {
    const hash = await this.redis.hgetall(batchKey(id));
    const { name, total, done, enqueued } = hash;
    if (total === undefined || done === undefined) return null;
    const byStatus: BatchFacts['byStatus'] = {};
    for (const status of RUN_STATUSES) {
      const count = hash[`status:${status}`];
      if (count !== undefined) byStatus[status] = Number(count);
    }
    return {
      id,
      name: name === '' || name === undefined ? null : name,
      total: Number(total),
      done: Number(done),
      byStatus,
      enqueued: enqueued === '1',
    };
  }

  /** The runs of a batch in the order of the request. A run that has expired since counts as done without a result. */
  async batchRuns(batch: BatchFacts, withResults: boolean): Promise<RunState[]> {
    const ids = Array.from({ length: batch.total }, (_, index) => batchRunId(batch.id, index));
    const fields = withResults ? ['state', 'result'] : ['state'];
    const states: RunState[] = [];
    for (const chunk of chunks(ids)) {
      const pipeline = this.redis.pipeline();
      for (const id of chunk) pipeline.hmget(runKey(id), ...fields);
      const replies = throwFirstError(await pipeline.exec());
      chunk.forEach((id, index) => {
        const [state, result] = replies[index] as (string | null)[];
        states.push(toRunState(id, state, result) ?? { id, state: 'done', result: null });
      });
    }
    return states;
  }

  /** Runs that ended, by status and engine, since this Redis began. */
  async finishedCounts(): Promise<{ status: string; engine: string; count: number }[]> {
    const hash = await this.redis.hgetall(FINISHED_KEY);
    return Object.entries(hash).map(([field, count]) => {
      const [status = '', engine = ''] = field.split('|');
      return { status, engine, count: Number(count) };
    });
  }
}

function toRunState(
  id: string,
  state: string | null | undefined,
  result: string | null | undefined,
): RunState | null {
  if (state === null || state === undefined) return null;
  const parsed = result === null || result === undefined ? null : (JSON.parse(result) as RunResult);
  return { id, state: state as RunState['state'], result: parsed };
}

function* chunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += CHUNK) yield items.slice(start, start + CHUNK);
}

/** A pipeline reports errors per command; none of ours may fail alone. */
function throwFirstError(replies: [Error | null, unknown][] | null): unknown[] {
  if (replies === null) throw new Error('the pipeline was discarded');
  return replies.map(([error, value]) => {
    if (error !== null) throw error;
    return value;
  });
}
