import { randomUUID } from 'node:crypto';
import type { Engine, Limits, RunRequest, RunResult, RunState } from '@sandpiper/contracts';
import type { RedisConnection } from './connection.js';
import { type QueueBounds, roomArguments } from './bounds.js';
import { batchPlace, idempotencyRedisKey, KEYS, runKey, type IdempotencyKind } from './keys.js';
import { assertReadable, SCHEMA } from './schema.js';
import { CLAIM, FINISH, MARK_CANCEL, RELEASE } from './scripts/lifecycle.js';
import { DEFER } from './scripts/quarantine.js';
import { SUBMIT_RUN } from './scripts/submit.js';

/** After so many deaths of what ran it (a node, a cell) a run is given up. */
export const MAX_DEATHS = 3;

/**
 * After so many times that a node lost touch with it and lives, a run is given up too: outages of Redis are
 * not its doing, but a run that brings its node to a standstill each time looks the same.
 */
export const MAX_STRAYS = 10;

/** Of the message of a dead run so much is shown in the list, characters. */
const MAX_DEAD_MESSAGE = 500;

/** What is written of a run when it is admitted. */
export interface NewRun {
  readonly id: string;
  readonly tenant: string;
  readonly limits: Limits;
  readonly request: RunRequest | WrittenRequest;
  /** W3C trace context of the submission, or ''. */
  readonly trace: string;
}

/** A request as it is stored: its JSON, which may be long, and what is looked at when it is taken in. */
export interface WrittenRequest {
  readonly json: string | Buffer;
  readonly priority: number;
  readonly engine: Engine;
  /** '' where there is none. */
  readonly callbackUrl: string;
  readonly live: boolean;
}

export function writtenRequest(request: RunRequest | WrittenRequest): WrittenRequest {
  if ('json' in request) return request;
  return {
    json: JSON.stringify(request),
    priority: request.priority ?? 50,
    engine: request.engine ?? 'seccomp',
    callbackUrl: request.callbackUrl ?? '',
    live: request.live === true,
  };
}

/** An idempotency key, and what tells one request from another. */
export interface Idempotency {
  readonly key: string;
  readonly fingerprint: string;
}

/**
 * Why nothing more is taken in: so many runs, or bytes, of all tenants or of this one are `waiting`, and
 * `most` may. Runs that a node has are among the bytes. `too-large`: what is submitted is larger than all
 * that may be there.
 */
export interface Fullness {
  readonly verdict: (typeof FULL)[number];
  readonly waiting: number;
  readonly most: number;
}

const FULL = ['queue-full', 'queue-bytes', 'tenant-full', 'tenant-bytes', 'too-large'] as const;

/**
 * What came of a submission. `same`: it was accepted before. `different`: its key stands for another request.
 */
export type Submission =
  | { readonly verdict: 'accepted' | 'same' | 'different'; readonly id: string }
  | Fullness;

/**
 * The right to speak for a run: a node shows it with all that it says. It is that claim's alone, also after a
 * failover that has lost a claim, when the number of an attempt may be given a second time.
 */
export interface Fence {
  readonly claim: string;
  /** Greater than that of every claim before it; the output of a live run is told apart by it. */
  readonly epoch: number;
}

/** What a node gets when it takes a run. `fence` is the token for {@link RunStore.finish}. */
export type Claim =
  | {
      /** `poison`: it has killed what ran it too often, and is to be given up. */
      readonly verdict: 'run' | 'cancel' | 'poison';
      readonly attempt: number;
      readonly fence: Fence;
      /** Milliseconds since the epoch. */
      readonly submittedAt: number;
      /**
       * When it was last handed to the queue, milliseconds since the epoch; null where nobody knows any more.
       */
      readonly dispatchedAt: number | null;
      /** Redis's own time now. */
      readonly claimedAt: number;
      /** How often what ran it has died. */
      readonly deaths: number;
      readonly tenant: string;
      readonly request: RunRequest;
      readonly trace: string;
    }
  | {
      /**
       * `deferred`: it waits outside of the queue, for a while or for another node. `newer`: the same, for
       * this node cannot read it. `alone`: to be claimed again when nothing else runs on this node.
       */
      readonly verdict: 'done' | 'missing' | 'deferred' | 'newer' | 'alone';
    };

const isGiven = (verdict: Claim['verdict']): verdict is 'run' | 'cancel' | 'poison' =>
  verdict === 'run' || verdict === 'cancel' || verdict === 'poison';

export type FinishVerdict = 'accepted' | 'done' | 'stale' | 'missing';

/**
 * Why an attempt is given back. `hand-back`: the node leaves, or has no room. `failed`: its cell died, which
 * counts against it. `unblamed`: its host had too little of something, which does not. `lock-lost`: the node
 * lost touch with the queue, and lives. After `failed` and `unblamed` the run waits outside of the queue (see
 * {@link Backlog.takeDeferred}).
 */
export type ReleaseReason = 'hand-back' | 'failed' | 'unblamed' | 'lock-lost';

export interface RunFacts {
  readonly state: RunState['state'];
  readonly tenant: string;
  readonly attempt: number;
  readonly engine: Engine;
  readonly limits: Limits;
  readonly node: string | null;
}

/** A key of ours for scripts that want one where there is none; it routes to the same slot. */
const NO_KEY = KEYS.sequence;

/** The keys and values of an optional idempotency key, as the scripts of a submission take them. */
export function idempotencyArguments(
  tenant: string,
  kind: IdempotencyKind,
  idempotency: Idempotency | null,
): { readonly redisKey: string; readonly has: '0' | '1'; readonly fingerprint: string } {
  if (idempotency === null) return { redisKey: NO_KEY, has: '0', fingerprint: '' };
  const redisKey = idempotencyRedisKey(tenant, kind, idempotency.key);
  return { redisKey, has: '1', fingerprint: idempotency.fingerprint };
}

/**
 * @returns null for a reply that is none. @throws NewerSchemaError where the settings of the tenant cannot be
 *   read
 */
export function toFullness(reply: unknown): Fullness | null {
  const [verdict, waiting, most] = reply as [string, string, string];
  if (verdict === 'newer') assertReadable(`tenant ${waiting}`, most);
  const full = FULL.find((name) => name === verdict);
  return full === undefined ? null : { verdict: full, waiting: Number(waiting), most: Number(most) };
}

export function toSubmission(reply: unknown): Submission {
  const full = toFullness(reply);
  if (full !== null) return full;
  const [verdict, id] = reply as ['accepted' | 'same' | 'different', string];
  return { verdict, id };
}

/**
 * Runs in Redis. Knows nothing of the queue; every method is one round trip, and rejects with the
 * connection's error when Redis is away.
 */
export class RunStore {
  constructor(private readonly redis: RedisConnection) {}

  /** A read where our keys are: of a cluster's nodes, only theirs matters. */
  async ping(): Promise<void> {
    await this.redis.exists(KEYS.finished);
  }

  /** Takes a run in. When this resolves with `accepted`, Redis has it and it waits for its turn. */
  async submit(run: NewRun, idempotency: Idempotency | null, bounds: QueueBounds): Promise<Submission> {
    const { redisKey, has, fingerprint } = idempotencyArguments(run.tenant, 'run', idempotency);
    const { json, priority, engine, callbackUrl, live } = writtenRequest(run.request);
    const reply = await SUBMIT_RUN.run(
      this.redis,
      runKey(run.id),
      redisKey,
      run.id,
      run.tenant,
      priority,
      json,
      engine,
      JSON.stringify(run.limits),
      SCHEMA,
      has,
      fingerprint,
      callbackUrl,
      run.trace,
      live ? 1 : 0,
      ...roomArguments(bounds),
    );
    return toSubmission(reply);
  }

  /** @param alone nothing else runs on the node, nor will while this does */
  async claim(id: string, node: string, cell: number, alone = false): Promise<Claim> {
    const name = randomUUID();
    const reply = await CLAIM.run(
      this.redis,
      runKey(id),
      KEYS.dispatched,
      KEYS.running,
      id,
      node,
      cell,
      MAX_DEATHS,
      // A connection that breaks sends what was not answered once more.
      name,
      MAX_STRAYS,
      SCHEMA,
      alone ? 1 : 0,
    );
    const [verdict, attempt, submittedAt, deaths, request, epoch, trace, dispatched, tenant, now] = reply as [
      Claim['verdict'],
      number,
      number,
      number,
      string,
      string,
      string,
      string | null,
      string,
      string,
    ];
    if (!isGiven(verdict)) return { verdict };
    return {
      verdict,
      attempt,
      fence: { claim: name, epoch: Number(epoch) },
      submittedAt,
      claimedAt: Number(now),
      dispatchedAt: dispatched === null ? null : Number(dispatched),
      deaths,
      tenant,
      request: JSON.parse(request) as RunRequest,
      trace,
    };
  }

  /**
   * Gives a run back.
   * @returns false when the claim was not the current one any more.
   */
  async release(id: string, { claim }: Fence, why: ReleaseReason = 'hand-back'): Promise<boolean> {
    const reply = await RELEASE.run(this.redis, runKey(id), KEYS.running, claim, id, why, MAX_DEATHS);
    return reply === 1;
  }

  /** Puts off a run that nobody has claimed. @returns false when a node has it, or it has ended */
  async defer(id: string, ms: number): Promise<boolean> {
    return (await DEFER.run(this.redis, runKey(id), id, ms)) === 1;
  }

  /**
   * Ends a run. Of all calls for one run exactly one is `accepted`.
   * @param fence of the claim; `'queued'` ends it only while no node has it.
   * @param dead puts it on the list of the dead: it killed what ran it.
   */
  async finish(result: RunResult, fence: Fence | 'queued', dead = false): Promise<FinishVerdict> {
    const reply = await FINISH.run(
      this.redis,
      runKey(result.id),
      fence === 'queued' ? fence : fence.claim,
      JSON.stringify(result),
      result.status,
      result.id,
      batchPlace(result.id)?.index ?? 0,
      dead ? 1 : 0,
      (result.message ?? '').slice(0, MAX_DEAD_MESSAGE),
    );
    return reply as FinishVerdict;
  }

  /**
   * Marks a run that has not ended: a node that takes it later sees the mark, one that has it is told.
   * @returns its state, null when unknown.
   */
  async markCancelled(id: string): Promise<RunState['state'] | null> {
    return (await MARK_CANCEL.run(this.redis, runKey(id), id)) as RunState['state'] | null;
  }

  async isCancelled(id: string): Promise<boolean> {
    return (await this.redis.hexists(runKey(id), 'cancel')) === 1;
  }

  /**
   * With its result, whatever that weighs, on the connection of all; what clients ask for goes by a
   * `ResultReader`.
   */
  async runState(id: string): Promise<RunState | null> {
    const [state, result, schema] = await this.redis.hmget(runKey(id), 'state', 'result', 'schema');
    assertReadable(`run ${id}`, schema);
    if (state === null || state === undefined) return null;
    const parsed = result === null || result === undefined ? null : (JSON.parse(result) as RunResult);
    return { id, state: state as RunState['state'], result: parsed };
  }

  /** @returns null when nobody knows the run, or it was purged and only has to end. */
  async tenantOf(id: string): Promise<string | null> {
    const [tenant, purge, schema] = await this.redis.hmget(runKey(id), 'tenant', 'purge', 'schema');
    assertReadable(`run ${id}`, schema);
    return purge ? null : (tenant ?? null);
  }

  async runFacts(id: string): Promise<RunFacts | null> {
    const fields = ['state', 'tenant', 'attempt', 'engine', 'limits', 'node', 'schema'] as const;
    const [state, tenant, attempt, engine, limits, node, schema] = await this.redis.hmget(
      runKey(id),
      ...fields,
    );
    assertReadable(`run ${id}`, schema);
    if (!state || !tenant || !engine || !limits) return null;
    return {
      state: state as RunState['state'],
      tenant,
      attempt: Number(attempt),
      engine: engine as Engine,
      limits: JSON.parse(limits) as Limits,
      node: node ?? null,
    };
  }

  /** Runs that ended, by status and engine, since this Redis began. */
  async finishedCounts(): Promise<{ status: string; engine: string; count: number }[]> {
    const hash = await this.redis.hgetall(KEYS.finished);
    return Object.entries(hash).map(([field, count]) => {
      const [status = '', engine = ''] = field.split('|');
      return { status, engine, count: Number(count) };
    });
  }
}
