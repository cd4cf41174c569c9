import type {
  GradingReport,
  GradingSelection,
  ProblemReport,
  SubmissionReport,
  TestOutcome,
} from '@sandpiper/grading';
import type { Colour } from '../terminal/colour.js';
import { escapeForTerminal } from '../terminal/escape.js';
import { type Column, leastWidth, renderTable, shortenedTo, wrapped } from '../terminal/table.js';

/** Below a table, of each kind. */
const MAX_NOTES = 5;
/** Columns of the table of groups. */
const MAX_GROUPS = 8;
/** Narrower terminals wrap lines themselves. */
const MIN_WIDTH = 40;
/** Notes have a terminal's width where there is no terminal. */
const NOTE_WIDTH = 80;

export interface RenderOptions {
  /** Columns of the terminal; Infinity where there is none. */
  readonly width: number;
  readonly isColoured: boolean;
}

type Submission = Column<SubmissionReport>;

/** The tables for the terminal. Text of a guest is always escaped. */
export function renderGradingReport(
  report: GradingReport,
  { width: given, isColoured }: RenderOptions = { width: Infinity, isColoured: false },
): string {
  const options = { width: Math.max(MIN_WIDTH, given), isColoured };
  const parts = report.problems.map((problem) => renderProblem(problem, options));
  const submissions = report.problems.flatMap((p) => p.submissions);
  const foretold = submissions.filter((s) => s.expected !== null);
  const last = [...selectionLines(report.selection)];
  if (foretold.length > 0) {
    const right = foretold.filter((s) => s.mismatch === null).length;
    last.push(`${right} of ${foretold.length} verdicts are as expected.`);
  }
  if (!report.isComplete) {
    const judged = submissions.filter(({ verdict }) => verdict !== null).length;
    last.push(
      `Incomplete: judging was stopped, and ${judged} of ${submissions.length} submissions have a verdict.`,
    );
  }
  if (last.length > 0) parts.push(`${last.flatMap((line) => noteLines(line, options)).join('\n')}\n`);
  return parts.join('\n');
}

function selectionLines({ tests, submissions, cpuMs, memoryBytes }: GradingSelection): string[] {
  const listed = (patterns: readonly string[]): string =>
    patterns.map((pattern) => escapeForTerminal(pattern, 60)).join(' ');
  return [
    ...(tests.length === 0
      ? []
      : [`Only these tests ran: ${listed(tests)}; verdicts and points are theirs.`]),
    ...(submissions.length === 0 ? [] : [`Only these submissions were judged: ${listed(submissions)}`]),
    ...(cpuMs === null ? [] : [`The time limit is ${cpuMs / 1000} s, by --time-limit.`]),
    ...(memoryBytes === null ? [] : [`The memory limit is ${mebibytes(memoryBytes)}, by --memory.`]),
  ];
}

function renderProblem(problem: ProblemReport, options: RenderOptions): string {
  const lines = [
    shortenedTo(escapeForTerminal(problem.name, 100), options.width),
    ...(problem.timeLimitNote === null ? [] : noteLines(problem.timeLimitNote, options)),
    renderTable(columnsOf(problem), problem.submissions, { ...options, remark: FAILURE }),
    ...groupTables(problem, options),
    ...[
      ...limited(closeLines(problem), 'submissions that are close to the limit'),
      ...limited(unreliableLines(problem), 'unreliable'),
    ].flatMap((line) => noteLines(line, options)),
  ];
  return `${lines.join('\n')}\n`;
}

/** Wraps at words. */
function noteLines(text: string, { width }: RenderOptions): string[] {
  return wrapped(text, Math.min(width, Math.max(NOTE_WIDTH, MIN_WIDTH)), 8);
}

const LABEL: Submission = {
  head: 'submission',
  align: 'left',
  cell: ({ label }) =>
    label.includes('/') ? lastPart(escapeForTerminal(label), 60) : escapeForTerminal(label, 60),
  keepsEnd: ({ label }) => label.includes('/'),
  atLeast: 16,
};

const FAILURE = {
  head: 'first failure',
  align: 'left',
  cell: (submission: SubmissionReport) => failureText(submission, 72),
  below: (submission: SubmissionReport) => failureText(submission, 200),
} as const;

function columnsOf({ isScoring, submissions }: ProblemReport): Submission[] {
  const foretold = submissions.some((submission) => submission.expected !== null);
  return [
    LABEL,
    VERDICT,
    ...(foretold ? [EXPECTED] : []),
    ...(isScoring ? [POINTS] : []),
    PASSED,
    SLOWEST,
    MEMORY,
  ];
}

const VERDICT: Submission = {
  head: 'verdict',
  align: 'left',
  cell: verdictCell,
  colour: ({ verdict }) => colourOf(verdict),
};

const EXPECTED: Submission = {
  head: 'expected',
  align: 'left',
  cell: expectedCell,
  colour: ({ mismatch }) => (mismatch === null ? null : 'red'),
  atLeast: 8,
  mayGo: 2,
};

const POINTS: Submission = { head: 'points', align: 'right', cell: pointsCell };

const PASSED: Submission = {
  head: 'passed',
  align: 'right',
  cell: ({ passed, total }) => `${passed}/${total}`,
  mayGo: 1,
};

const SLOWEST: Submission = {
  head: 'slowest',
  align: 'right',
  cell: ({ slowestCpuMs }) => `${Math.round(slowestCpuMs)} ms`,
  colour: ({ isCloseToLimit }) => (isCloseToLimit ? 'yellow' : null),
  mayGo: 3,
};

const MEMORY: Submission = {
  head: 'memory',
  align: 'right',
  cell: ({ peakMemoryBytes }) => mebibytes(peakMemoryBytes),
  mayGo: 4,
};

function colourOf(verdict: SubmissionReport['verdict']): Colour {
  if (verdict === 'AC') return 'green';
  return verdict === 'JE' || verdict === null ? 'magenta' : 'red';
}

/** Which time was up, where time was up. */
const LATE: Readonly<Partial<Record<TestOutcome['status'], string>>> = {
  'time-limit': 'TLE CPU',
  'wall-limit': 'TLE wall',
};

function verdictCell({ verdict, tests }: SubmissionReport): string {
  if (verdict !== 'TLE') return verdict ?? 'stopped';
  const late = tests.find((test) => test.verdict === 'TLE');
  return (late === undefined ? undefined : LATE[late.status]) ?? verdict;
}

/** Points by group, for problems that have both: in several tables where one would be too wide. */
function groupTables(problem: ProblemReport, options: RenderOptions): string[] {
  const names = new Set(problem.submissions.flatMap(({ groups }) => groups.map(({ group }) => group)));
  const below = [...names].filter((name) => name.split('/').length > 2);
  if (!problem.isScoring || below.length === 0) return [];
  const { submissions } = problem;
  const tables: Submission[][] = [];
  for (const column of below.slice(0, MAX_GROUPS).map(groupColumn)) {
    const last = tables.at(-1);
    const isFull = last === undefined || leastWidth([...last, column], submissions) > options.width;
    if (isFull) tables.push([LABEL, column]);
    else last.push(column);
  }
  const more = `... and ${below.length - MAX_GROUPS} more groups; --json has them all`;
  return [
    ...tables.map((columns) => renderTable(columns, submissions, options)),
    ...(below.length > MAX_GROUPS ? noteLines(more, options) : []),
  ];
}

function groupColumn(name: string): Submission {
  return {
    head: lastPart(escapeForTerminal(name.replace(/^data\/secret\//, '')), 16),
    align: 'right',
    cell: ({ groups }) => {
      const group = groups.find((one) => one.group === name);
      if (group === undefined || group.verdict === null) return '-';
      return withMost(group.score, group.maxScore);
    },
  };
}

/** Names of groups differ at their end. */
const lastPart = (text: string, max: number): string =>
  text.length <= max ? text : `...${text.slice(3 - max)}`;

function pointsCell({ score, maxScore }: SubmissionReport): string {
  return score === null ? '-' : withMost(score, maxScore);
}

function withMost(score: number | null, most: number | null): string {
  const points = (value: number): string => String(Number(value.toFixed(2)));
  return most === null ? points(score ?? 0) : `${points(score ?? 0)}/${points(most)}`;
}

function closeLines({ submissions, limits }: ProblemReport): string[] {
  const close = submissions.filter(({ isCloseToLimit }) => isCloseToLimit);
  return close.map(({ label, slowestCpuMs }) => {
    const times = `${(slowestCpuMs / 1000).toFixed(2)} s of ${(limits.cpuMs ?? 0) / 1000} s`;
    return `${shortened(label, 16)}: close to the time limit: ${times} of CPU time`;
  });
}

/** Lines of 80 columns at most. */
function unreliableLines({ submissions }: ProblemReport): string[] {
  return submissions.flatMap(({ label, tests }) =>
    tests.flatMap(({ test, unreliable }) => {
      if (unreliable === undefined) return [];
      return [`${shortened(label, 16)} ${shortened(test, 11)}: unreliable: ${unreliable}`];
    }),
  );
}

function limited(lines: readonly string[], what: string): string[] {
  const rest = lines.length - MAX_NOTES;
  if (rest <= 0) return [...lines];
  return [...lines.slice(0, MAX_NOTES), `... and ${rest} more ${what}; --json names them all`];
}

/** No longer when its escapes are counted. */
function shortened(text: string, columns: number): string {
  return escapeForTerminal(escapeForTerminal(text), columns);
}

function expectedCell({ expected, mismatch }: SubmissionReport): string {
  if (expected === null) return '';
  return mismatch === null ? escapeForTerminal(expected, 24) : `${escapeForTerminal(expected, 24)} (!)`;
}

function failureText({ fault, firstFailure, verdict, tests }: SubmissionReport, max: number): string {
  if (fault !== null) return escapeForTerminal(fault, max);
  if (firstFailure !== null)
    return escapeForTerminal(`${firstFailure.test}: ${firstFailure.reason ?? firstFailure.status}`, max);
  return verdict === null ? `stopped after ${tests.length} test${tests.length === 1 ? '' : 's'}` : '';
}

function mebibytes(bytes: number): string {
  return `${(bytes / (1024 * 1024)).toFixed(1)} MiB`;
}
