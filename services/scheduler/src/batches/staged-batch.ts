import { createHash, randomUUID } from 'node:crypto';
import { MAX_BATCH_RUNS } from '@sandpiper/contracts';
import type { BatchStore, NewBatch, QueueBounds, StagedRun } from '@sandpiper/store';
import {
  type Admission,
  type Admitted,
  fullnessProblem,
  LARGE_BYTES,
  newBatchId,
  RETRY_AFTER_SECONDS,
  type Submitter,
} from '../admission.js';
import type { PreparedRun } from '../bodies/prepared.js';
import { CutOffProblem, ApiProblem } from '../problems.js';

/** Number and total size of runs written in one step: a step must not hold up other clients. */
const RUNS_PER_STEP = 100;
const BYTES_PER_STEP = 4 * 1024 * 1024;

export interface BatchHead {
  readonly name: string | null;
  readonly key: string | undefined;
  /** Number of runs, or 0 when unknown in advance. */
  readonly count: number;
}

/** What all batches share. */
export interface BatchServices {
  readonly store: BatchStore;
  /** The same store, on a connection for large requests. */
  readonly bulk: BatchStore;
  readonly admission: Admission;
}

interface Begun {
  readonly batch: NewBatch;
  readonly head: BatchHead;
  readonly bounds: QueueBounds;
  /** The fingerprint under which another attempt has completed it: what arrives is only compared. */
  readonly sealed: string | null;
}

/** A batch that is being received. Its runs wait beside the backlog and enter it in one step at the end. */
export class StagedBatch {
  private readonly fingerprint;
  private readonly most: number;
  private total = 0;
  private step: StagedRun[] = [];
  private bytes = 0;

  private constructor(
    private readonly services: BatchServices,
    private readonly begun: Begun,
  ) {
    this.most = mostRuns(begun.bounds);
    this.fingerprint = createHash('sha256').update(`${begun.head.name ?? ''}\n`);
  }

  /** @throws ApiProblem */
  static async begin(services: BatchServices, head: BatchHead, who: Submitter): Promise<StagedBatch> {
    const { admission, store } = services;
    const bounds = admission.options.bounds();
    if (head.count > mostRuns(bounds)) throw tooLarge(mostRuns(bounds));
    const { name, key, count } = head;
    const batch = { id: newBatchId(), intake: randomUUID(), tenant: who.tenant, name, trace: who.trace };
    // The fingerprint is known only when the whole batch has arrived; the key is bound to it then.
    const idempotency = key === undefined ? null : { key, fingerprint: '' };
    const beginning = await store.begin({ batch, idempotency, count, bounds });
    const { id } = admission.answer(beginning, 'batch');
    const sealed = beginning.outcome === 'sealed' ? beginning.fingerprint : null;
    return new StagedBatch(services, { batch: { ...batch, id }, head, bounds, sealed });
  }

  /** @throws ApiProblem */
  async add(run: PreparedRun): Promise<void> {
    if (this.total >= this.most) throw tooLarge(this.most);
    this.services.admission.assertAdmissible(run, `runs.${this.total}.`);
    this.fingerprint.update(run.fingerprint).update('\n');
    this.step.push({ index: this.total, request: run, limits: run.limits });
    this.total += 1;
    this.bytes += run.json.length;
    if (this.step.length >= RUNS_PER_STEP || this.bytes >= BYTES_PER_STEP) await this.flush();
  }

  /** All runs have been added. @throws ApiProblem */
  async complete(): Promise<void> {
    if (this.total === 0) {
      throw new ApiProblem('invalid-request', 'a batch needs at least one run', { path: 'runs' });
    }
    await this.flush();
  }

  /**
   * It was not received as a whole. A batch that was cut off is resumed under its key, or swept; a wrong one
   * is not sent again as it is.
   */
  async abandon(error: unknown): Promise<void> {
    const { head, sealed } = this.begun;
    const isFinal = error instanceof ApiProblem && !(error instanceof CutOffProblem);
    if (sealed === null && (head.key === undefined || isFinal)) await this.drop();
  }

  /** Puts its runs into the backlog. @throws ApiProblem */
  async accept(): Promise<Admitted> {
    const { admission } = this.services;
    const fingerprint = this.fingerprint.digest('hex');
    const { sealed, batch } = this.begun;
    const outcome =
      sealed === null
        ? await this.seal(fingerprint)
        : { outcome: sealed === fingerprint ? ('same' as const) : ('different' as const), id: batch.id };
    return admission.replicated('batch', admission.answer(outcome, 'batch'));
  }

  private async seal(fingerprint: string) {
    const { batch, bounds, head } = this.begun;
    const idempotency = head.key === undefined ? null : { key: head.key, fingerprint };
    const sealing = await this.services.store.seal({ batch, idempotency, total: this.total, bounds });
    if ('most' in sealing) await this.drop();
    if (sealing.outcome === 'gone' && head.key !== undefined) {
      throw new ApiProblem(
        'idempotency-conflict',
        'another request used this idempotency key meanwhile; nothing was accepted, try again',
        { path: 'idempotencyKey', retryAfterSeconds: RETRY_AFTER_SECONDS },
      );
    }
    return sealing;
  }

  private async flush(): Promise<void> {
    const { batch, bounds, sealed } = this.begun;
    const { step: runs, bytes } = this;
    this.step = [];
    this.bytes = 0;
    if (runs.length === 0 || sealed !== null) return;
    const store = bytes > LARGE_BYTES ? this.services.bulk : this.services.store;
    const staged = await store.stage({ batch, runs, bounds });
    if ('most' in staged) throw fullnessProblem(staged);
  }

  /** When Redis is away, the leading scheduler sweeps the remains later. */
  private async drop(): Promise<void> {
    await this.services.store.drop(this.begun.batch.id).catch(() => undefined);
  }
}

const mostRuns = (bounds: QueueBounds): number => Math.min(bounds.runs, MAX_BATCH_RUNS);

const tooLarge = (most: number): ApiProblem =>
  new ApiProblem('batch-too-large', `a batch may have at most ${most} runs`, { path: 'runs' });
