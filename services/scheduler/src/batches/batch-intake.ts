import type { Admitted, Submitter } from '../admission.js';
import type { PreparedRun } from '../bodies/prepared.js';
import { ApiProblem } from '../problems.js';
import { type BatchHead, StagedBatch, type BatchServices } from './staged-batch.js';

/** Batches received at the same time; each holds the runs of one step in memory. */
const MAX_INTAKES = 16;

/**
 * Receives a batch run by run: memory does not grow with the batch, and no run starts before the batch is
 * complete. A client that is cut off sends it again with the same idempotency key.
 */
export class BatchIntake {
  private running = 0;

  constructor(private readonly services: BatchServices) {}

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
    const batch = await StagedBatch.begin(this.services, head, who);
    try {
      for await (const run of runs) await batch.add(run);
      await batch.complete();
    } catch (error) {
      await batch.abandon(error);
      throw error;
    }
    return batch.accept();
  }
}
