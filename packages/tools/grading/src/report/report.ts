import type { Limits } from '@sandpiper/contracts';
import { mismatchOf } from '../judge/expected.js';
import type { SubmissionOutcome } from '../judge/outcome.js';
import type { Submission } from '../submissions/submission.js';
import type { GradedProblem } from '../pipeline/pipeline.js';

/** The report that `--json` writes. Times in milliseconds, memory in bytes. */
export interface GradingReport {
  readonly version: 1;
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
  readonly submissions: readonly SubmissionReport[];
}

export interface SubmissionReport extends SubmissionOutcome {
  readonly label: string;
  readonly path: string;
  /** What `expected.json` of the class or the package expects; null where neither does. */
  readonly expected: string | null;
  /** How the result differs from that; null where it does not. */
  readonly mismatch: string | null;
}

/** `expectedOf` returns the expected verdict of a submission, or null. */
export function buildReport(
  graded: readonly GradedProblem[],
  expectedOf: (problemPath: string, label: string) => string | null,
): GradingReport {
  return {
    version: 1,
    problems: graded.map(({ problem, timeLimitNote, submissions }) => ({
      name: problem.name,
      path: problem.path,
      formatVersion: problem.version,
      limits: problem.limits,
      timeLimitNote,
      isScoring: problem.isScoring,
      maxScore: problem.best.problem,
      ignored: problem.ignored,
      submissions: submissions.map(({ submission, outcome }) => ({
        label: submission.label,
        path: submission.path,
        ...expectationOf(
          submission,
          outcome,
          expectedOf(problem.path, submission.label),
          problem.best.problem,
        ),
        ...outcome,
      })),
    })),
  };
}

function expectationOf(
  { expectation }: Submission,
  outcome: SubmissionOutcome,
  verdict: string | null,
  best: number | null,
): Pick<SubmissionReport, 'expected' | 'mismatch'> {
  if (verdict !== null) {
    return { expected: verdict, mismatch: verdict === outcome.verdict ? null : `${verdict} is expected` };
  }
  if (expectation === null) return { expected: null, mismatch: null };
  return { expected: expectation.text, mismatch: mismatchOf(expectation, outcome, best) };
}
