import { RunRefusedError } from '@sandpiper/controller';
import { completeLimits, type RunRequest, type RunResult } from '@sandpiper/contracts';
import { syntheticResult, type RunStore } from '@sandpiper/store';
import type { Logger, NodeMetrics } from '@sandpiper/telemetry';
import type { CellPool, Lease } from './cell-pool.js';
import type { LiveRun, LiveRuns } from './live-run.js';

/** Why the guest of a run was killed, where that was not the program's doing. */
type Interruption = 'cancel' | 'lock-lost' | 'hand-back';

/** How the queue is to go on with the job. */
export type Outcome =
  /** The run has its result, by us or by somebody else. */
  | 'completed'
  /** Put it back at once, it costs no attempt: we are leaving. */
  | 'hand-back'
  /** The lock is somebody else's: nothing that we say about the job counts. */
  | 'lock-lost';

interface ActiveRun {
  readonly id: string;
  interruption: Interruption | null;
  cell: Lease['cell'] | null;
}

/** An attempt: what the claim gave, and the cell that it is made in. */
interface Taken {
  readonly attempt: number;
  readonly request: RunRequest;
  readonly lease: Lease;
}

export interface RunProcessorOptions {
  readonly node: string;
  readonly store: RunStore;
  readonly pool: CellPool;
  readonly live: LiveRuns;
  readonly metrics: NodeMetrics;
  readonly log: Logger;
}

/** Takes one run through: cell, claim, guest, result. Knows nothing of BullMQ. */
export class RunProcessor {
  private readonly active = new Map<string, ActiveRun>();
  private handingBack = false;

  constructor(private readonly options: RunProcessorOptions) {}

  get activeIds(): string[] {
    return [...this.active.keys()];
  }

  /** @throws what the cell rejected with, for the queue to try again later. */
  async process(id: string): Promise<Outcome> {
    const run: ActiveRun = { id, interruption: null, cell: null };
    // Before the claim, so that a cancel which comes after the claim's look at the mark finds us.
    this.active.set(id, run);
    const lease = await this.options.pool.acquire(id);
    try {
      if (this.handingBack) return 'hand-back';
      return await this.runIn(lease, run);
    } finally {
      lease.release();
      if (this.active.get(id) === run) this.active.delete(id);
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

  /** The grace is over: kills what runs and gives it back to the queue. */
  handBackAll(): void {
    this.handingBack = true;
    for (const id of this.activeIds) this.interrupt(id, 'hand-back');
  }

  /** After a time without messages: reads the cancel marks of what runs here. */
  async rereadCancels(): Promise<void> {
    for (const id of this.activeIds) if (await this.options.store.isCancelled(id)) this.cancel(id);
  }

  private interrupt(id: string, why: Interruption): void {
    const run = this.active.get(id);
    if (run === undefined) return;
    // A cancel is kept when the node leaves: the run is not to come back. A lost lock overrules everything.
    if (run.interruption === null || why === 'lock-lost') run.interruption = why;
    run.cell?.cancel(id);
  }

  private async runIn(lease: Lease, run: ActiveRun): Promise<Outcome> {
    const { store, node, metrics, log } = this.options;
    const { id } = run;
    const claim = await store.claim(id, node, lease.cellId);
    if (claim.verdict === 'done' || claim.verdict === 'missing') {
      if (claim.verdict === 'missing') log.warn({ runId: id }, 'a job without a run was dropped');
      return 'completed';
    }
    const taken: Taken = { ...claim, lease };
    if (claim.verdict === 'cancel') run.interruption ??= 'cancel';
    metrics.queueWait.observe(Math.max(0, Date.now() - claim.submittedAt) / 1000);
    if (claim.verdict === 'poison') {
      const message = `given up: what ran it died, or failed inside the sandbox, ${claim.deaths} times`;
      log.error({ runId: id, deaths: claim.deaths }, 'a run was given up');
      await this.finish(this.unstarted(run, taken, 'internal-error', message), taken, true);
      return 'completed';
    }

    let result: RunResult;
    try {
      result = await this.execute(run, taken);
    } catch (error) {
      if (run.interruption === 'lock-lost') return this.lose('lock-lost');
      return this.attemptFailed(run, taken, error);
    }
    if (run.interruption === 'lock-lost') return this.lose('lock-lost');
    if (run.interruption === 'hand-back' && result.status === 'cancelled') {
      await store.release(id, taken.attempt);
      return this.lose('hand-back');
    }
    await this.finish(result, taken);
    return 'completed';
  }

  private async execute(run: ActiveRun, taken: Taken): Promise<RunResult> {
    // Read through a function: it may have been set while the claim was on its way.
    if (interruptionOf(run) !== null) {
      return this.unstarted(run, taken, 'cancelled', 'cancelled before it started');
    }
    const { cell } = taken.lease;
    run.cell = cell;
    const streams = this.streamsOf(run, taken);
    try {
      return await cell.run({ id: run.id, request: taken.request, attempt: taken.attempt }, streams);
    } finally {
      run.cell = null;
      // Before the result: whoever sees that the run is done finds all of its output.
      await streams?.end();
    }
  }

  private streamsOf(run: ActiveRun, { request, attempt, lease }: Taken): LiveRun | null {
    if (request.live !== true) return null;
    return this.options.live.begin(run.id, attempt, () => lease.cell.interrupt(run.id));
  }

  private async attemptFailed(run: ActiveRun, taken: Taken, error: unknown): Promise<Outcome> {
    const { store, log } = this.options;
    const { id } = run;
    const { attempt, lease } = taken;
    if (run.interruption === 'hand-back') {
      // The cell was closed under it because we leave: no fault of anybody's.
      await store.release(id, attempt);
      return this.lose('hand-back');
    }
    log.error({ err: error, runId: id, attempt, cell: lease.cellId }, 'an attempt failed inside the sandbox');
    if (run.interruption === 'cancel') {
      await this.finish(this.unstarted(run, taken, 'cancelled', 'cancelled'), taken);
      return 'completed';
    }
    if (error instanceof RunRefusedError) {
      // It would be so at every attempt on this node, and another would have been given the run by its configuration.
      await this.finish(this.unstarted(run, taken, 'internal-error', error.message), taken);
      return 'completed';
    }
    // Counted there; the claim that finds it has died too often gives it up.
    await store.release(id, attempt, true);
    this.lose('sandbox-failure');
    throw error;
  }

  private async finish(result: RunResult, taken: Taken, dead = false): Promise<void> {
    const { store, metrics, log } = this.options;
    const { attempt } = taken;
    const verdict = await store.finish(result, attempt, dead);
    if (verdict !== 'accepted') {
      log.warn({ runId: result.id, attempt, verdict }, 'a result was not accepted');
      this.lose('result-refused');
      return;
    }
    metrics.runs.inc({ status: result.status, engine: result.engine });
    metrics.runDuration.observe({ engine: result.engine }, result.usage.wallMs / 1000);
    metrics.runCpu.observe({ engine: result.engine }, result.usage.cpuMs / 1000);
    log.info({ runId: result.id, attempt, cell: result.cell, status: result.status }, 'a run ended');
  }

  private lose<T extends string>(reason: T): T {
    this.options.metrics.lostAttempts.inc({ reason });
    return reason;
  }

  private unstarted(
    run: ActiveRun,
    taken: Taken,
    status: 'cancelled' | 'internal-error',
    message: string,
  ): RunResult {
    const { request, attempt, lease } = taken;
    const limits = completeLimits(request.limits);
    const engine = request.engine ?? 'seccomp';
    const place = { node: this.options.node, cell: lease.cellId };
    return syntheticResult({ id: run.id, status, message, limits, engine, attempt, ...place });
  }
}

/** Keeps the compiler from assuming that a field which events change stayed what it was. */
function interruptionOf(run: ActiveRun): Interruption | null {
  return run.interruption;
}
