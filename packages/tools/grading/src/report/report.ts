import type { Limits } from '@sandpiper/contracts';
import { mismatchOf } from '../judge/expected.js';
import type { SubmissionOutcome } from '../judge/outcome.js';
import type { Verdict } from '../judge/verdict.js';
import type { GradedProblem, GradedSubmission } from '../pipeline/pipeline.js';
import { type GradingSelection, WHOLE } from '../pipeline/selection.js';

/** The report that `--json` writes. Times in milliseconds, memory in bytes. */
export interface GradingReport {
  readonly version: 1;
  /** false: judging was stopped, and submissions without a verdict are left. */
  readonly isComplete: boolean;
  readonly selection: GradingSelection;
  readonly problems: readonly ProblemReport[];
}

export interface ProblemReport {
  readonly name: string;
  readonly path: string;
  readonly formatVersion: string;
  readonly limits: Partial<Limits>;
  /** Where the time limit comes from, if not from the package. */
  readonly timeLimitNote: string | null;
  readonly isScoring: boolean;
  readonly maxScore: number | null;
  readonly ignored: readonly string[];
  /** SHA-256 of what verdicts depend on; null where none was asked for. */
  readonly contentHash: string | null;
  readonly submissions: readonly SubmissionReport[];
}

export interface SubmissionReport extends Omit<SubmissionOutcome, 'verdict'> {
  readonly label: string;
  readonly path: string;
  /** null: judging was stopped before it stood; all else is of the tests that ran. */
  readonly verdict: Verdict | null;
  /** What `expected.json` of the class or the package expects; null where neither does. */
  readonly expected: string | null;
  /** How the result differs from that; null where it does not. */
  readonly mismatch: string | null;
  /** Whether it was accepted with so little time left that another host may find it too slow. */
  readonly isCloseToLimit: boolean;
  /** SHA-256 of the package, the limits and the program; null where none was asked for. */
  readonly key: string | null;
}

/** The part of the time limit above which an accepted submission is too close to it. */
const CLOSE_TO_LIMIT = 0.8;

export interface ReportOptions {
  /** By default true: everything has a verdict. */
  readonly isComplete?: boolean;
  readonly selection?: GradingSelection;
}

/** `expectedOf` returns the expected verdict of a submission, or null. */
export function buildReport(
  graded: readonly GradedProblem[],
  expectedOf: (problemPath: string, label: string) => string | null,
  { isComplete = true, selection = WHOLE }: ReportOptions = {},
): GradingReport {
  return {
    version: 1,
    isComplete,
    selection,
    problems: graded.map((one) => problemReport(one, expectedOf, selection)),
  };
}

function problemReport(
  { problem, timeLimitNote, contentHash, submissions }: GradedProblem,
  expectedOf: (problemPath: string, label: string) => string | null,
  { tests }: GradingSelection,
): ProblemReport {
  const best = problem.best.problem;
  return {
    name: problem.name,
    path: problem.path,
    formatVersion: problem.version,
    limits: problem.limits,
    timeLimitNote,
    isScoring: problem.isScoring,
    maxScore: best,
    ignored: problem.ignored,
    contentHash,
    submissions: submissions.map((one) => {
      const { label, path } = one.submission;
      // The tests that are left out may be those that were expected to fail.
      const isComparable = one.isFinished && tests.length === 0;
      const verdict = isComparable ? expectedOf(problem.path, label) : null;
      return {
        label,
        path,
        ...(isComparable ? expectationOf(one, verdict, best) : { expected: null, mismatch: null }),
        ...outcomeSoFar(one),
        isCloseToLimit: isCloseToLimit(one, problem.limits.cpuMs),
        key: one.key,
      };
    }),
  };
}

/** Tests that did not run count as passed until they do: points and verdicts of them would be too good. */
function outcomeSoFar({
  outcome,
  isFinished,
}: GradedSubmission): Omit<SubmissionOutcome, 'verdict'> & { verdict: Verdict | null } {
  return isFinished ? outcome : { ...outcome, verdict: null, score: null, groups: [] };
}

function isCloseToLimit({ outcome, isFinished }: GradedSubmission, cpuMs: number): boolean {
  return isFinished && outcome.verdict === 'AC' && outcome.slowestCpuMs > CLOSE_TO_LIMIT * cpuMs;
}

function expectationOf(
  { submission: { expectation }, outcome }: GradedSubmission,
  verdict: string | null,
  best: number | null,
): Pick<SubmissionReport, 'expected' | 'mismatch'> {
  if (verdict !== null) {
    return { expected: verdict, mismatch: verdict === outcome.verdict ? null : `${verdict} is expected` };
  }
  if (expectation === null) return { expected: null, mismatch: null };
  return { expected: expectation.text, mismatch: mismatchOf(expectation, outcome, best) };
}
