import type { RunStore } from '@sandpiper/store';
import type { Interruption, JobOutcome } from '../lifecycles/run.js';
import { Attempt, type AttemptTools, warnNewer } from './attempt.js';

/** When a job that this node cannot read is offered again, milliseconds. */
const NEWER_AGAIN_MS = 5_000;

export interface AttemptsOptions extends AttemptTools {
  readonly store: AttemptTools['store'] & Pick<RunStore, 'isCancelled'>;
}

/** The attempts under way on a node, by run: what the queue and the cancel channel say reaches them here. */
export class Attempts {
  private readonly active = new Map<string, Attempt>();
  /** Attempts with a lost lock: the queue repeats it at every renewal until the attempt is over. */
  private readonly lost = new WeakSet<Attempt>();
  private accepting = true;
  private begun = 0;

  constructor(private readonly options: AttemptsOptions) {}

  get runIds(): string[] {
    return [...this.active.keys()];
  }

  /** @throws the rejection of the cell; the queue then retries later. */
  async process(runId: string): Promise<Exclude<JobOutcome, 'failed'>> {
    if (!this.accepting) return 'hand-back';
    // The queue has given it to us again, so the attempt that is still here has lost its lock.
    if (this.active.has(runId)) this.lockLost(runId);
    this.begun += 1;
    const attempt = new Attempt(runId, `run-${this.begun}-${runId}`, this.options);
    // Registered before the claim, so that a cancel after the claim's check of the mark reaches us.
    this.active.set(runId, attempt);
    try {
      return await attempt.outcome;
    } finally {
      if (this.active.get(runId) === attempt) this.active.delete(runId);
    }
  }

  /** A job that this node cannot read: the run is offered to other nodes after a while. */
  async leaveToNewer(runId: string): Promise<void> {
    warnNewer(this.options.log, runId);
    await this.options.store.defer(runId, NEWER_AGAIN_MS);
  }

  /** The run was cancelled by a client. */
  cancel(runId: string): void {
    this.interrupt(runId, 'cancel');
  }

  /** The queue may have given the job to another node: the result of our attempt must not count. */
  lockLost(runId: string): void {
    const attempt = this.active.get(runId);
    if (attempt === undefined || this.lost.has(attempt)) return;
    this.lost.add(attempt);
    this.options.log.warn({ runId }, 'lost the lock of a run');
    attempt.interrupt('lock-lost');
  }

  /** Takes no runs until {@link accept}, and sends those that wait for a cell back to the queue. */
  handBackWaiting(): void {
    this.accepting = false;
    for (const attempt of this.active.values()) if (attempt.isWaiting) attempt.interrupt('hand-back');
  }

  accept(): void {
    this.accepting = true;
  }

  /** The grace period is over: kills the current runs and gives them back to the queue. */
  handBackAll(): void {
    this.accepting = false;
    for (const attempt of this.active.values()) attempt.interrupt('hand-back');
  }

  /** Reads the cancel marks of the current runs, after messages may have been missed. */
  async rereadCancels(): Promise<void> {
    for (const id of this.runIds) if (await this.options.store.isCancelled(id)) this.cancel(id);
  }

  private interrupt(runId: string, why: Interruption): void {
    this.active.get(runId)?.interrupt(why);
  }
}
