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
  Submission,
} from '@sandpiper/store';
import type { LimitCeilings, PreparedRun } from './bodies/prepared.js';
import { Problem } from './problems.js';

export interface AdmissionOptions {
  /** What may wait, as things are now. */
  readonly bounds: () => QueueBounds;
  readonly ceilings: LimitCeilings;
  readonly engines: readonly Engine[];
  /** Why no callback is sent to an address, in words that follow the field's name; null where one is. */
  readonly callbackFault: (url: string) => string | null;
}

/** Who submits, and under which trace. */
export interface Submitter {
  readonly tenant: string;
  /** W3C trace context, or ''. */
  readonly trace: string;
}

export interface Admitted {
  readonly id: string;
  /** The request had been accepted before, under the same idempotency key. */
  readonly replayed: boolean;
}

/** What is written over a connection of its own: others would wait behind it, bytes. */
export const LARGE_BYTES = 256 * 1024;

/** A full queue empties at the pace of the nodes; a client that asks sooner only asks more often. */
export const RETRY_AFTER_SECONDS = 5;

/** Takes single runs in, and holds what single runs and those of batches are checked by. */
export class Admission {
  /** @param bulk the same store, on a connection for what is large */
  constructor(
    private readonly store: RunStore,
    private readonly bulk: RunStore,
    private readonly replication: Replication,
    readonly options: AdmissionOptions,
    /** Called when something new waits. */
    private readonly onAccepted: () => void,
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
   * Before it is said to be accepted, as many replicas have it as are asked for; also what was accepted
   * before, of which that may not have been said. @throws Problem
   */
  async replicated(what: Exclude<Change, 'end'>, admitted: Admitted): Promise<Admitted> {
    const { replication } = this;
    if (await replication.reached(what, admitted.id)) return admitted;
    throw new Problem(
      'unknown-outcome',
      `the ${what} is accepted here, and not yet on ${replication.replicas} replicas of Redis, so a failover may lose it: ` +
        'ask again, with the same Idempotency-Key',
      { retryAfterSeconds: RETRY_AFTER_SECONDS },
    );
  }

  /**
   * Checks a run against what this service has.
   * @param prefix where it stands in the body, e.g. `runs.3.`; @throws Problem
   */
  assertAdmissible({ engine, callbackUrl, live }: PreparedRun, prefix: string): void {
    const { engines, callbackFault } = this.options;
    if (!engines.includes(engine)) {
      const message = `no node here has the engine ${engine}; there are ${engines.join(', ')}`;
      throw new Problem('invalid-request', message, { path: `${prefix}engine` });
    }
    const fault = callbackUrl === '' ? null : callbackFault(callbackUrl);
    if (fault !== null) throw new Problem('invalid-request', fault, { path: `${prefix}callbackUrl` });
    if (live && prefix !== '') {
      throw new Problem('invalid-request', 'runs of a batch cannot be live', { path: `${prefix}live` });
    }
  }

  /** What a verdict of the store means to the client. @throws Problem */
  answer(verdict: Submission | BatchBeginning | Sealing, what: 'runs' | 'batch'): Admitted {
    switch (verdict.verdict) {
      case 'accepted':
        this.onAccepted();
        return { id: verdict.id, replayed: false };
      case 'ours':
        return { id: verdict.id, replayed: false };
      case 'same':
      case 'sealed':
        return { id: verdict.id, replayed: true };
      case 'different':
        throw new Problem('idempotency-conflict', 'this idempotency key was used for another request', {
          path: 'idempotencyKey',
        });
      case 'queue-full':
      case 'queue-bytes':
      case 'tenant-full':
      case 'tenant-bytes':
      case 'too-large':
        throw fullnessProblem(verdict);
      case 'gone':
        throw new Problem(
          'store-unavailable',
          `the ${what} came too slowly; nothing was accepted, try again`,
          { retryAfterSeconds: RETRY_AFTER_SECONDS },
        );
    }
  }
}

/** Which bound is reached, and what to do. */
export function fullnessProblem({ verdict, waiting, most }: Fullness): Problem {
  const retry = { retryAfterSeconds: RETRY_AFTER_SECONDS };
  switch (verdict) {
    case 'queue-full':
      return new Problem(
        'queue-full',
        `${waiting} runs are waiting and at most ${most} may; try again later`,
        retry,
      );
    case 'queue-bytes':
      return new Problem(
        'queue-bytes-full',
        `the runs that wait or run take ${waiting} bytes and at most ${most} may; try again later`,
        retry,
      );
    case 'tenant-full':
      return new Problem(
        'quota-exceeded',
        `${waiting} of your runs are waiting and at most ${most} may; try again later`,
        retry,
      );
    case 'tenant-bytes':
      return new Problem(
        'bytes-quota-exceeded',
        `your runs that wait or run take ${waiting} bytes and at most ${most} may; try again later`,
        retry,
      );
    case 'too-large':
      return new Problem(
        'larger-than-quota',
        `this alone takes more than the ${most} bytes that your runs may take; send less, or ask for a larger quota`,
      );
  }
}

const newRunId = (): string => `r${randomBytes(12).toString('hex')}`;
export const newBatchId = (): string => `b${randomBytes(12).toString('hex')}`;
