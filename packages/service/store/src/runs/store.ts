import {
  type AdmittedRequest,
  completeLimits,
  type Engine,
  type Limits,
  type LimitsRequest,
  type RunRequest,
  type RunResult,
  type RunState,
  DEFAULT_RUNTIME_NAME,
} from '@sandpiper/contracts';
import type { RedisConnection } from '../redis/connection.js';
import { type QueueBounds, roomArguments } from '../bounds.js';
import { batchPosition, idempotencyRedisKey, KEYS, runKey, type IdempotencyKind } from '../keys.js';
import { assertReadable, SCHEMA } from '../schema.js';
import { byName, inOrder } from '../redis/script.js';
import { FINISH, MARK_CANCEL, RELEASE, TAKE, TAKE_ARGUMENTS, TAKE_REPLY } from '../scripts/lifecycle.js';
import { SUBMIT_RUN, SUBMIT_RUN_ARGUMENTS } from '../scripts/submit.js';
import { type Bell, SILENT_BELL } from './queue.js';

/** A run is given up after this many crashes of its node or cell. */
export const MAX_DEATHS = 3;

/**
 * A run is also given up after this many attempts that a living node could not finish because its lock was
 * lost. Outages of Redis are not the run's fault, but a run that stalls its node each time looks the same.
 */
export const MAX_STRAYS = 10;

/** Length of a dead run's message in the list, characters. */
const MAX_DEAD_MESSAGE = 500;

/** The stored data of an admitted run. */
export interface NewRun {
  readonly id: string;
  readonly tenant: string;
  readonly limits: Limits;
  /** Its own limits count for nothing beside `limits`. */
  readonly request: RunRequest | WrittenRequest;
  /** W3C trace context of the submission, or ''. */
  readonly trace: string;
}

/** A request in its stored form: its JSON, which may be long, and the fields that admission needs. */
export interface WrittenRequest {
  readonly json: string | Buffer;
  readonly priority: number;
  readonly engine: Engine;
  readonly runtime: string;
  /** '' without one. */
  readonly callbackUrl: string;
  readonly live: boolean;
}

/** @param limits complete ones, with which the request is stored: see AdmittedRequest */
export function writtenRequest(request: RunRequest | WrittenRequest, limits: Limits): WrittenRequest {
  if ('json' in request) return request;
  const { interactor, ...content } = request;
  const admittedRun: AdmittedRequest = {
    ...content,
    limits,
    ...(interactor === undefined ? {} : { interactor: withLimits(interactor) }),
  };
  return {
    json: JSON.stringify(admittedRun),
    priority: request.priority ?? 50,
    engine: request.engine ?? 'seccomp',
    runtime: request.runtime ?? DEFAULT_RUNTIME_NAME,
    callbackUrl: request.callbackUrl ?? '',
    live: request.live === true,
  };
}

/** An idempotency key and the fingerprint of its request. */
export interface Idempotency {
  readonly key: string;
  readonly fingerprint: string;
}

/**
 * Why a submission is refused: `waiting` runs or bytes of this tenant or of all exceed the bound `most`. The
 * bytes include running runs. `too-large`: the submission alone exceeds the bound.
 */
export interface Fullness {
  readonly outcome: (typeof FULL)[number];
  readonly waiting: number;
  readonly most: number;
}

const FULL = ['queue-full', 'queue-bytes', 'tenant-full', 'tenant-bytes', 'too-large'] as const;

/** The outcome of a submission. `same`: accepted before. `different`: the key belongs to another request. */
export type SubmitOutcome =
  | { readonly outcome: 'accepted' | 'same' | 'different'; readonly id: string }
  | Fullness;

/**
 * The fencing token of a claim; a node sends it with every change to the run. It is unique to the claim even
 * after a failover that lost a claim, when an attempt number may be reused.
 */
export interface Fence {
  readonly claim: string;
  /** Greater than that of every earlier claim; it identifies the attempt in the output of a live run. */
  readonly epoch: number;
}

/** A run that a node has taken. `fence` is the token for {@link RunStore.finish}. */
export interface Claim {
  readonly id: string;
  /** `cancel`: a client wants it cancelled. `poison`: it has crashed its worker too often and must be given up. */
  readonly outcome: 'run' | 'cancel' | 'poison';
  readonly attempt: number;
  readonly fence: Fence;
  /** Milliseconds since the epoch. */
  readonly submittedAt: number;
  /** Redis's current time. */
  readonly claimedAt: number;
  /** Number of crashes of its worker. */
  readonly deaths: number;
  /** How often it was repeated because it had waited for a CPU. */
  readonly retries: number;
  readonly tenant: string;
  readonly request: AdmittedRequest;
  readonly trace: string;
}

/** What a node asks for. */
export interface Appetite {
  readonly node: string;
  /** The unique name of its process: name of the node, `/`, and what no other process has. */
  readonly instance: string;
  /** A number that this process has not used. */
  readonly sequence: number;
  readonly runtimes: readonly string[];
  readonly most: number;
  /** Whether nothing else runs on the node, nor will during these runs. */
  readonly alone?: boolean;
  /** The run to take; absent: those whose turn it is. */
  readonly wanted?: string;
}

/** What it gets. A node that got less than it asked for is sent a ticket when there is more. */
export interface Taken {
  readonly claims: readonly Claim[];
  /**
   * A run that wants the node for itself: one of the claims, or one that it may take by name when nothing else runs on
   * it; null: none.
   */
  readonly alone: string | null;
  /** Runs that it cannot read; they wait for other nodes. */
  readonly newer: readonly string[];
  /** There is more than one reply holds: it asks again. */
  readonly more: boolean;
  /** It has no lease: it must report before it gets runs, and those that it had are lost. */
  readonly lost: boolean;
}

/** What the script TAKE answers for a run. */
interface TakeReply {
  readonly outcome: Claim['outcome'];
  readonly id: string;
  readonly attempt: number;
  readonly submitted: number;
  readonly deaths: number;
  readonly request: string;
  readonly epoch: string;
  readonly trace: string;
  readonly tenant: string;
  readonly time: string;
  readonly retries: number;
}

const isGiven = (kind: string): boolean => kind === 'run' || kind === 'cancel' || kind === 'poison';

function toClaim(fields: readonly unknown[], claim: string): Claim {
  const reply = byName(TAKE_REPLY, fields) as unknown as TakeReply;
  const { id, outcome, attempt, deaths, retries, tenant, trace } = reply;
  return {
    ...{ id, outcome, attempt, deaths, retries, tenant, trace },
    fence: { claim, epoch: Number(reply.epoch) },
    submittedAt: reply.submitted,
    claimedAt: Number(reply.time),
    request: admitted(reply.request),
  };
}

export type FinishOutcome = 'accepted' | 'done' | 'stale' | 'missing';

/**
 * Why an attempt is given back. `hand-back`: the node is leaving or has no room. `failed`: its cell died,
 * which counts as a crash. `unblamed`: the host lacked a resource, which does not count. `lock-lost`: the
 * node is alive but lost its lease. `unreliable`: it waited for a CPU and runs again, which does not
 * count as a crash either. After `failed`, `unblamed` and `unreliable` the run waits outside of the backlogs (see
 * {@link Backlog.takeDeferred}).
 */
export type ReleaseReason = 'hand-back' | 'failed' | 'unblamed' | 'unreliable' | 'lock-lost';

export interface RunFacts {
  readonly state: RunState['state'];
  readonly tenant: string;
  readonly attempt: number;
  readonly engine: Engine;
  readonly limits: Limits;
  readonly node: string | null;
}

/** A placeholder key in our slot, for scripts that need a key where there is none. */
const NO_KEY = KEYS.sequence;

/** The arguments of an optional idempotency key for the submission scripts. */
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
 * @returns null for any other reply. @throws NewerSchemaError when the tenant's settings are of a newer build
 */
export function toFullness(reply: unknown): Fullness | null {
  const [outcome, waiting, most] = reply as [string, string, string];
  if (outcome === 'newer') assertReadable(`tenant ${waiting}`, most);
  const full = FULL.find((name) => name === outcome);
  return full === undefined ? null : { outcome: full, waiting: Number(waiting), most: Number(most) };
}

/** Wakes the nodes that the reply names behind its outcome. */
export function toSubmitOutcome(reply: unknown, bell: Bell): SubmitOutcome {
  const full = toFullness(reply);
  if (full !== null) return full;
  const [outcome, id, ...woken] = reply as ['accepted' | 'same' | 'different', string, ...string[]];
  bell.ring(woken);
  return { outcome, id };
}

/**
 * Runs in Redis. Independent of the queue. Every method is one round trip, and rejects with the connection's
 * error when Redis is away.
 */
export class RunStore {
  /** @param bell wakes nodes when there is work for them */
  constructor(
    private readonly redis: RedisConnection,
    private readonly bell: Bell = SILENT_BELL,
  ) {}

  /** A read on the node with our keys, the only one that matters in a cluster. */
  async ping(): Promise<void> {
    await this.redis.exists(KEYS.finished);
  }

  /** Submits a run. When this resolves with `accepted`, the run is stored and in the backlog. */
  async submit(run: NewRun, idempotency: Idempotency | null, bounds: QueueBounds): Promise<SubmitOutcome> {
    const { redisKey, has, fingerprint } = idempotencyArguments(run.tenant, 'run', idempotency);
    const { json, priority, engine, runtime, callbackUrl, live } = writtenRequest(run.request, run.limits);
    const fields = inOrder(SUBMIT_RUN_ARGUMENTS, {
      id: run.id,
      tenant: run.tenant,
      priority,
      request: json,
      engine,
      runtime,
      limits: JSON.stringify(run.limits),
      schema: SCHEMA,
      hasKey: has,
      fingerprint,
      callback: callbackUrl,
      trace: run.trace,
      live: live ? 1 : 0,
    });
    const keys = [runKey(run.id), redisKey];
    const reply = await SUBMIT_RUN.run(this.redis, ...keys, ...fields, ...roomArguments(bounds));
    return toSubmitOutcome(reply, this.bell);
  }

  /** Runs for a node, alternating between tenants by weight and by how long their runs take. */
  async take({ node, instance, sequence, runtimes, most, alone, wanted }: Appetite): Promise<Taken> {
    // A connection that breaks sends a call without an answer again; the name tells the two from two claims.
    const claim = `${instance}/${sequence}`;
    const fields = inOrder(TAKE_ARGUMENTS, {
      node,
      claim,
      most,
      maxDeaths: MAX_DEATHS,
      maxStrays: MAX_STRAYS,
      newestSchema: SCHEMA,
      alone: alone === true ? 1 : 0,
      wanted: wanted ?? '',
    });
    const keys = [KEYS.leases, KEYS.taken, KEYS.running];
    const replies = (await TAKE.run(this.redis, ...keys, ...fields, ...runtimes)) as [string, string][];
    const named = (what: string): string[] => replies.flatMap(([kind, id]) => (kind === what ? [id] : []));
    return {
      claims: replies.filter(([kind]) => isGiven(kind)).map((reply) => toClaim(reply, claim)),
      alone: named('alone')[0] ?? null,
      newer: named('newer'),
      more: replies.some(([kind]) => kind === 'more'),
      lost: replies.some(([kind]) => kind === 'lost'),
    };
  }

  /**
   * Gives a run back.
   * @returns false when the claim was no longer the current one.
   */
  async release(id: string, { claim }: Fence, why: ReleaseReason = 'hand-back'): Promise<boolean> {
    const reply = await RELEASE.run(this.redis, runKey(id), claim, id, why, MAX_DEATHS);
    const [current, ...woken] = reply as [number, ...string[]];
    this.bell.ring(woken);
    return current === 1;
  }

  /**
   * Ends a run. Exactly one of all calls for a run is `accepted`.
   * @param fence fence of the claim; `'queued'` ends the run only while no node has it.
   * @param dead makes it a dead letter: it kept crashing its worker.
   * @param cellMs how long it had a cell, milliseconds; null: its tenant pays what was expected
   */
  async finish(
    result: RunResult,
    fence: Fence | 'queued',
    { dead = false, cellMs = null }: { readonly dead?: boolean; readonly cellMs?: number | null } = {},
  ): Promise<FinishOutcome> {
    const reply = await FINISH.run(
      this.redis,
      runKey(result.id),
      fence === 'queued' ? fence : fence.claim,
      JSON.stringify(result),
      result.status,
      result.id,
      batchPosition(result.id)?.index ?? 0,
      dead ? 1 : 0,
      (result.message ?? '').slice(0, MAX_DEAD_MESSAGE),
      cellMs ?? '',
    );
    const [outcome, ...woken] = reply as [FinishOutcome, ...string[]];
    this.bell.ring(woken);
    return outcome;
  }

  /**
   * Marks an unfinished run for cancelling: a node that takes it later sees the mark, and the node that has
   * it is notified.
   * @returns its state; null for an unknown run.
   */
  async markCancelled(id: string): Promise<RunState['state'] | null> {
    return (await MARK_CANCEL.run(this.redis, runKey(id), id)) as RunState['state'] | null;
  }

  async isCancelled(id: string): Promise<boolean> {
    return (await this.redis.hexists(runKey(id), 'cancel')) === 1;
  }

  /** A run with its whole result, on the common connection; requests of clients use a `ResultReader`. */
  async runState(id: string): Promise<RunState | null> {
    const [state, result, schema] = await this.redis.hmget(runKey(id), 'state', 'result', 'schema');
    assertReadable(`run ${id}`, schema);
    if (state === null || state === undefined) return null;
    const parsed = result === null || result === undefined ? null : (JSON.parse(result) as RunResult);
    return { id, state: state as RunState['state'], result: parsed };
  }

  /** @returns null when the run is unknown, or was purged and is about to end. */
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

/** The limits are complete but for those that a scheduler of an earlier version did not know. */
function admitted(text: string): AdmittedRequest {
  const request = JSON.parse(text) as AdmittedRequest;
  const { interactor } = request;
  return {
    ...withLimits(request),
    ...(interactor === undefined ? {} : { interactor: withLimits(interactor) }),
  };
}

const withLimits = <T extends { readonly limits?: LimitsRequest | undefined }>(
  program: T,
): T & { readonly limits: Limits } => ({ ...program, limits: completeLimits(program.limits) });
