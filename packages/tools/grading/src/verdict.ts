import {
  bytesOf,
  cpuWaitLine,
  refusalLine,
  type RunResult,
  type RunStatus,
  STACK_OVERFLOW_MESSAGE,
  textOf,
} from '@sandpiper/contracts';
import { compareOutput, type CheckerOptions } from './checker.js';

/** The grader's verdict on a run. JE: the judge failed, not the program. */
export const VERDICTS = ['AC', 'WA', 'TLE', 'MLE', 'RTE', 'OLE', 'JE'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Statuses that decide the verdict; for `ok` the checker decides. */
const VERDICT_OF_STATUS: Readonly<Record<Exclude<RunStatus, 'ok'>, Verdict>> = {
  'runtime-error': 'RTE',
  'time-limit': 'TLE',
  'wall-limit': 'TLE',
  'memory-limit': 'MLE',
  'output-limit': 'OLE',
  'disk-limit': 'RTE',
  'syscall-limit': 'RTE',
  violation: 'RTE',
  cancelled: 'JE',
  'internal-error': 'JE',
};

/** One test of a problem. Names are `sample/1` or `secret/03`. */
export interface TestCase {
  readonly name: string;
  readonly input: Buffer;
  readonly answer: Buffer;
}

export interface TestOutcome {
  readonly test: string;
  readonly verdict: Verdict;
  readonly status: RunStatus;
  /** The reason in one line, null for AC. May contain text of the guest: escape it before display. */
  readonly reason: string | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly peakMemoryBytes: number;
  /** That it met its wall limit because it waited for a CPU: the verdict may be wrong. */
  readonly unreliable?: string;
}

export interface SubmissionOutcome {
  readonly verdict: Verdict;
  readonly passed: number;
  readonly total: number;
  readonly slowestCpuMs: number;
  readonly peakMemoryBytes: number;
  /** The first failing test, which decides the verdict. */
  readonly firstFailure: TestOutcome | null;
  readonly tests: readonly TestOutcome[];
}

/** The verdict of one run on one test. */
export function gradeRun(result: RunResult, test: TestCase, checker: CheckerOptions): TestOutcome {
  const difference = result.status === 'ok' ? checkOutput(result, test, checker) : null;
  const verdict = verdictOf(result.status, difference);
  const unreliable = cpuWaitLine(result);
  return {
    test: test.name,
    verdict,
    status: result.status,
    reason: verdict === 'AC' ? null : withRefusal(difference ?? reasonOf(result), result),
    exitCode: result.exitCode,
    signal: result.signal,
    cpuMs: result.usage.cpuMs,
    wallMs: result.usage.wallMs,
    peakMemoryBytes: result.usage.peakMemoryBytes,
    ...(unreliable === null ? {} : { unreliable }),
  };
}

/** `outcomes` in the order of the tests: samples first, each group in natural order. */
export function gradeSubmission(outcomes: readonly TestOutcome[]): SubmissionOutcome {
  const firstFailure = outcomes.find((outcome) => outcome.verdict !== 'AC') ?? null;
  return {
    verdict: firstFailure?.verdict ?? 'AC',
    passed: outcomes.filter((outcome) => outcome.verdict === 'AC').length,
    total: outcomes.length,
    slowestCpuMs: outcomes.reduce((most, outcome) => Math.max(most, outcome.cpuMs), 0),
    peakMemoryBytes: outcomes.reduce((most, outcome) => Math.max(most, outcome.peakMemoryBytes), 0),
    firstFailure,
    tests: outcomes,
  };
}

function verdictOf(status: RunStatus, difference: string | null): Verdict {
  if (status !== 'ok') return VERDICT_OF_STATUS[status];
  return difference === null ? 'AC' : 'WA';
}

function checkOutput(result: RunResult, test: TestCase, checker: CheckerOptions): string | null {
  // A server may keep less output than the limit allows: truncated output cannot be judged right.
  if (result.stdoutTruncated) return 'the output is longer than the server stores';
  return compareOutput(bytesOf(result, 'stdout'), test.answer, checker);
}

/** A program that got no thread, process or socket may fail in ways that do not say so. */
function withRefusal(reason: string, result: RunResult): string {
  const refusal = refusalLine(result.refused);
  return refusal === null ? reason : `${reason} (${refusal})`;
}

/** The last line of a traceback names the exception, which helps an author most. */
function reasonOf(result: RunResult): string {
  const why = result.message ?? result.status;
  if (result.status !== 'runtime-error') return `${result.status}: ${why}`;
  if (why === STACK_OVERFLOW_MESSAGE) return why;
  const lastLine = textOf(result, 'stderr').trimEnd().split('\n').at(-1)?.trim();
  if (lastLine !== undefined && lastLine !== '') return lastLine.slice(0, 500);
  if (result.signal !== null) return `died of ${result.signal}`;
  return result.exitCode === null ? why : `exit code ${result.exitCode}`;
}
