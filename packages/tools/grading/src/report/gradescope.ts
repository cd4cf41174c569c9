import type { TestOutcome, TestVisibility } from '../judge/verdict.js';
import { visibilityOf } from './for-students.js';
import type { GradingReport, ProblemReport, SubmissionReport } from './report.js';

/** A results.json of Gradescope: what this writes of it. */
interface GradescopeResults {
  readonly score: number;
  readonly max_score?: number;
  readonly output: string;
  readonly visibility: TestVisibility;
  readonly stdout_visibility: TestVisibility;
  readonly tests: readonly GradescopeTest[];
}

interface GradescopeTest {
  readonly name: string;
  readonly number?: string;
  readonly score?: number;
  readonly max_score?: number;
  readonly status?: 'passed' | 'failed';
  readonly output: string;
  readonly visibility: TestVisibility;
}

const MAX_OUTPUT = 4096;

/**
 * The results.json of one submission; null where there is no result that a student could be given: judging was stopped, or
 * the judge failed.
 * @param secret who sees the secret tests and the points of their groups
 */
export function gradescopeOf(
  problem: ProblemReport,
  submission: SubmissionReport,
  secret: TestVisibility,
): string | null {
  const { verdict, tests } = submission;
  if (verdict === null || verdict === 'JE') return null;
  const results: GradescopeResults = {
    ...pointsOf(problem, submission),
    output: summaryOf(submission),
    visibility: 'visible',
    stdout_visibility: 'hidden',
    tests: [
      ...groupEntries(submission, secret),
      ...tests.map((test) => testEntry(test, problem.isScoring, secret)),
    ],
  };
  return `${JSON.stringify(results, null, 2)}\n`;
}

/** A problem without points is worth one. */
function pointsOf(
  { isScoring }: ProblemReport,
  { verdict, score, maxScore }: SubmissionReport,
): { score: number; max_score?: number } {
  if (!isScoring) return { score: verdict === 'AC' ? 1 : 0, max_score: 1 };
  return { score: score ?? 0, ...(maxScore === null ? {} : { max_score: maxScore }) };
}

function summaryOf({ verdict, fault, passed, total, tests }: SubmissionReport): string {
  if (fault !== null) return shortened(fault);
  const stopped = tests.length < total ? `; judging stopped after ${tests.length} of ${total} tests` : '';
  return `${verdict ?? ''}: passed ${passed} of ${total} tests${stopped}.`;
}

function groupEntries({ groups }: SubmissionReport, secret: TestVisibility): GradescopeTest[] {
  return groups.flatMap(({ group, verdict, score, maxScore }) => {
    if (score === null || group.split('/').length < 3) return [];
    const points = maxScore === null ? { score } : { score, max_score: maxScore };
    const output = verdict === null ? 'not judged' : verdict;
    return [{ name: group.replace(/^data\//, ''), ...points, output, visibility: secret }];
  });
}

function testEntry(test: TestOutcome, isScoring: boolean, secret: TestVisibility): GradescopeTest {
  const isPassed = test.verdict === 'AC';
  const points = isScoring
    ? test.score === undefined
      ? {}
      : { score: test.score, ...(test.maxScore === undefined ? {} : { max_score: test.maxScore }) }
    : { score: isPassed ? 1 : 0, max_score: 1 };
  const message = test.teamMessage === undefined ? '' : `\n${test.teamMessage}`;
  return {
    name: test.test,
    ...(test.number === undefined ? {} : { number: test.number }),
    ...points,
    status: isPassed ? 'passed' : 'failed',
    output: shortened(`${test.verdict}${test.reason === null ? '' : `: ${test.reason}`}${message}`),
    visibility: visibilityOf(test.test, test.visibility, secret),
  };
}

const shortened = (text: string): string =>
  text.length <= MAX_OUTPUT ? text : `${text.slice(0, MAX_OUTPUT)}... (shortened)`;

/** Submissions of which {@link gradescopeOf} gives nothing. */
export function withoutGradescope(report: GradingReport): number {
  return report.problems
    .flatMap(({ submissions }) => submissions)
    .filter(({ verdict }) => verdict === null || verdict === 'JE').length;
}
