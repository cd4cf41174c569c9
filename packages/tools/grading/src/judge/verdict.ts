import {
  bytesOf,
  cpuWaitLine,
  refusalLine,
  type RunResult,
  type RunStatus,
  type Utterance,
  STACK_OVERFLOW_MESSAGE,
  type TestVisibility,
  textOf,
  type Verdict,
} from '@sandpiper/contracts';

export { TEST_VISIBILITIES, type TestVisibility, VERDICTS, type Verdict } from '@sandpiper/contracts';

/** Statuses that decide the verdict; for `ok` the output does. */
const VERDICT_OF_STATUS: Readonly<Record<Exclude<RunStatus, 'ok'>, Verdict>> = {
  'runtime-error': 'RTE',
  'time-limit': 'TLE',
  'wall-limit': 'TLE',
  'memory-limit': 'MLE',
  'output-limit': 'OLE',
  'disk-limit': 'RTE',
  'syscall-limit': 'RTE',
  violation: 'RTE',
  deadlock: 'TLE',
  cancelled: 'JE',
  'internal-error': 'JE',
};

/** What is said of the output of a run that ended well. */
export interface OutputJudgement {
  readonly verdict: Extract<Verdict, 'AC' | 'WA' | 'RTE' | 'JE'>;
  /** One line; null for AC. */
  readonly reason: string | null;
  /** Points of the test, from a validator that gives them. */
  readonly score?: number;
  /** The part of the test's points that it earns, 0 to 1, from a validator. */
  readonly scoreMultiplier?: number;
  /** For judges, whole, from a validator. */
  readonly judgeMessage?: string | null;
  /** For the author of the submission, from a validator. */
  readonly teamMessage?: string | null;
}

/** A run, and what is said of its output; null where the run itself decides. */
export interface JudgedRun {
  readonly result: RunResult;
  readonly judgement: OutputJudgement | null;
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
  readonly score?: number;
  readonly scoreMultiplier?: number;
  /** What can be won, who may see it, and a number for people, of a test of a course. */
  readonly maxScore?: number;
  readonly visibility?: TestVisibility;
  readonly number?: string;
  /** judgemessage.txt and teammessage.txt of the output validator, where it wrote them. */
  readonly judgeMessage?: string;
  readonly teamMessage?: string;
  /** That it met its wall limit because it waited for a CPU: the verdict may be wrong. */
  readonly unreliable?: string;
  /** What an interactive program and its validator said, where the test failed; its beginning, if it is long. */
  readonly conversation?: readonly Utterance[];
}

/** Whether the verdict depends on the output: the run ended by itself with exit code 0. */
export const needsJudgement = (result: RunResult): boolean => result.status === 'ok';

/**
 * The verdict of one run on one test.
 * @param judgement of the output where it decides, as {@link needsJudgement} says; null where the run does
 * @param files of the program, to tell its own syntax errors from those of what it evaluates
 */
export function gradeRun(
  result: RunResult,
  test: string,
  judgement: OutputJudgement | null,
  files: ReadonlySet<string>,
): TestOutcome {
  const verdict = verdictOf(result, judgement, files);
  const unreliable = cpuWaitLine(result);
  return {
    test,
    verdict,
    status: result.status,
    reason: verdict === 'AC' ? null : withRefusal(judgement?.reason ?? reasonOf(result), result),
    exitCode: result.exitCode,
    signal: result.signal,
    cpuMs: result.usage.cpuMs,
    wallMs: result.usage.wallMs,
    peakMemoryBytes: result.usage.peakMemoryBytes,
    ...detailsOf(judgement),
    ...(unreliable === null ? {} : { unreliable }),
    ...(verdict === 'AC' || result.conversation === undefined ? {} : { conversation: result.conversation }),
  };
}

/** Of a submit-answer problem, a test to which the submission has no answer: nothing ran. */
export function unanswered(test: string): TestOutcome {
  return {
    test,
    verdict: 'WA',
    status: 'ok',
    reason: 'the submission has no answer to this test',
    exitCode: null,
    signal: null,
    cpuMs: 0,
    wallMs: 0,
    peakMemoryBytes: 0,
  };
}

function detailsOf(judgement: OutputJudgement | null): Partial<TestOutcome> {
  if (judgement === null) return {};
  const { score, scoreMultiplier, judgeMessage, teamMessage } = judgement;
  return {
    ...(score === undefined ? {} : { score }),
    ...(scoreMultiplier === undefined ? {} : { scoreMultiplier }),
    ...(typeof judgeMessage === 'string' ? { judgeMessage } : {}),
    ...(typeof teamMessage === 'string' ? { teamMessage } : {}),
  };
}

/** The output of a run, or null where a server kept less of it than there was: it cannot be judged right. */
export function outputOf(result: RunResult): Buffer | null {
  return result.stdoutTruncated ? null : bytesOf(result, 'stdout');
}

function verdictOf(
  result: RunResult,
  judgement: OutputJudgement | null,
  files: ReadonlySet<string>,
): Verdict {
  if (judgement !== null) return judgement.verdict;
  if (result.status === 'ok') return 'JE';
  if (result.status === 'runtime-error' && isSyntaxError(result, files)) return 'CE';
  return VERDICT_OF_STATUS[result.status];
}

/** Python compiles when it runs. A file of the program that is no Python ends it with this error and a place in the file. */
function isSyntaxError(result: RunResult, files: ReadonlySet<string>): boolean {
  if (result.signal !== null || result.exitCode !== 1) return false;
  const stderr = textOf(result, 'stderr').trimEnd();
  const last = stderr.slice(stderr.lastIndexOf('\n') + 1);
  if (!/^(SyntaxError|IndentationError|TabError)\b/.test(last)) return false;
  const place = [...stderr.matchAll(/^ *File "([^"\n]*)"/gm)].at(-1)?.[1];
  // An encoding that is wrong has no place.
  return place === undefined || files.has(place.replace(/^\/box\//, ''));
}

const DEADLOCK_REASON =
  'deadlock: the program and the validator both wait for input (a program must flush what it prints)';

/** A program that got no thread, process or socket may fail in ways that do not say so. */
function withRefusal(reason: string, result: RunResult): string {
  const refusal = refusalLine(result.refused);
  return refusal === null ? reason : `${reason} (${refusal})`;
}

/** The last line of a traceback names the exception, which helps an author most. */
function reasonOf(result: RunResult): string {
  const why = result.message ?? result.status;
  if (result.status === 'time-limit') return `CPU time: more than ${seconds(result.limits.cpuMs)}`;
  if (result.status === 'wall-limit') {
    return `elapsed time: more than ${seconds(result.limits.wallMs)}, with ${seconds(result.usage.cpuMs)} of CPU time`;
  }
  if (result.status === 'deadlock') return DEADLOCK_REASON;
  if (result.status !== 'runtime-error') return `${result.status}: ${why}`;
  if (why === STACK_OVERFLOW_MESSAGE) return why;
  const lastLine = textOf(result, 'stderr').trimEnd().split('\n').at(-1)?.trim();
  if (lastLine !== undefined && lastLine !== '') return lastLine.slice(0, 500);
  if (result.signal !== null) return `died of ${result.signal}`;
  return result.exitCode === null ? why : `exit code ${result.exitCode}`;
}

const seconds = (ms: number): string => `${Number((ms / 1000).toFixed(3))} s`;
