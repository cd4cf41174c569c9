import { matchesGlob } from '../submissions/glob.js';
import type { ExpectedOutcome, FormatVerdict, TestsExpectation } from '../submissions/submission.js';
import type { SubmissionOutcome } from './outcome.js';
import type { TestOutcome, Verdict } from './verdict.js';

/** The four verdicts of the format; null for a failure of the judge, which nobody expects. */
export function formatVerdictOf(verdict: Verdict): FormatVerdict | null {
  if (verdict === 'JE') return null;
  return verdict === 'AC' || verdict === 'WA' || verdict === 'TLE' ? verdict : 'RTE';
}

/**
 * Whether a failure settles what a submission is expected to do: with it the rest need not run. A submission that may be
 * wrong but must be too slow runs on after a wrong answer.
 */
export function settles(expectation: ExpectedOutcome | null, outcome: TestOutcome): boolean {
  const verdict = formatVerdictOf(outcome.verdict);
  if (expectation === null || verdict === null) return true;
  // What is said of some tests, and of points, needs them all.
  if (expectation.isPartial || expectation.score !== null) return false;
  if (expectation.rules.some(({ tests, message }) => tests !== null || message !== null)) return false;
  return expectation.rules.every(
    ({ permitted, required }) => required.has(verdict) || !permitted.has(verdict),
  );
}

/** null when a submission did what its package expects of it, else one line. */
export function mismatchOf(
  expectation: ExpectedOutcome,
  outcome: SubmissionOutcome,
  best: number | null,
): string | null {
  if (expectation.isPartial) return partialMismatch(outcome, best);
  for (const rule of expectation.rules) {
    const fault = ruleMismatch(rule, outcome);
    if (fault !== null) return fault;
  }
  const { score } = expectation;
  if (score !== null && !isWithin(outcome.score, score)) {
    return `a score of ${score[0]}${score[0] === score[1] ? '' : ` to ${score[1]}`} is expected, not ${outcome.score ?? 'none'}`;
  }
  return null;
}

const isWithin = (score: number | null, [low, high]: readonly [number, number]): boolean =>
  score !== null && score >= low - 1e-9 && score <= high + 1e-9;

function partialMismatch({ verdict, score }: SubmissionOutcome, best: number | null): string | null {
  if (verdict !== 'AC') return `${verdict}, but some points are expected`;
  return best !== null && score === best ? `all of the ${best} points, but fewer are expected` : null;
}

function ruleMismatch(
  { tests, permitted, required, message }: TestsExpectation,
  outcome: SubmissionOutcome,
): string | null {
  const ran = outcome.fault === null ? verdictsOf(outcome.tests, tests) : [['', 'RTE'] as const];
  const wrong = ran.find(([, verdict]) => verdict === null || !permitted.has(verdict));
  if (wrong !== undefined) return `${wrong[0]}: ${wrong[1] ?? 'JE'}, which is not permitted`;
  if (ran.length > 0 && !ran.some(([, verdict]) => verdict !== null && required.has(verdict)))
    return `no test has the verdict ${[...required].join(' or ')}${tests === null ? '' : ` in ${tests}`}`;
  const messages = pickedFrom(outcome.tests, tests).map(({ judgeMessage }) => judgeMessage ?? '');
  if (message !== null && !messages.some((text) => text.includes(message)))
    return `no judgemessage.txt contains ${JSON.stringify(message)}`;
  return null;
}

function pickedFrom(outcomes: readonly TestOutcome[], tests: string | null): readonly TestOutcome[] {
  return tests === null ? outcomes : outcomes.filter(({ test }) => matchesGlob(tests, test));
}

function verdictsOf(
  outcomes: readonly TestOutcome[],
  tests: string | null,
): (readonly [string, FormatVerdict | null])[] {
  return pickedFrom(outcomes, tests).map(({ test, verdict }) => [test, formatVerdictOf(verdict)]);
}
