import { createHash, randomBytes } from 'node:crypto';
import {
  completeLimits,
  controllerCpuFor,
  type BatchRequest,
  type Engine,
  type Limits,
  type RunRequest,
} from '@sandpiper/contracts';
import type { BatchBeginning, Idempotency, RunStore, Sealing, Submission } from '@sandpiper/store';
import { Problem } from './problems.js';

/** What the controller may spend follows from the CPU time of the program. */
export type LimitCeilings = Partial<Omit<Limits, 'controllerCpuMs'>>;

const CLAMPED: readonly (keyof LimitCeilings)[] = [
  'cpuMs',
  'wallMs',
  'memoryBytes',
  'outputBytes',
  'diskBytes',
  'files',
  'openFiles',
  'syscalls',
];

export interface AdmissionOptions {
  /** Runs that may wait, all tenants together. */
  readonly maxQueue: number;
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

/** A full queue empties at the pace of the nodes; a client that asks sooner only asks more often. */
export const RETRY_AFTER_SECONDS = 5;

/** Takes single runs in, and holds what single runs and those of batches are checked by. */
export class Admission {
  constructor(
    private readonly store: RunStore,
    readonly options: AdmissionOptions,
    /** Called when something new waits. */
    private readonly onAccepted: () => void,
  ) {}

  async submitRun(request: RunRequest, who: Submitter, key: string | undefined): Promise<Admitted> {
    const admitted = this.admit(request, '');
    const id = newRunId();
    const submission = await this.store.submit(
      { id, tenant: who.tenant, trace: who.trace, ...admitted },
      idempotencyOf(key, request),
      this.options.maxQueue,
    );
    return this.answer(submission, 'runs');
  }

  /**
   * A request as it is to be run: checked against what this service has, limits clamped.
   * @param prefix where it stands in the body, e.g. `runs.3.`
   */
  admit(request: RunRequest, prefix: string): { readonly request: RunRequest; readonly limits: Limits } {
    const { engines, callbackFault } = this.options;
    const engine = request.engine ?? 'seccomp';
    if (!engines.includes(engine)) {
      const message = `no node here has the engine ${engine}; there are ${engines.join(', ')}`;
      throw new Problem('invalid-request', message, { path: `${prefix}engine` });
    }
    const fault = request.callbackUrl === undefined ? null : callbackFault(request.callbackUrl);
    if (fault !== null) throw new Problem('invalid-request', fault, { path: `${prefix}callbackUrl` });
    if (request.live === true && prefix !== '') {
      throw new Problem('invalid-request', 'runs of a batch cannot be live', { path: `${prefix}live` });
    }
    const limits = this.clampedLimits(request);
    // The key has done its work; the run needs it no more.
    const { idempotencyKey: _used, ...rest } = request;
    return { request: { ...rest, limits }, limits };
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
      case 'queue-full': {
        const { maxQueue } = this.options;
        const message = `${verdict.waiting} runs are waiting and at most ${maxQueue} may; try again later`;
        throw new Problem('queue-full', message, { retryAfterSeconds: RETRY_AFTER_SECONDS });
      }
      case 'tenant-full': {
        const message = `${verdict.waiting} of your runs are waiting, and so many more are above your quota; try again later`;
        throw new Problem('quota-exceeded', message, { retryAfterSeconds: RETRY_AFTER_SECONDS });
      }
      case 'gone':
        throw new Problem(
          'store-unavailable',
          `the ${what} came too slowly; nothing was accepted, try again`,
          { retryAfterSeconds: RETRY_AFTER_SECONDS },
        );
    }
  }

  private clampedLimits(request: RunRequest): Limits {
    const limits = completeLimits(request.limits);
    const { ceilings } = this.options;
    for (const name of CLAMPED) limits[name] = Math.min(limits[name], ceilings[name] ?? Infinity);
    const { cpuMs } = ceilings;
    if (cpuMs !== undefined)
      limits.controllerCpuMs = Math.min(limits.controllerCpuMs, controllerCpuFor(cpuMs));
    return limits;
  }
}

const newRunId = (): string => `r${randomBytes(12).toString('hex')}`;
export const newBatchId = (): string => `b${randomBytes(12).toString('hex')}`;

/** Two requests are the same when their validated content is; validation puts the fields in the schema's order. */
function idempotencyOf(key: string | undefined, request: RunRequest | BatchRequest): Idempotency | null {
  if (key === undefined) return null;
  const { idempotencyKey: _key, ...content } = request;
  return { key, fingerprint: createHash('sha256').update(JSON.stringify(content)).digest('hex') };
}
