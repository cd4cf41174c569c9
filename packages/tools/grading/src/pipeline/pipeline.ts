import { mapAtOnce } from '../files/at-once.js';
import { Judging } from '../judge/judging.js';
import type { SubmissionOutcome } from '../judge/outcome.js';
import type { GradingJob } from '../load-class.js';
import type { Problem } from '../package/problem.js';
import type { Submission } from '../submissions/submission.js';
import { Comparer } from '../validators/comparer.js';
import { judgeSubmission, type RoundOptions } from './rounds.js';
import type { GradingService } from './service.js';
import { measurementsOf, withMeasuredLimit } from './time-limits.js';

export interface GradedProblem {
  readonly problem: Problem;
  /** Where the time limit comes from, if not from the package. */
  readonly timeLimitNote: string | null;
  readonly submissions: readonly { readonly submission: Submission; readonly outcome: SubmissionOutcome }[];
}

export interface GradingOptions {
  /** Of every run, as in its request. */
  readonly retryUnreliable: number;
  /** Whether tests run after a failure that decides. */
  readonly runsAll: boolean;
  readonly onProgress: (done: number, total: number) => void;
  readonly signal: AbortSignal;
}

/** Submissions in flight: enough to keep a server with many nodes busy. */
const SUBMISSIONS_AT_ONCE = 8;

/**
 * Grades every submission on the tests of its problem through the service, as far as its verdict needs them.
 * On abort or failure it cancels the batches in flight and rejects.
 */
export async function gradeAll(
  service: GradingService,
  jobs: readonly GradingJob[],
  options: GradingOptions,
): Promise<GradedProblem[]> {
  const comparer = new Comparer();
  try {
    const measured = jobs.map(({ problem }) => measurementsOf(problem));
    await judgeAll(service, measured.flat(), comparer, { ...options, onProgress: () => undefined });
    const limited = jobs.map(({ problem }, n) => withMeasuredLimit(problem, measured[n] ?? []));
    const judgings = jobs.map(({ submissions, problem }, n) =>
      submissions.map(
        (submission) => new Judging(limited[n]?.problem ?? problem, submission, options.runsAll),
      ),
    );
    await judgeAll(service, judgings.flat(), comparer, options);
    return jobs.map(({ problem }, n) => ({
      problem: limited[n]?.problem ?? problem,
      timeLimitNote: limited[n]?.note ?? null,
      submissions: (judgings[n] ?? []).map((judging) => ({
        submission: judging.submission,
        outcome: judging.outcome(),
      })),
    }));
  } finally {
    await comparer.close();
  }
}

/** Progress counts tests; those that a verdict makes needless count as done with it. */
async function judgeAll(
  service: GradingService,
  judgings: readonly Judging[],
  comparer: Comparer,
  { retryUnreliable, runsAll, onProgress, signal }: GradingOptions,
): Promise<void> {
  const total = judgings.reduce((sum, { problem }) => sum + problem.allTests.length, 0);
  let done = 0;
  const stop = new AbortController();
  // oxlint-disable-next-line sandpiper/no-long-lived-race -- the signal of one command, which is all that this process does
  const either = AbortSignal.any([signal, stop.signal]);
  await mapAtOnce(judgings, SUBMISSIONS_AT_ONCE, async (judging) => {
    let ran = 0;
    const onTests = (tests: number): void => {
      ran += tests;
      done += tests;
      onProgress(done, total);
    };
    const options: RoundOptions = { retryUnreliable, runsAll, signal: either, onTests };
    try {
      await judgeSubmission(service, judging, comparer, options);
    } catch (error) {
      stop.abort(error);
      throw error;
    }
    onTests(judging.problem.allTests.length - ran);
  });
}
