import type { TestOutcome, TestVisibility, Verdict } from '../judge/verdict.js';
import type { GradingReport, SubmissionReport } from './report.js';

/** Samples are part of the statement, so all may see what is in them; a course says it of each of its tests. */
export function visibilityOf(
  test: string,
  ofCourse: TestVisibility | undefined,
  secret: TestVisibility,
): TestVisibility {
  return ofCourse ?? (test.startsWith('sample/') ? 'visible' : secret);
}

/** Whether students may read what a test is and what came out of it. */
export const isSeenTest = (test: string, ofCourse: TestVisibility | undefined): boolean =>
  visibilityOf(test, ofCourse, 'hidden') === 'visible';

/**
 * The report as students may read it: what is said of a secret test quotes neither the test nor what the program wrote,
 * which may be the test, since a program can raise `ValueError(input())`.
 */
export function reportForStudents(report: GradingReport): GradingReport {
  return {
    ...report,
    problems: report.problems.map((problem) => ({
      ...problem,
      submissions: problem.submissions.map(submissionForStudents),
    })),
  };
}

function submissionForStudents(submission: SubmissionReport): SubmissionReport {
  const { tests, firstFailure, mismatch } = submission;
  return {
    ...submission,
    tests: tests.map(testForStudents),
    firstFailure: firstFailure === null ? null : testForStudents(firstFailure),
    mismatch: mismatch === null ? null : 'is not as expected',
  };
}

/** Keeps only the validator's message to the student. Fields are named one by one, so that a new one is left out. */
function testForStudents(test: TestOutcome): TestOutcome {
  if (isSeenTest(test.test, test.visibility)) return test;
  const { verdict, status, cpuMs, wallMs, peakMemoryBytes } = test;
  return {
    ...{ test: test.test, verdict, status, cpuMs, wallMs, peakMemoryBytes },
    ...{ reason: publicReason(test), exitCode: null, signal: null },
    ...given('score', test.score),
    ...given('scoreMultiplier', test.scoreMultiplier),
    ...given('maxScore', test.maxScore),
    ...given('visibility', test.visibility),
    ...given('number', test.number),
    ...given('teamMessage', test.teamMessage),
    ...given('unreliable', test.unreliable),
  };
}

/** A field, where it has a value. */
function given<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { [Field in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { [Field in Name]: Value });
}

const REASONS: Readonly<Record<Exclude<Verdict, 'AC' | 'TLE'>, string>> = {
  WA: 'wrong answer',
  MLE: 'more memory than allowed',
  OLE: 'more output than allowed',
  RTE: 'run-time error',
  CE: 'does not compile',
  JE: 'the judge failed, not the program',
};

const LATE: Readonly<Partial<Record<TestOutcome['status'], string>>> = {
  'wall-limit': 'more elapsed time than allowed',
  deadlock: 'deadlock: the program and the validator both wait for input',
};

function publicReason({ verdict, status, reason }: TestOutcome): string | null {
  if (verdict === 'AC') return null;
  if (verdict === 'TLE') return LATE[status] ?? 'more CPU time than allowed';
  const detail =
    verdict === 'WA' ? placeIn(reason) : verdict === 'RTE' || verdict === 'CE' ? errorIn(reason) : null;
  return detail === null ? REASONS[verdict] : `${REASONS[verdict]} (${detail})`;
}

/** The line in which the default validator found the first difference. */
function placeIn(reason: string | null): string | null {
  return /^line \d{1,9}(?=: expected )/.exec(reason ?? '')?.[0] ?? null;
}

/** Names of exceptions of Python itself: any other is text of the program. */
const KNOWN_ERRORS: ReadonlySet<string> = new Set(
  (
    'ArithmeticError AssertionError AttributeError EOFError FileExistsError FileNotFoundError FloatingPointError ' +
    'ImportError IndentationError IndexError IsADirectoryError KeyError LookupError MemoryError ModuleNotFoundError ' +
    'NameError NotADirectoryError NotImplementedError OSError OverflowError PermissionError RecursionError RuntimeError ' +
    'StopIteration SyntaxError SystemError TabError TypeError UnboundLocalError UnicodeDecodeError UnicodeEncodeError ' +
    'UnicodeError ValueError ZeroDivisionError'
  ).split(' '),
);

function errorIn(reason: string | null): string | null {
  const name = /^[A-Za-z]{1,40}/.exec(reason ?? '')?.[0];
  return name !== undefined && KNOWN_ERRORS.has(name) ? name : null;
}
