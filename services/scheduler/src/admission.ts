import { randomBytes } from 'node:crypto';
import type { Engine } from '@sandpiper/contracts';
import type {
  BatchBeginning,
  Change,
  Fullness,
  QueueBounds,
  Replication,
  RunStore,
  Sealing,
  SubmitOutcome,
} from '@sandpiper/store';
import type { LimitCeilings, PreparedRun } from './bodies/prepared.js';
import { ApiProblem } from './problems.js';

export interface AdmissionOptions {
  /** The current bounds on what may wait. */
  readonly bounds: () => QueueBounds;
  readonly ceilings: LimitCeilings;
  readonly engines: readonly Engine[];
  /** The runtimes that a run may name now. */
  readonly runtimes: () => readonly string[];
  /** Why callbacks to an address are refused, as words that follow the field's name; null when allowed. */
  readonly callbackFault: (url: string) => string | null;
}

/** The submitter and its trace. */
export interface Submitter {
  readonly tenant: string;
  /** W3C trace context, or ''. */
  readonly trace: string;
}

export interface Admitted {
  readonly id: string;
  /** The request was accepted before, under the same idempotency key. */
  readonly replayed: boolean;
}

/** Requests from this size on, bytes, use a separate connection, so that others do not wait behind them. */
export const LARGE_BYTES = 256 * 1024;

/** A full queue drains at the pace of the nodes; an earlier retry only adds requests. */
export const RETRY_AFTER_SECONDS = 5;

/** Admits single runs, and holds the checks shared by single runs and runs of batches. */
export class Admission {
  /** @param bulk the same store, on a connection for large requests */
  constructor(
    private readonly store: RunStore,
    private readonly bulk: RunStore,
    private readonly replication: Replication,
    readonly options: AdmissionOptions,
  ) {}

  /** @param key idempotency key, if there is one */
  async submitRun(run: PreparedRun, who: Submitter, key: string | undefined): Promise<Admitted> {
    this.assertAdmissible(run, '');
    const store = run.json.length > LARGE_BYTES ? this.bulk : this.store;
    const submission = await store.submit(
      {
        id: newRunId(),
        tenant: who.tenant,
        trace: who.trace,
        request: run,
        limits: run.limits,
      },
      key === undefined ? null : { key, fingerprint: run.fingerprint },
      this.options.bounds(),
    );
    return this.replicated('run', this.answer(submission, 'runs'));
  }

  /**
   * Waits until the configured number of replicas has the submission before it is reported as accepted. A
   * replayed submission waits too: its first answer may have been lost. @throws ApiProblem
   */
  async replicated(what: Exclude<Change, 'end'>, admitted: Admitted): Promise<Admitted> {
    const { replication } = this;
    if (await replication.reached(what, admitted.id)) return admitted;
    throw new ApiProblem(
      'unknown-outcome',
      `the ${what} is stored but not yet on ${replication.replicas} replicas of Redis, so a failover may lose it: ` +
        'try again with the same Idempotency-Key',
      { retryAfterSeconds: RETRY_AFTER_SECONDS },
    );
  }

  /**
   * Checks a run against the features of this service.
   * @param prefix its path in the body, e.g. `runs.3.`; @throws ApiProblem
   */
  assertAdmissible({ engine, runtime, callbackUrl, live }: PreparedRun, prefix: string): void {
    const { engines, runtimes, callbackFault } = this.options;
    if (!engines.includes(engine)) {
      const message = `no node has the engine ${engine}; available: ${engines.join(', ')}`;
      throw new ApiProblem('invalid-request', message, { path: `${prefix}engine` });
    }
    if (!runtimes().includes(runtime)) {
      const message = `no node has the runtime ${JSON.stringify(runtime)}; available: ${runtimes().join(', ')}`;
      throw new ApiProblem('invalid-request', message, { path: `${prefix}runtime` });
    }
    const fault = callbackUrl === '' ? null : callbackFault(callbackUrl);
    if (fault !== null) throw new ApiProblem('invalid-request', fault, { path: `${prefix}callbackUrl` });
    if (live && prefix !== '') {
      throw new ApiProblem('invalid-request', 'runs of a batch cannot be live', { path: `${prefix}live` });
    }
  }

  /** Translates an outcome of the store for the client. @throws ApiProblem */
  answer(stored: SubmitOutcome | BatchBeginning | Sealing, what: 'runs' | 'batch'): Admitted {
    switch (stored.outcome) {
      case 'accepted':
        return { id: stored.id, replayed: false };
      case 'ours':
        return { id: stored.id, replayed: false };
      case 'same':
      case 'sealed':
        return { id: stored.id, replayed: true };
      case 'different':
        throw new ApiProblem('idempotency-conflict', 'this idempotency key was used for another request', {
          path: 'idempotencyKey',
        });
      case 'queue-full':
      case 'queue-bytes':
      case 'tenant-full':
      case 'tenant-bytes':
      case 'too-large':
        throw fullnessProblem(stored);
      case 'gone':
        throw new ApiProblem(
          'store-unavailable',
          `the ${what} arrived too slowly; nothing was accepted, try again`,
          { retryAfterSeconds: RETRY_AFTER_SECONDS },
        );
    }
  }
}

/** Names the bound that is reached, and what to do. */
export function fullnessProblem({ outcome, waiting, most }: Fullness): ApiProblem {
  const retry = { retryAfterSeconds: RETRY_AFTER_SECONDS };
  switch (outcome) {
    case 'queue-full':
      return new ApiProblem(
        'queue-full',
        `the queue is full: ${waiting} runs are waiting, at most ${most} are allowed; try again later`,
        retry,
      );
    case 'queue-bytes':
      return new ApiProblem(
        'queue-bytes-full',
        `the queue is full: unfinished runs take ${waiting} bytes, at most ${most} are allowed; try again later`,
        retry,
      );
    case 'tenant-full':
      return new ApiProblem(
        'quota-exceeded',
        `${waiting} of your runs are waiting; this submission would exceed your quota of ${most}; try again later`,
        retry,
      );
    case 'tenant-bytes':
      return new ApiProblem(
        'bytes-quota-exceeded',
        `your unfinished runs take ${waiting} bytes; this submission would exceed your quota of ${most}; try again later`,
        retry,
      );
    case 'too-large':
      return new ApiProblem(
        'larger-than-quota',
        `this submission alone exceeds your quota of ${most} bytes; send less, or ask for a larger quota`,
      );
  }
}

const newRunId = (): string => `r${randomBytes(12).toString('hex')}`;
export const newBatchId = (): string => `b${randomBytes(12).toString('hex')}`;
