import { mismatchOf } from '../judge/expected.js';
import { limitsFor } from '../package/limits.js';
import type { Problem } from '../package/problem.js';
import { type GradedProblem, gradeAll, type GradingOptions } from '../pipeline/pipeline.js';
import type { GradingService } from '../pipeline/service.js';
import type { ExpectedOutcome } from '../submissions/submission.js';
import type { Findings } from './findings.js';

/** A submission of the package, and what came of it. */
export interface VerifiedSubmission {
  readonly submission: string;
  readonly expected: string | null;
  readonly verdict: string;
  readonly score: number | null;
  readonly slowestCpuMs: number;
  /** null: as expected, or nothing is expected. */
  readonly mismatch: string | null;
}

export interface VerifiedSubmissions {
  readonly problem: Problem;
  readonly timeLimitNote: string | null;
  readonly submissions: readonly VerifiedSubmission[];
}

/** Runs every submission of the package, and those that must be too slow once more with more time. */
export async function checkSubmissions(
  service: GradingService,
  problem: Problem,
  options: GradingOptions,
  findings: Findings,
): Promise<VerifiedSubmissions> {
  const jobs = [{ problem, submissions: problem.examples, ignored: [] }];
  const [graded] = await gradeAll(service, jobs, options);
  if (graded === undefined) throw new Error('the problem was not graded');
  const submissions = graded.submissions.map(({ submission, outcome }): VerifiedSubmission => {
    const { expectation, label } = submission;
    const mismatch =
      expectation === null ? null : mismatchOf(expectation, outcome, graded.problem.best.problem);
    if (outcome.verdict === 'JE')
      findings.error(
        'submissions',
        label,
        `JE: ${outcome.fault ?? outcome.firstFailure?.reason ?? ''}`,
        label,
      );
    else if (mismatch !== null) findings.error('submissions', label, mismatch, label);
    else if (expectation === null)
      findings.warning('submissions', label, 'nothing says what is expected of it');
    return {
      submission: label,
      expected: expectation?.text ?? null,
      verdict: outcome.verdict,
      score: outcome.score,
      slowestCpuMs: outcome.slowestCpuMs,
      mismatch,
    };
  });
  checkAcceptedTimes(graded, findings);
  await checkSlowTimes(service, graded, options, findings);
  return { problem: graded.problem, timeLimitNote: graded.timeLimitNote, submissions };
}

const permitsOnly = (expectation: ExpectedOutcome | null, verdict: 'AC' | 'TLE'): boolean =>
  expectation !== null &&
  expectation.rules.length > 0 &&
  expectation.rules.every(({ permitted, required }) =>
    verdict === 'AC'
      ? permitted.size === 1 && permitted.has('AC')
      : required.size === 1 && required.has('TLE'),
  );

/** A limit near what right submissions need makes the verdict a matter of the host. */
function checkAcceptedTimes({ problem, submissions }: GradedProblem, findings: Findings): void {
  const { timing } = problem.limitSettings;
  // A limit that was made of these times has the room that the format asks.
  if (timing.cpuMs === null) return;
  for (const { submission, outcome } of submissions) {
    if (outcome.verdict !== 'AC' || !permitsOnly(submission.expectation, 'AC')) continue;
    const factor = problem.limits.cpuMs / outcome.slowestCpuMs;
    if (factor >= timing.acToTimeLimit) continue;
    findings.warning(
      'submissions',
      submission.label,
      `needs ${seconds(outcome.slowestCpuMs)}; the limit of ${seconds(problem.limits.cpuMs)} is ${factor.toFixed(1)} times that, not ${timing.acToTimeLimit}`,
      'near limit',
    );
  }
}

/** What must be too slow should be so with more time, too. */
async function checkSlowTimes(
  service: GradingService,
  { problem, submissions }: GradedProblem,
  options: GradingOptions,
  findings: Findings,
): Promise<void> {
  const slow = submissions
    .filter(
      ({ submission, outcome }) => outcome.verdict === 'TLE' && permitsOnly(submission.expectation, 'TLE'),
    )
    .map(({ submission }) => submission);
  if (slow.length === 0) return;
  const factor = problem.limitSettings.timing.timeLimitToTle;
  const cpuMs = Math.ceil(problem.limits.cpuMs * factor);
  const roomy = withLimit(problem, cpuMs);
  const [again] = await gradeAll(service, [{ problem: roomy, submissions: slow, ignored: [] }], options);
  for (const { submission, outcome } of again?.submissions ?? []) {
    const isStillSlow = outcome.tests.some(({ verdict }) => verdict === 'TLE');
    if (isStillSlow) continue;
    findings.warning(
      'submissions',
      submission.label,
      `is fast enough with a limit of ${seconds(cpuMs)}, ${factor} times that of the problem`,
      'not slow enough',
    );
  }
}

function withLimit(problem: Problem, cpuMs: number): Problem {
  const { limitSettings } = problem;
  const settings = { ...limitSettings, timing: { ...limitSettings.timing, cpuMs } };
  return { ...problem, limitSettings: settings, limits: limitsFor(settings, cpuMs) };
}

const seconds = (ms: number): string => `${Number((ms / 1000).toFixed(2))} s`;
