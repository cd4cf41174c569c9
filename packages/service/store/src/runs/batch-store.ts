import {
  RUN_STATUSES,
  type Limits,
  type RunRequest,
  type RunState,
  type RunStatus,
} from '@sandpiper/contracts';
import { type QueueBounds, roomArguments } from '../bounds.js';
import type { RedisConnection } from '../redis/connection.js';
import { batchEndedKey, batchKey, batchRunId, KEYS, runKey } from '../keys.js';
import { chunks, throwFirstError } from '../redis/pipelines.js';
import { inOrder } from '../redis/script.js';
import { redisTime } from '../redis/time.js';
import { assertReadable, SCHEMA } from '../schema.js';
import {
  BEGIN_BATCH,
  BEGIN_BATCH_ARGUMENTS,
  DROP_BATCH,
  SEAL_BATCH,
  SEAL_BATCH_ARGUMENTS,
  STAGE_RUNS,
  STAGE_RUNS_ARGUMENTS,
  STAGED_RUN_FIELDS,
} from '../scripts/submit.js';
import { type Bell, SILENT_BELL } from './queue.js';
import {
  idempotencyArguments,
  toFullness,
  toSubmitOutcome,
  type Fullness,
  type Idempotency,
  type SubmitOutcome,
  type WrittenRequest,
  writtenRequest,
} from './store.js';

export interface NewBatch {
  readonly id: string;
  /**
   * The name of this submission attempt. An earlier attempt with the same key can add nothing once a later
   * one has begun.
   */
  readonly intake: string;
  readonly tenant: string;
  readonly name: string | null;
  readonly trace: string;
}

export interface StagedRun {
  readonly index: number;
  readonly request: RunRequest | WrittenRequest;
  readonly limits: Limits;
}

export interface BatchStart {
  readonly batch: NewBatch;
  /** Its fingerprint is '' if it is known only at the end. */
  readonly idempotency: Idempotency | null;
  /** Number of runs, or 0 when unknown. */
  readonly count: number;
  readonly bounds: QueueBounds;
}

export interface BatchPiece {
  readonly batch: NewBatch;
  readonly runs: readonly StagedRun[];
  readonly bounds: QueueBounds;
}

export interface BatchEnd {
  readonly batch: NewBatch;
  readonly idempotency: Idempotency | null;
  /** Number of staged runs. */
  readonly total: number;
  readonly bounds: QueueBounds;
}

/** `ours`: continue with this id. `sealed`: accepted before; compare the fingerprint. */
export type BatchBeginning =
  | { readonly outcome: 'ours' | 'same' | 'different'; readonly id: string }
  | { readonly outcome: 'sealed'; readonly id: string; readonly fingerprint: string }
  | Fullness;

export type Staging = { readonly outcome: 'ok' | 'gone' } | Fullness;

/** `gone`: another attempt with the same key has begun, or it took too long. */
export type Sealing = SubmitOutcome | { readonly outcome: 'gone' };

export interface BatchFacts {
  readonly id: string;
  readonly tenant: string;
  readonly name: string | null;
  readonly total: number;
  readonly done: number;
  readonly byStatus: Partial<Record<RunStatus, number>>;
}

/**
 * Batches in Redis. A batch is staged piece by piece beside the backlog and enters it in one step when it is
 * complete: if the scheduler dies in the middle, nothing is run until the client sends it again.
 */
export class BatchStore {
  /** @param bell wakes nodes when there is work for them */
  constructor(
    private readonly redis: RedisConnection,
    private readonly bell: Bell = SILENT_BELL,
  ) {}

  async begin({ batch, idempotency, count, bounds }: BatchStart): Promise<BatchBeginning> {
    const { id, tenant, name, intake } = batch;
    const { redisKey, has, fingerprint } = idempotencyArguments(tenant, 'batch', idempotency);
    const fields = inOrder(BEGIN_BATCH_ARGUMENTS, {
      newId: id,
      tenant,
      name: name ?? '',
      hasKey: has,
      fingerprint,
      schema: SCHEMA,
      runs: count,
      intake,
    });
    for (;;) {
      const keys = [batchKey(id), redisKey];
      const reply = await BEGIN_BATCH.run(this.redis, ...keys, ...fields, ...roomArguments(bounds));
      // The remains of a cut-off attempt may need several steps to remove.
      const beginning = toFullness(reply) ?? toBeginning(reply);
      if (beginning !== 'again') return beginning;
    }
  }

  /** @returns `gone` when the batch is complete, removed, or taken over by another attempt. */
  async stage({ batch, runs, bounds }: BatchPiece): Promise<Staging> {
    const { id, tenant, trace, intake } = batch;
    const fields = inOrder(STAGE_RUNS_ARGUMENTS, { batch: id, tenant, schema: SCHEMA, trace, intake });
    const rows = runs.flatMap(stagedFields);
    const reply = await STAGE_RUNS.run(
      this.redis,
      batchKey(id),
      ...fields,
      ...roomArguments(bounds),
      ...rows,
    );
    return toFullness(reply) ?? { outcome: (reply as ['ok' | 'gone'])[0] };
  }

  /** Completes the batch. When this resolves with `accepted`, all of its runs are in the backlog. */
  async seal({ batch, idempotency, total, bounds }: BatchEnd): Promise<Sealing> {
    const { id, tenant, intake } = batch;
    const { redisKey, has, fingerprint } = idempotencyArguments(tenant, 'batch', idempotency);
    const fields = inOrder(SEAL_BATCH_ARGUMENTS, {
      id,
      tenant,
      runs: total,
      hasKey: has,
      fingerprint,
      intake,
    });
    const keys = [batchKey(id), redisKey];
    const reply = await SEAL_BATCH.run(this.redis, ...keys, ...fields, ...roomArguments(bounds));
    const [outcome] = reply as [Sealing['outcome']];
    return outcome === 'gone' ? { outcome } : toSubmitOutcome(reply, this.bell);
  }

  /** Removes an incomplete batch with its staged runs. */
  async drop(id: string): Promise<void> {
    let left = 1;
    while (left > 0) left = (await DROP_BATCH.run(this.redis, batchKey(id), id)) as number;
  }

  /** Ids of incomplete batches that were begun longer ago than the given time. */
  async unfinished(olderThanMs: number): Promise<string[]> {
    const time = (await redisTime(this.redis)) - olderThanMs;
    return this.redis.zrangebyscore(KEYS.staging, '-inf', time, 'LIMIT', 0, 100);
  }

  /** Number of batches being received. */
  stagingCount(): Promise<number> {
    return this.redis.zcard(KEYS.staging);
  }

  /** @returns null for a batch that is unknown, incomplete, or purged. */
  async facts(id: string): Promise<BatchFacts | null> {
    const hash = await this.redis.hgetall(batchKey(id));
    const { tenant, name, total, done, purge } = hash;
    assertReadable(`batch ${id}`, hash['schema']);
    if (purge !== undefined || tenant === undefined || done === undefined) return null;
    if (total === undefined || total === '') return null;
    const byStatus: BatchFacts['byStatus'] = {};
    for (const status of RUN_STATUSES) {
      const count = hash[`status:${status}`];
      if (count !== undefined) byStatus[status] = Number(count);
    }
    return {
      id,
      tenant,
      name: name === '' || name === undefined ? null : name,
      total: Number(total),
      done: Number(done),
      byStatus,
    };
  }

  /** The runs of a batch in the order of the request, without results. An expired run counts as done. */
  async states(batch: BatchFacts): Promise<Pick<RunState, 'id' | 'state'>[]> {
    const ids = Array.from({ length: batch.total }, (_, index) => batchRunId(batch.id, index));
    const states: Pick<RunState, 'id' | 'state'>[] = [];
    for (const some of chunks(ids)) {
      const pipeline = this.redis.pipeline();
      for (const id of some) pipeline.hget(runKey(id), 'state');
      const replies = throwFirstError(await pipeline.exec()) as (RunState['state'] | null)[];
      for (const [i, id] of some.entries()) states.push({ id, state: replies[i] ?? 'done' });
    }
    return states;
  }

  /**
   * Indices of ended runs in the batch, in the order of their ends.
   * @param from number that the caller has seen; @param most maximum number to return.
   */
  async ended(id: string, from: number, most: number): Promise<number[]> {
    return (await this.redis.lrange(batchEndedKey(id), from, from + most - 1)).map(Number);
  }
}

function toBeginning(reply: unknown): BatchBeginning | 'again' {
  const [outcome, id, fingerprint] = reply as [
    'ours' | 'same' | 'different' | 'sealed' | 'again',
    string,
    string,
  ];
  if (outcome === 'again') return outcome;
  return outcome === 'sealed' ? { outcome, id, fingerprint } : { outcome, id };
}

function stagedFields({ index, request, limits }: StagedRun) {
  const { json, priority, engine, runtime, callbackUrl } = writtenRequest(request, limits);
  return inOrder(STAGED_RUN_FIELDS, {
    index,
    priority,
    request: json,
    engine,
    runtime,
    limits: JSON.stringify(limits),
    callback: callbackUrl,
  });
}
