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
import { redisTime } from '../redis/time.js';
import { assertReadable, SCHEMA } from '../schema.js';
import { BEGIN_BATCH, DROP_BATCH, SEAL_BATCH, STAGE_RUNS } from '../scripts/submit.js';
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
  constructor(private readonly redis: RedisConnection) {}

  /**
   * @param count number of runs, if known; @param idempotency fingerprint '' if it is known only at the end.
   */
  async begin(
    batch: NewBatch,
    idempotency: Idempotency | null,
    count: number,
    bounds: QueueBounds,
  ): Promise<BatchBeginning> {
    const { redisKey, has, fingerprint } = idempotencyArguments(batch.tenant, 'batch', idempotency);
    for (;;) {
      const reply = await BEGIN_BATCH.run(
        this.redis,
        batchKey(batch.id),
        redisKey,
        batch.id,
        batch.tenant,
        batch.name ?? '',
        has,
        fingerprint,
        SCHEMA,
        count,
        batch.intake,
        ...roomArguments(bounds),
      );
      const full = toFullness(reply);
      if (full !== null) return full;
      const [outcome, id, print] = reply as [
        'ours' | 'same' | 'different' | 'sealed' | 'again',
        string,
        string,
      ];
      if (outcome === 'sealed') return { outcome, id, fingerprint: print };
      // The remains of a cut-off attempt may need several steps to remove.
      if (outcome !== 'again') return { outcome, id };
    }
  }

  /** @returns `gone` when the batch is complete, removed, or taken over by another attempt. */
  async stage(batch: NewBatch, runs: readonly StagedRun[], bounds: QueueBounds): Promise<Staging> {
    const rows = runs.flatMap(({ index, request, limits }) => {
      const { json, priority, engine, callbackUrl } = writtenRequest(request, limits);
      return [index, priority, json, engine, JSON.stringify(limits), callbackUrl];
    });
    const { id, tenant, trace, intake } = batch;
    const head = [id, tenant, SCHEMA, trace, intake, ...roomArguments(bounds)];
    const reply = await STAGE_RUNS.run(this.redis, batchKey(id), ...head, ...rows);
    return toFullness(reply) ?? { outcome: (reply as ['ok' | 'gone'])[0] };
  }

  /** Completes the batch. When this resolves with `accepted`, all of its runs are in the backlog. */
  async seal(
    batch: NewBatch,
    total: number,
    idempotency: Idempotency | null,
    bounds: QueueBounds,
  ): Promise<Sealing> {
    const { id, tenant, intake } = batch;
    const { redisKey, has, fingerprint } = idempotencyArguments(tenant, 'batch', idempotency);
    const reply = await SEAL_BATCH.run(
      this.redis,
      batchKey(id),
      redisKey,
      id,
      tenant,
      total,
      has,
      fingerprint,
      intake,
      ...roomArguments(bounds),
    );
    const [outcome] = reply as [Sealing['outcome']];
    return outcome === 'gone' ? { outcome } : toSubmitOutcome(reply);
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
