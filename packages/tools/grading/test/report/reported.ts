import type { SubmissionOutcome } from '../../src/judge/outcome.js';
import type { TestOutcome } from '../../src/judge/verdict.js';
import type { GradedProblem, GradedSubmission } from '../../src/pipeline/pipeline.js';
import { buildReport, type GradingReport, type ReportOptions } from '../../src/report/report.js';
import { problemWith, submissionOf } from '../graded.js';
import { outcomeOf } from '../results.js';

/** What judging gives for these tests. */
export function summaryOf(
  tests: readonly TestOutcome[],
  more: Partial<SubmissionOutcome> = {},
): SubmissionOutcome {
  const failure = tests.find((one) => one.verdict !== 'AC') ?? null;
  return {
    verdict: failure?.verdict ?? 'AC',
    passed: tests.filter((one) => one.verdict === 'AC').length,
    total: tests.length,
    slowestCpuMs: Math.max(0, ...tests.map((one) => one.cpuMs)),
    peakMemoryBytes: 3 * 2 ** 20,
    firstFailure: failure,
    fault: null,
    score: null,
    maxScore: null,
    groups: [],
    tests,
    ...more,
  };
}

export const gradedRow = (
  label: string,
  outcome: SubmissionOutcome,
  more: Partial<GradedSubmission> = {},
): GradedSubmission => ({ submission: submissionOf(label), outcome, isFinished: true, key: null, ...more });

export function gradedAs(
  submissions: readonly GradedSubmission[],
  isScoring = false,
  name = 'Sums',
): GradedProblem {
  const best = { problem: isScoring ? 100 : null, groups: new Map<string, number | null>() };
  const problem = { ...problemWith([]), isScoring, best, name };
  return { problem, timeLimitNote: null, contentHash: null, submissions };
}

export const reportOf = (problems: readonly GradedProblem[], options: ReportOptions = {}): GradingReport =>
  buildReport(problems, () => null, options);

/** A failed test whose reason quotes it, as the default validator says it. */
export const wrongAnswer = (test: string): TestOutcome =>
  outcomeOf(test, 'WA', { reason: 'line 3: expected "SECRET", got "GOT"' });
