import { randomUUID } from 'node:crypto';
import type {
  SubmissionPhase,
  SubmissionResult,
  SubmissionState,
  SubmissionSummary,
  SubmittedFiles,
  Verdict,
} from '@sandpiper/contracts';
import { KEYS, PREFIXES, problemKey, submissionRedisKey, submittedKey } from '../keys.js';
import type { RedisConnection } from '../redis/connection.js';
import { throwFirstError } from '../redis/pipelines.js';
import { inOrder } from '../redis/script.js';
import { idempotencyArguments, type Idempotency } from '../runs/store.js';
import { assertReadable, SCHEMA } from '../schema.js';
import {
  CANCEL_SUBMISSION,
  FINISH_SUBMISSION,
  REJUDGE_SUBMISSION,
  RELEASE_SUBMISSION,
  RENEW_SUBMISSION,
  SUBMIT_SUBMISSION,
  SUBMIT_SUBMISSION_ARGUMENTS,
  SWEEP_SUBMISSIONS,
  TAKE_SUBMISSION,
} from '../scripts/judging.js';
import type { BoundReached, JudgingBounds } from './bounds.js';

export interface NewSubmission {
  readonly id: string;
  readonly tenant: string;
  readonly problem: string;
  /** null: the latest. */
  readonly version: string | null;
  /** JSON of {@link SubmittedFiles}. */
  readonly program: string;
  readonly label: string;
  readonly runsAll: boolean;
  /** W3C trace context, or ''. */
  readonly trace: string;
}

/** `same`: accepted before. `different`: the idempotency key belongs to another one. */
export type SubmissionIntake =
  | { readonly outcome: 'accepted' | 'same' | 'different'; readonly id: string }
  | { readonly outcome: 'no-problem' }
  | BoundReached;

/** A submission that a judge has. */
export interface TakenSubmission {
  readonly id: string;
  /** Every change of it names the claim, which another judge's claim makes void. */
  readonly claim: string;
  /** How many judges ended while they had it, and how often its judging has failed. */
  readonly deaths: number;
  readonly faults: number;
  readonly tenant: string;
  readonly problem: string;
  readonly version: string;
  readonly program: SubmittedFiles;
  readonly runsAll: boolean;
  readonly trace: string;
  /** Judgings that begin anew have another one. */
  readonly generation: number;
}

/** `lost`: another judge has it. `gone`: it was removed. */
export type Renewal = 'ok' | 'cancel' | 'lost' | 'gone';
export type Rejudging = 'queued' | 'waiting' | 'no-problem' | 'missing';

export interface SubmissionFilter {
  readonly tenant: string;
  /** null: all. */
  readonly problem: string | null;
  /** Id of the last one that the caller has seen. */
  readonly after: string | null;
  readonly limit: number;
}

/** Fields of a summary, in the order of {@link summaryOf}. */
const SUMMARY = [
  'problem',
  'version',
  'label',
  'state',
  'cursor',
  'progress',
  'verdict',
  'score',
  'submitted',
  'ended',
  'schema',
] as const;

/** What a judge needs of a submission. */
const TAKEN = [
  'tenant',
  'problem',
  'version',
  'program',
  'all',
  'trace',
  'generation',
  'faults',
  'schema',
] as const;

interface EarlierVerdict {
  readonly verdict: Verdict;
  readonly score: string;
  readonly version: string;
  readonly ended: string;
}

/** Submissions and their judges' leases. Rejects with the connection's error when Redis is away. */
export class SubmissionStore {
  constructor(private readonly redis: RedisConnection) {}

  async submit(
    made: NewSubmission,
    idempotency: Idempotency | null,
    bounds: JudgingBounds,
  ): Promise<SubmissionIntake> {
    const { id, tenant, problem, version, program, label, runsAll, trace } = made;
    const { redisKey, has, fingerprint } = idempotencyArguments(tenant, 'submission', idempotency);
    const fields = inOrder(SUBMIT_SUBMISSION_ARGUMENTS, {
      ...{ id, tenant, problem, label, trace, fingerprint, program },
      version: version ?? '',
      runsAll: runsAll ? 1 : 0,
      schema: SCHEMA,
      hasKey: has,
      allWaiting: bounds.waiting,
      tenantWaiting: bounds.tenantWaiting,
      allBytes: bounds.submissionBytes,
      tenantBytes: bounds.tenantSubmissionBytes,
    });
    const keys = [submissionRedisKey(id), redisKey, problemKey(tenant, problem)];
    const reply = await SUBMIT_SUBMISSION.run(this.redis, ...keys, ...fields);
    const [outcome, first, most] = reply as [SubmissionIntake['outcome'], string, string];
    if (outcome === 'accepted' || outcome === 'same' || outcome === 'different')
      return { outcome, id: first };
    if (outcome === 'no-problem') return { outcome };
    return { outcome, there: Number(first), most: Number(most) };
  }

  /** Takes a submission to judge it. @returns null when none waits */
  async take(leaseMs: number): Promise<TakenSubmission | null> {
    const claim = randomUUID();
    const reply = await TAKE_SUBMISSION.run(this.redis, KEYS.judging, KEYS.judgingLeased, claim, leaseMs);
    const [id, deaths] = reply as [string | undefined, string];
    if (id === undefined) return null;
    const fields = await this.redis.hmget(submissionRedisKey(id), ...TAKEN);
    const [tenant, problem, version, program, all, trace, generation, faults, schema] = fields;
    assertReadable(`submission ${id}`, schema);
    // It was removed meanwhile.
    if (!tenant || !problem || !version || !program) return null;
    return {
      ...{ id, claim, tenant, problem, version },
      deaths: Number(deaths),
      faults: Number(faults),
      program: JSON.parse(program) as SubmittedFiles,
      runsAll: all === '1',
      trace: trace ?? '',
      generation: Number(generation),
    };
  }

  /** Extends the lease, and says how far it is. */
  async renew(
    { id, claim }: Pick<TakenSubmission, 'id' | 'claim'>,
    leaseMs: number,
    progress: { readonly done: number; readonly total: number } | null,
  ): Promise<Renewal> {
    const keys = [submissionRedisKey(id), KEYS.judgingLeased];
    const text = progress === null ? '' : `${progress.done} ${progress.total}`;
    return (await RENEW_SUBMISSION.run(this.redis, ...keys, id, claim, leaseMs, text)) as Renewal;
  }

  /** @returns false when another judge has it by now */
  async finish(
    { id, claim, version }: Pick<TakenSubmission, 'id' | 'claim' | 'version'>,
    result: SubmissionResult,
  ): Promise<boolean> {
    const { verdict, score } = result;
    const text = JSON.stringify(result);
    const fields = [id, claim, 'done', text, verdict, score ?? '', version];
    return (await FINISH_SUBMISSION.run(this.redis, submissionRedisKey(id), ...fields)) === 1;
  }

  /** Ends a submission that a client has cancelled. */
  async finishCancelled({ id, claim }: Pick<TakenSubmission, 'id' | 'claim'>): Promise<boolean> {
    const fields = [id, claim, 'cancelled', '', '', '', ''];
    return (await FINISH_SUBMISSION.run(this.redis, submissionRedisKey(id), ...fields)) === 1;
  }

  /** Gives a submission back: it waits again. @returns false when another judge has it */
  async release(
    { id, claim }: Pick<TakenSubmission, 'id' | 'claim'>,
    why: 'leaving' | 'failed',
  ): Promise<boolean> {
    const keys = [submissionRedisKey(id), KEYS.judgingLeased];
    const fields = [id, claim, why === 'failed' ? 1 : 0];
    return (await RELEASE_SUBMISSION.run(this.redis, ...keys, ...fields)) === 1;
  }

  /** @returns its state afterwards; null for an unknown one */
  async cancel(id: string): Promise<SubmissionPhase | null> {
    return (await CANCEL_SUBMISSION.run(this.redis, submissionRedisKey(id), id, 0)) as SubmissionPhase | null;
  }

  /** @returns false for an unknown one */
  async purge(id: string): Promise<boolean> {
    return (await CANCEL_SUBMISSION.run(this.redis, submissionRedisKey(id), id, 1)) === 'removed';
  }

  /** @param version null: the latest */
  async rejudge(id: string, version: string | null): Promise<Rejudging> {
    return (await REJUDGE_SUBMISSION.run(this.redis, submissionRedisKey(id), id, version ?? '')) as Rejudging;
  }

  /** Removes what is too old or too much. @returns how many were removed */
  async sweep(retentionSeconds: number, records: number, bounds: JudgingBounds): Promise<number> {
    const fields = [retentionSeconds * 1000, records, bounds.submissionBytes];
    return (await SWEEP_SUBMISSIONS.run(this.redis, KEYS.judged, ...fields)) as number;
  }

  async tenantOf(id: string): Promise<string | null> {
    return this.redis.hget(submissionRedisKey(id), 'tenant');
  }

  async summary(id: string): Promise<SubmissionSummary | null> {
    return summaryOf(id, await this.redis.hmget(submissionRedisKey(id), ...SUMMARY));
  }

  /** With its result and its history. */
  async state(id: string): Promise<SubmissionState | null> {
    const [fields, rest] = throwFirstError(
      await this.redis
        .pipeline()
        .hmget(submissionRedisKey(id), ...SUMMARY)
        .hmget(submissionRedisKey(id), 'result', 'history')
        .exec(),
    ) as [(string | null)[], (string | null)[]];
    const summary = summaryOf(id, fields);
    if (summary === null) return null;
    const [result, history] = rest;
    return {
      ...summary,
      result: summary.state === 'done' && result ? (JSON.parse(result) as SubmissionResult) : null,
      history: (JSON.parse(history ?? '[]') as EarlierVerdict[]).map((earlier) => ({
        verdict: earlier.verdict,
        score: scoreOf(earlier.score),
        version: earlier.version,
        judgedAt: timeOf(earlier.ended),
      })),
    };
  }

  /** The latest first. */
  async list({ tenant, problem, after, limit }: SubmissionFilter): Promise<SubmissionSummary[]> {
    const key = problem === null ? PREFIXES.submissions + tenant : submittedKey(tenant, problem);
    const rank = after === null ? -1 : await this.redis.zrevrank(key, after);
    if (rank === null) return [];
    const ids = await this.redis.zrevrange(key, rank + 1, rank + limit);
    const pipeline = this.redis.pipeline();
    for (const id of ids) pipeline.hmget(submissionRedisKey(id), ...SUMMARY);
    const rows = throwFirstError(await pipeline.exec()) as (string | null)[][];
    return ids.flatMap((id, at) => summaryOf(id, rows[at] ?? []) ?? []);
  }

  /** Ids of the submissions for a problem, the earliest first. */
  async ofProblem(tenant: string, problem: string): Promise<string[]> {
    return this.redis.zrange(submittedKey(tenant, problem), 0, -1);
  }
}

const scoreOf = (text: string | null | undefined): number | null => (text ? Number(text) : null);
const timeOf = (text: string | null | undefined): string => new Date(Number(text ?? 0)).toISOString();

function summaryOf(id: string, fields: readonly (string | null | undefined)[]): SubmissionSummary | null {
  const [problem, version, label, state, cursor, progress, verdict, score, submitted, ended, schema] = fields;
  if (!problem || !version || !state) return null;
  assertReadable(`submission ${id}`, schema);
  const [done = 0, total = 0] = (progress ?? '').split(' ').map(Number);
  return {
    id,
    problem,
    version,
    label: label ? label : null,
    state: state as SubmissionPhase,
    cursor: Number(cursor),
    progress: progress ? { done, total } : null,
    verdict: verdict ? (verdict as Verdict) : null,
    score: scoreOf(score),
    submittedAt: timeOf(submitted),
    judgedAt: ended ? timeOf(ended) : null,
  };
}
