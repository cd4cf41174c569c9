import { messageOf, Pump } from '@sandpiper/contracts';
import { InputError } from '@sandpiper/grading/basics';
import type { SubmissionStore, TakenSubmission } from '@sandpiper/store';
import type { Logger } from '@sandpiper/telemetry';
import { ApiProblem } from '../problems.js';
import { judgeTaken, type JudgementTools } from './judgement.js';
import { unjudged } from './submission-result.js';

/** Poll interval without events, and interval of renewing leases, milliseconds. */
const TICK_MS = 1_000;
/** Judgings that fail, and judges that end meanwhile, before a submission is given up. */
const MAX_FAILURES = 3;

/** Why a judging is stopped. `leaving` and `lost`: another judge goes on with its runs. */
type StopReason = 'cancel' | 'gone' | 'lost' | 'leaving';

class JudgingStopped extends Error {
  override readonly name = 'JudgingStopped';

  constructor(readonly why: StopReason) {
    super(`judging was stopped: ${why}`);
  }
}

export interface JudgeOptions extends JudgementTools {
  readonly submissions: SubmissionStore;
  readonly atOnce: number;
  /** How long a submission stays with a judge that is silent, milliseconds. */
  readonly leaseMs: number;
  /** Whether Redis is available. */
  readonly up: () => boolean;
  readonly log: Logger;
}

/** A submission that is being judged here. */
interface CurrentJudging {
  readonly taken: TakenSubmission;
  readonly stop: AbortController;
  progress: { readonly done: number; readonly total: number } | null;
}

/**
 * Judges submissions, a bounded number at once. Each is held under a lease: when this process dies, another judge takes
 * it over, finds the runs that have run under their idempotency keys, and writes the one result that counts.
 */
export class Judge {
  private readonly current = new Map<string, CurrentJudging>();
  private readonly ending = new Set<Promise<void>>();
  private readonly pump: Pump;
  private renewedAt = 0;
  private isLeaving = false;

  constructor(private readonly options: JudgeOptions) {
    this.pump = new Pump({
      pass: () => this.pass(),
      onFailure: (error) => options.log.debug({ reason: messageOf(error) }, 'could not take submissions'),
      mayRun: options.up,
    });
  }

  start(): void {
    this.pump.tickEvery(TICK_MS, () => undefined);
    this.pump.wake();
  }

  /** Something waits, or one of ours has changed. */
  changed(id: string): void {
    if (this.current.has(id)) this.renewedAt = 0;
    this.pump.wake();
  }

  /** Gives back what is being judged: another judge goes on with it. */
  async close(): Promise<void> {
    this.isLeaving = true;
    await this.pump.close();
    for (const { stop } of this.current.values()) stop.abort(new JudgingStopped('leaving'));
    await Promise.all(this.ending);
    await this.options.packages.close();
  }

  private async pass(): Promise<void> {
    await this.renew();
    while (!this.isLeaving && this.current.size < this.options.atOnce) {
      const taken = await this.options.submissions.take(this.options.leaseMs);
      if (taken === null) return;
      this.begin(taken);
    }
  }

  private async renew(): Promise<void> {
    const now = performance.now();
    if (now - this.renewedAt < TICK_MS / 2) return;
    this.renewedAt = now;
    const { submissions, leaseMs } = this.options;
    for (const { taken, stop, progress } of this.current.values()) {
      if (stop.signal.aborted) continue;
      const renewal = await submissions.renew(taken, leaseMs, progress);
      if (renewal !== 'ok') stop.abort(new JudgingStopped(renewal));
    }
  }

  private begin(taken: TakenSubmission): void {
    const current: CurrentJudging = { taken, stop: new AbortController(), progress: null };
    this.current.set(taken.id, current);
    const ending = this.judge(current)
      .catch((error: unknown) =>
        this.options.log.error({ err: error, submissionId: taken.id }, 'the end of a judging was not stored'),
      )
      .finally(() => {
        if (this.current.get(taken.id) === current) this.current.delete(taken.id);
        this.ending.delete(ending);
        this.pump.wake();
      });
    this.ending.add(ending);
  }

  private async judge(current: CurrentJudging): Promise<void> {
    const { submissions, log } = this.options;
    const { taken, stop } = current;
    const { id: submissionId } = taken;
    if (taken.deaths >= MAX_FAILURES) {
      log.error({ submissionId }, 'gave up a submission whose judges kept ending');
      await submissions.finish(
        taken,
        unjudged(`gave up after ${MAX_FAILURES} judges ended while they judged it`),
      );
      return;
    }
    try {
      const result = await judgeTaken(taken, this.options, {
        signal: stop.signal,
        isHandedOver: () => isHandedOver(stop.signal),
        onProgress: (done, total) => (current.progress = { done, total }),
      });
      if (!(await submissions.finish(taken, result)))
        log.warn({ submissionId }, 'another judge has a submission');
    } catch (error) {
      await this.ended(current, error);
    }
  }

  private async ended({ taken, stop }: CurrentJudging, error: unknown): Promise<void> {
    const { submissions, log } = this.options;
    const { id: submissionId } = taken;
    const why: unknown = stop.signal.reason;
    if (why instanceof JudgingStopped) {
      log.debug({ submissionId, why: why.why }, 'judging was stopped');
      if (why.why === 'cancel') await submissions.finishCancelled(taken);
      if (why.why === 'leaving') await submissions.release(taken, 'leaving');
      return;
    }
    if (error instanceof InputError) {
      await submissions.finish(taken, unjudged(error.message));
      return;
    }
    // What the package asks of its runs is refused in the same way every time.
    if (error instanceof ApiProblem && error.statusCode === 400) {
      const { path } = error.details;
      await submissions.finish(taken, unjudged(`${path === undefined ? '' : `${path}: `}${error.message}`));
      return;
    }
    log.error({ err: error, submissionId }, 'judging failed');
    if (taken.faults + 1 < MAX_FAILURES) await submissions.release(taken, 'failed');
    else
      await submissions.finish(
        taken,
        unjudged(`gave up after ${MAX_FAILURES} failures: ${messageOf(error)}`),
      );
  }
}

function isHandedOver({ aborted, reason }: AbortSignal): boolean {
  return aborted && reason instanceof JudgingStopped && (reason.why === 'leaving' || reason.why === 'lost');
}
