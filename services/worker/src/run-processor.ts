import type { Clock, Inspect } from '@sandpiper/actor';
import { RunRefusedError } from '@sandpiper/controller';
import { completeLimits, type RunJob, type RunResult } from '@sandpiper/contracts';
import { RUN_ATTEMPTS, syntheticResult, type RunStore } from '@sandpiper/store';
import type { Logger, NodeMetrics } from '@sandpiper/telemetry';
import type { Lease } from './cell-actor.js';
import type { Cells } from './cells.js';
import type { Breakage, Interruption, Outcome } from './lifecycles/run.js';
import { RunActor, type RunWork } from './run-actor.js';

export interface RunProcessorOptions {
  readonly node: string;
  readonly store: RunStore;
  readonly cells: Cells;
  readonly metrics: NodeMetrics;
  readonly log: Logger;
  readonly clock: Clock;
  readonly inspect: Inspect;
}

/** What the result says of a run that came to none of its own. */
const MESSAGES = {
  cancelled: (error: Error | null) => (error === null ? 'cancelled before it started' : 'cancelled'),
  refused: (error: Error | null) => error?.message ?? 'refused',
  'given-up': () => `given up after ${RUN_ATTEMPTS} attempts that failed inside the sandbox`,
};

/** The runs of a node: has each taken through by an actor, and knows what they ask of the store. Knows nothing of BullMQ. */
export class RunProcessor {
  private readonly active = new Map<string, RunActor>();
  private accepting = true;
  private begun = 0;

  constructor(private readonly options: RunProcessorOptions) {}

  get activeIds(): string[] {
    return [...this.active.keys()];
  }

  /**
   * @param failuresBefore attempts that threw before this one; the last one is turned into a result.
   * @throws what the cell rejected with, for the queue to try again later.
   */
  async process(job: RunJob, failuresBefore: number): Promise<Exclude<Outcome, 'failed'>> {
    if (!this.accepting) return 'hand-back';
    const { cells, clock, inspect } = this.options;
    // The queue has given it to us anew, so the lock of the attempt that is still here was lost.
    if (this.active.has(job.id)) this.lockLost(job.id);
    this.begun += 1;
    const name = `run-${this.begun}-${job.id}`;
    const run = new RunActor({
      runId: job.id,
      name,
      cells,
      clock,
      inspect,
      work: this.workOf(job, failuresBefore),
    });
    // Before the claim, so that a cancel which comes after the claim's look at the mark finds us.
    this.active.set(job.id, run);
    try {
      return await run.outcome;
    } finally {
      if (this.active.get(job.id) === run) this.active.delete(job.id);
    }
  }

  /** Somebody wants the run cancelled. */
  cancel(id: string): void {
    this.interrupt(id, 'cancel');
  }

  /** The queue may have given the job to another node: what ours comes to must not count. */
  lockLost(id: string): void {
    this.options.log.warn({ runId: id }, 'the lock of a run was lost');
    this.interrupt(id, 'lock-lost');
  }

  /** No run is taken on until {@link accept}, and those that wait for a cell go back to the queue. */
  handBackWaiting(): void {
    this.accepting = false;
    for (const run of this.active.values()) if (run.isWaiting) run.interrupt('hand-back');
  }

  accept(): void {
    this.accepting = true;
  }

  /** The grace is over: kills what runs and gives it back to the queue. */
  handBackAll(): void {
    this.accepting = false;
    for (const run of this.active.values()) run.interrupt('hand-back');
  }

  /** After a time without messages: reads the cancel marks of what runs here. */
  async rereadCancels(): Promise<void> {
    for (const id of this.activeIds) if (await this.options.store.isCancelled(id)) this.cancel(id);
  }

  private interrupt(id: string, why: Interruption): void {
    this.active.get(id)?.interrupt(why);
  }

  private workOf(job: RunJob, failuresBefore: number): RunWork {
    const { store } = this.options;
    return {
      claim: (lease) => this.claim(lease, job),
      execute: (lease, attempt) => this.execute(lease, job, attempt),
      breakageOf: (error) => this.breakageOf(error, failuresBefore),
      makeUp: (lease, attempt, what, error) => {
        const status = what === 'cancelled' ? 'cancelled' : 'internal-error';
        return this.unstarted(lease, job, attempt, status, MESSAGES[what](error));
      },
      finish: (result, attempt) => this.finish(job, result, attempt),
      release: async (attempt) => void (await store.release(job.id, attempt)),
      count: (result, attempt) => this.finished(result, attempt),
      lose: (reason) => this.options.metrics.lostAttempts.inc({ reason }),
    };
  }

  private async claim(lease: Lease, job: RunJob): ReturnType<RunWork['claim']> {
    const { store, node, metrics, log } = this.options;
    const claim = await store.claim(job.id, node, lease.cellId);
    if (claim.verdict === 'done' || claim.verdict === 'missing') {
      if (claim.verdict === 'missing') log.warn({ runId: job.id }, 'a job without a run was dropped');
      return { type: 'not-claimed' };
    }
    const { attempt } = claim;
    metrics.queueWait.observe(Math.max(0, Date.now() - claim.submittedAt) / 1000);
    return { type: 'claimed', attempt, cancelled: claim.verdict === 'cancel' };
  }

  private async execute(lease: Lease, job: RunJob, attempt: number): Promise<RunResult> {
    try {
      return await lease.cell.run({ id: job.id, request: job.request, attempt });
    } catch (error) {
      const { log } = this.options;
      log.error(
        { err: error, runId: job.id, attempt, cell: lease.cellId },
        'an attempt failed inside the sandbox',
      );
      throw error;
    }
  }

  private breakageOf(error: Error, failuresBefore: number): Breakage {
    // It would be so at every attempt on this node, and another would have been given the run by its configuration.
    if (error instanceof RunRefusedError) return 'refused';
    return failuresBefore + 1 < RUN_ATTEMPTS ? 'again' : 'last';
  }

  private async finish(job: RunJob, result: RunResult, attempt: number): Promise<boolean> {
    const { store, log } = this.options;
    const verdict = await store.finish(result, attempt, job.batchId);
    if (verdict !== 'accepted') log.warn({ runId: result.id, attempt, verdict }, 'a result was not accepted');
    return verdict === 'accepted';
  }

  private finished(result: RunResult, attempt: number): void {
    const { metrics, log } = this.options;
    metrics.runs.inc({ status: result.status, engine: result.engine });
    metrics.runDuration.observe({ engine: result.engine }, result.usage.wallMs / 1000);
    metrics.runCpu.observe({ engine: result.engine }, result.usage.cpuMs / 1000);
    log.info({ runId: result.id, attempt, cell: result.cell, status: result.status }, 'a run ended');
  }

  private unstarted(
    lease: Lease,
    job: RunJob,
    attempt: number,
    status: 'cancelled' | 'internal-error',
    message: string,
  ): RunResult {
    const { id, request } = job;
    const limits = completeLimits(request.limits);
    const engine = request.engine ?? 'seccomp';
    return syntheticResult({
      id,
      status,
      message,
      limits,
      engine,
      attempt,
      node: this.options.node,
      cell: lease.cellId,
    });
  }
}
