import { setMaxListeners } from 'node:events';
import { type RunResult, toError } from '@sandpiper/contracts';
import type { TestCase } from '../data/test-case.js';
import { mapAtOnce } from '../files/at-once.js';
import { Judging } from '../judge/judging.js';
import type { SubmissionOutcome } from '../judge/outcome.js';
import type { TestOutcome } from '../judge/verdict.js';
import type { GradingJob } from '../load-class.js';
import type { ProblemLimits } from '../package/limits.js';
import type { Problem } from '../package/problem.js';
import type { Submission } from '../submissions/submission.js';
import { Comparer } from '../validators/comparer.js';
import { submissionKey } from './content-key.js';
import { judgeSubmission, type RoundOptions } from './rounds.js';
import type { GradingService } from './service.js';
import { measurementsOf, type TimeLimit, withMeasuredLimit } from './time-limits.js';

export interface GradedProblem {
  readonly problem: Problem;
  /** Where the time limit comes from, if not from the package. */
  readonly timeLimitNote: string | null;
  /** As {@link KeyedJob.contentHash}. */
  readonly contentHash: string | null;
  readonly submissions: readonly GradedSubmission[];
}

export interface GradedSubmission {
  readonly submission: Submission;
  readonly outcome: SubmissionOutcome;
  /** false: judging stopped before the verdict stood, and `outcome` is of the tests that ran. */
  readonly isFinished: boolean;
  /** What the outcome depends on, as one hash; null where none was asked for. */
  readonly key: string | null;
}

/** What was judged, all of it or until something ended it. */
export interface Graded {
  readonly problems: readonly GradedProblem[];
  /** What ended judging early; null when all was judged. */
  readonly failure: Error | null;
}

/** A test that has been judged, with its run, which is dropped after this. */
export interface JudgedTest {
  readonly submission: Submission;
  readonly test: TestCase;
  readonly outcome: TestOutcome;
  readonly result: RunResult;
}

/** A job whose results can be told from those of another content. */
export interface KeyedJob extends GradingJob {
  /** Of the package, as `hashProblem` gives it; without one nothing is taken from earlier results. */
  readonly contentHash?: string;
}

/** Results that are known already, by content. */
export interface EarlierResults {
  /** The time limit that was measured for a package. */
  timeLimitOf(contentHash: string): { readonly limits: ProblemLimits; readonly note: string | null } | null;
  /** The outcomes of a submission, by test. */
  outcomesOf(key: string): ReadonlyMap<string, TestOutcome>;
}

export interface GradingOptions {
  /** Of every run, as in its request. */
  readonly retryUnreliable: number;
  /** Whether tests run after a failure that decides. */
  readonly runsAll: boolean;
  readonly onProgress: (done: number, total: number) => void;
  readonly signal: AbortSignal;
  readonly earlier?: EarlierResults;
  /** Called for each test, and waited for: what it does not keep is gone. */
  readonly onJudged?: (judged: JudgedTest) => Promise<void>;
  /** Called when the verdict on a submission stands. */
  readonly onFinished?: (submission: Submission, outcome: SubmissionOutcome) => void;
}

/** Submissions in flight: enough to keep a server with many nodes busy. */
const SUBMISSIONS_AT_ONCE = 8;

/**
 * Grades every submission on the tests of its problem through the service, as far as its verdict needs them.
 * On abort or failure it cancels the batches in flight and rejects.
 */
export async function gradeAll(
  service: GradingService,
  jobs: readonly KeyedJob[],
  options: GradingOptions,
): Promise<readonly GradedProblem[]> {
  const { problems, failure } = await gradeUntilStopped(service, jobs, options);
  if (failure !== null) throw failure;
  return problems;
}

/** {@link gradeAll}, which gives what was judged until an abort or a failure ended it. */
export async function gradeUntilStopped(
  service: GradingService,
  jobs: readonly KeyedJob[],
  options: GradingOptions,
): Promise<Graded> {
  const comparer = new Comparer();
  try {
    return await gradeWith(comparer, service, jobs, options);
  } finally {
    await comparer.close();
  }
}

async function gradeWith(
  comparer: Comparer,
  service: GradingService,
  jobs: readonly KeyedJob[],
  options: GradingOptions,
): Promise<Graded> {
  const { retryUnreliable, signal } = options;
  const quiet = { retryUnreliable, signal, runsAll: false, onProgress: () => undefined };
  const known = jobs.map((job) => knownLimit(job, options.earlier));
  const measured = jobs.map(({ problem }, n) => ((known[n] ?? null) === null ? measurementsOf(problem) : []));
  const unmeasured = await failureOf(judgeAll(service, measured.flat().map(unseeded), comparer, quiet));
  const limited = jobs.map(({ problem }, n): TimeLimit => {
    if (unmeasured !== null) return { problem, note: null };
    return known[n] ?? withMeasuredLimit(problem, measured[n] ?? []);
  });
  const seeded = jobs.map((job, n) => seededJudgings(job, limited[n]?.problem ?? job.problem, options));
  const failure = unmeasured ?? (await failureOf(judgeAll(service, seeded.flat(), comparer, options)));
  const problems = jobs.map(({ problem, contentHash }, n) => ({
    problem: limited[n]?.problem ?? problem,
    timeLimitNote: limited[n]?.note ?? null,
    contentHash: contentHash ?? null,
    submissions: (seeded[n] ?? []).map(({ judging, key }) => gradedAs(judging, key)),
  }));
  return { problems, failure };
}

/** The error of a promise that fails; null when it does not. */
async function failureOf(work: Promise<void>): Promise<Error | null> {
  try {
    await work;
    return null;
  } catch (error) {
    return toError(error);
  }
}

function knownLimit({ problem, contentHash }: KeyedJob, earlier?: EarlierResults): TimeLimit | null {
  if (contentHash === undefined || problem.limitSettings.timing.cpuMs !== null) return null;
  const known = earlier?.timeLimitOf(contentHash) ?? null;
  return known === null ? null : { problem: { ...problem, limits: known.limits }, note: known.note };
}

/** One submission that is to be judged, with what is known of it. */
interface Seeded {
  readonly judging: Judging;
  readonly key: string | null;
  /** Tests whose outcome is known. */
  readonly known: number;
}

const unseeded = (judging: Judging): Seeded => ({ judging, key: null, known: 0 });

function seededJudgings(
  { submissions, contentHash }: KeyedJob,
  problem: Problem,
  options: GradingOptions,
): Seeded[] {
  return submissions.map((submission) => {
    const judging = new Judging(problem, submission, options.runsAll);
    const { program } = submission;
    if (contentHash === undefined || program === null) return unseeded(judging);
    const key = submissionKey(contentHash, problem.limits, program);
    return { judging, key, known: seed(judging, options.earlier?.outcomesOf(key)) };
  });
}

/** @returns how many outcomes fit */
function seed(judging: Judging, outcomes: ReadonlyMap<string, TestOutcome> | undefined): number {
  let known = 0;
  for (const test of outcomes === undefined ? [] : judging.problem.allTests) {
    const outcome = outcomes?.get(test.name);
    // The judge failed, not the program: it may do better now.
    if (outcome === undefined || outcome.verdict === 'JE') continue;
    judging.record(test, outcome);
    known++;
  }
  return known;
}

function gradedAs(judging: Judging, key: string | null): GradedSubmission {
  const isFinished = judging.next(1).length === 0;
  return { submission: judging.submission, outcome: judging.outcome(), isFinished, key };
}

/** Progress counts tests; those that a verdict makes needless count as done with it. */
async function judgeAll(
  service: GradingService,
  seeded: readonly Seeded[],
  comparer: Comparer,
  { retryUnreliable, runsAll, onProgress, signal, onJudged, onFinished }: GradingOptions,
): Promise<void> {
  const total = seeded.reduce((sum, { judging }) => sum + judging.problem.allTests.length, 0);
  let done = seeded.reduce((sum, { known }) => sum + known, 0);
  if (total > 0) onProgress(done, total);
  const stop = new AbortController();
  // oxlint-disable-next-line sandpiper/no-long-lived-race -- the signal of one command, which is all that this process does
  const either = AbortSignal.any([signal, stop.signal]);
  // Each round in flight listens, and each run that a validator makes.
  setMaxListeners(0, either);
  await mapAtOnce(seeded, SUBMISSIONS_AT_ONCE, async ({ judging, known }) => {
    const { submission, problem } = judging;
    let ran = known;
    const onTests = (tests: number): void => {
      ran += tests;
      done += tests;
      onProgress(done, total);
    };
    const options: RoundOptions = {
      ...{ retryUnreliable, runsAll, signal: either, onTests },
      onJudged: async (test, outcome, result) => onJudged?.({ submission, test, outcome, result }),
    };
    try {
      either.throwIfAborted();
      await judgeSubmission(service, judging, comparer, options);
    } catch (error) {
      stop.abort(error);
      throw error;
    }
    onTests(problem.allTests.length - ran);
    onFinished?.(submission, judging.outcome());
  });
}
