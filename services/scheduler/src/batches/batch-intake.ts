import { createHash, randomUUID } from 'node:crypto';
import { MAX_BATCH_RUNS } from '@sandpiper/contracts';
import type { BatchStore, NewBatch, StagedRun } from '@sandpiper/store';
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

/** Batches received at the same time; each holds the runs of one step in memory. */
const MAX_INTAKES = 16;

export interface BatchHead {
  readonly name: string | null;
  readonly key: string | undefined;
  /** Number of runs, or 0 when unknown in advance. */
  readonly count: number;
}

/**
 * Receives a batch run by run: memory does not grow with the batch, and no run starts before the batch is
 * complete. A client that is cut off sends it again with the same idempotency key.
 */
export class BatchIntake {
  private running = 0;

  constructor(
    private readonly store: BatchStore,
    /** The same store, on a connection for large requests. */
    private readonly bulk: BatchStore,
    private readonly admission: Admission,
  ) {}

  /** @param runs may throw a {@link ApiProblem}; nothing is accepted then. */
  async take(
    runs: AsyncIterable<PreparedRun> | Iterable<PreparedRun>,
    head: BatchHead,
    who: Submitter,
  ): Promise<Admitted> {
    if (this.running >= MAX_INTAKES) {
      throw new ApiProblem(
        'queue-full',
        `${this.running} batches are being received already; try again later`,
        {
          retryAfterSeconds: 1,
        },
      );
    }
    this.running += 1;
    try {
      return await this.takeIn(runs, head, who);
    } finally {
      this.running -= 1;
    }
  }

  private async takeIn(
    runs: AsyncIterable<PreparedRun> | Iterable<PreparedRun>,
    head: BatchHead,
    who: Submitter,
  ): Promise<Admitted> {
    const bounds = this.admission.options.bounds();
    const most = Math.min(bounds.runs, MAX_BATCH_RUNS);
    const intake = randomUUID();
    const tooLarge = new ApiProblem('batch-too-large', `a batch may have at most ${most} runs`, {
      path: 'runs',
    });
    if (head.count > most) throw tooLarge;
    // The fingerprint is known only when the whole batch has arrived; the key is bound to it then.
    const beginning = await this.store.begin(
      this.describe(newBatchId(), intake, head, who),
      head.key === undefined ? null : { key: head.key, fingerprint: '' },
      head.count,
      bounds,
    );
    const { id } = this.admission.answer(beginning, 'batch');
    const batch = this.describe(id, intake, head, who);
    const sealed = beginning.outcome === 'sealed' ? beginning.fingerprint : null;
    const fingerprint = createHash('sha256').update(`${head.name ?? ''}\n`);
    let total = 0;
    let step: StagedRun[] = [];
    let bytes = 0;
    const flush = async (): Promise<void> => {
      // False: another attempt has completed it. The rest is only compared.
      const store = bytes > LARGE_BYTES ? this.bulk : this.store;
      const staging = step.length > 0 && sealed === null ? await store.stage(batch, step, bounds) : null;
      if (staging !== null && 'most' in staging) throw fullnessProblem(staging);
      step = [];
      bytes = 0;
    };
    try {
      for await (const run of runs) {
        if (total >= most) throw tooLarge;
        this.admission.assertAdmissible(run, `runs.${total}.`);
        fingerprint.update(run.fingerprint).update('\n');
        step.push({ index: total, request: run, limits: run.limits });
        total += 1;
        bytes += run.json.length;
        if (step.length >= RUNS_PER_STEP || bytes >= BYTES_PER_STEP) await flush();
      }
      if (total === 0) {
        throw new ApiProblem('invalid-request', 'a batch needs at least one run', { path: 'runs' });
      }
      await flush();
    } catch (error) {
      // What was cut off is taken up again under its key, or swept; what is wrong will not come again as it
      // is.
      const isFinal = error instanceof ApiProblem && !(error instanceof CutOffProblem);
      if (sealed === null && (head.key === undefined || isFinal)) await this.drop(id);
      throw error;
    }
    const print = fingerprint.digest('hex');
    if (sealed !== null) {
      const outcome = sealed === print ? 'same' : 'different';
      return this.admission.replicated('batch', this.admission.answer({ outcome, id }, 'batch'));
    }
    const idempotency = head.key === undefined ? null : { key: head.key, fingerprint: print };
    const sealing = await this.store.seal(batch, total, idempotency, bounds);
    if ('most' in sealing) await this.drop(id);
    if (sealing.outcome === 'gone' && head.key !== undefined) {
      throw new ApiProblem(
        'idempotency-conflict',
        'another request used this idempotency key meanwhile; nothing was accepted, try again',
        { path: 'idempotencyKey', retryAfterSeconds: RETRY_AFTER_SECONDS },
      );
    }
    return this.admission.replicated('batch', this.admission.answer(sealing, 'batch'));
  }

  /** When Redis is away, the dispatcher sweeps the remains later. */
  private async drop(id: string): Promise<void> {
    await this.store.drop(id).catch(() => undefined);
  }

  private describe(id: string, intake: string, head: BatchHead, who: Submitter): NewBatch {
    return { id, intake, tenant: who.tenant, name: head.name, trace: who.trace };
  }
}
