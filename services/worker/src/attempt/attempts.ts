import { messageOf } from '@sandpiper/contracts';
import type { Claim, RunStore } from '@sandpiper/store';
import type { Interruption } from '../lifecycles/run.js';
import { Attempt, type AttemptTools } from './attempt.js';

export interface AttemptsOptions extends AttemptTools {
  readonly store: AttemptTools['store'] & Pick<RunStore, 'isCancelled'>;
  /** An attempt is over. */
  readonly onEnd: () => void;
}

/** The attempts under way on a node: what Redis and the cancel channel say reaches them here. */
export class Attempts {
  private readonly active = new Map<string, Attempt>();
  /** Attempts whose run belongs to another node: they are told once. */
  private readonly lost = new WeakSet<Attempt>();
  private begun = 0;
  /** Runs that were cancelled while some are being taken; null: none are. */
  private early: Set<string> | null = null;

  constructor(private readonly options: AttemptsOptions) {}

  /** Those that still have their run. */
  get runIds(): string[] {
    return [...this.active.keys()];
  }

  get count(): number {
    return this.active.size;
  }

  /** Number of attempts that need a cell and have none yet. */
  get unplaced(): number {
    let count = 0;
    for (const attempt of this.active.values()) if (attempt.isUnplaced) count += 1;
    return count;
  }

  /** Runs are being taken: the message that one of them is cancelled may come before the run. */
  expect(): void {
    this.early = new Set();
  }

  /**
   * @param taken runs that were taken; @param askedAt when they were asked for, as `performance.now()`
   * @param keeps false: the node takes no runs any more, so they go back
   */
  receive(taken: readonly Claim[], askedAt: number, keeps: boolean): void {
    const cancelled = this.early ?? new Set();
    this.early = null;
    for (const claim of taken) {
      this.begin(claim, askedAt);
      if (cancelled.has(claim.id)) this.cancel(claim.id);
      if (!keeps) this.interrupt(claim.id, 'hand-back');
    }
  }

  private begin(claim: Claim, askedAt: number): void {
    const { id } = claim;
    // It was given to us again, so the attempt that is still here has lost it.
    this.loseRun(id);
    this.begun += 1;
    const attempt = new Attempt(claim, `run-${this.begun}-${id}`, askedAt, this.options);
    this.active.set(id, attempt);
    void attempt.ended.then((error) => {
      if (error !== null) {
        const reason = messageOf(error);
        this.options.log.warn({ runId: id, reason }, 'the end of an attempt did not reach Redis');
      }
      if (this.active.get(id) === attempt) this.active.delete(id);
      this.options.onEnd();
    });
  }

  /** The run was cancelled by a client. */
  cancel(runId: string): void {
    if (this.active.has(runId)) this.interrupt(runId, 'cancel');
    else this.early?.add(runId);
  }

  /** The lease of the node was over: other nodes have its runs, and the results of these attempts must not count. */
  loseAll(): void {
    for (const id of this.runIds) this.loseRun(id);
  }

  /** Sends the runs that wait for a cell back. */
  handBackWaiting(): void {
    for (const attempt of this.active.values()) if (attempt.isUnplaced) attempt.interrupt('hand-back');
  }

  /** The grace period is over: kills the current runs and gives them back. */
  handBackAll(): void {
    for (const attempt of this.active.values()) attempt.interrupt('hand-back');
  }

  /** Reads the cancel marks of the current runs, after messages may have been missed. */
  async rereadCancels(): Promise<void> {
    for (const id of this.runIds) if (await this.options.store.isCancelled(id)) this.cancel(id);
  }

  private loseRun(id: string): void {
    const attempt = this.active.get(id);
    if (attempt === undefined || this.lost.has(attempt)) return;
    this.lost.add(attempt);
    this.options.log.warn({ runId: id }, 'lost the lease of a run');
    attempt.interrupt('lock-lost');
  }

  private interrupt(runId: string, why: Interruption): void {
    this.active.get(runId)?.interrupt(why);
  }
}
