import Table from 'cli-table3';
import { escapeForTerminal } from '../terminal/escape.js';
import type { GradingReport, ProblemReport, SubmissionReport } from '@sandpiper/grading';

/** Below a table. */
const MOST_UNRELIABLE_LINES = 5;
/** Columns of the table of groups. */
const MOST_GROUPS = 8;

interface Column {
  readonly head: string;
  readonly align: 'left' | 'right';
  readonly cell: (submission: SubmissionReport) => string;
}

/** The tables for the terminal. Text of a guest is always escaped. */
export function renderGradingReport(report: GradingReport): string {
  const parts = report.problems.map(renderProblem);
  const foretold = report.problems.flatMap((p) => p.submissions).filter((s) => s.expected !== null);
  if (foretold.length > 0) {
    const right = foretold.filter((s) => s.mismatch === null).length;
    parts.push(`${right} of ${foretold.length} verdicts are as expected.\n`);
  }
  return parts.join('\n');
}

function renderProblem(problem: ProblemReport): string {
  const lines = [
    escapeForTerminal(problem.name, 100),
    ...(problem.timeLimitNote === null ? [] : [problem.timeLimitNote]),
    rendered(columnsOf(problem), problem),
    ...groupTable(problem),
    ...unreliableLines(problem),
  ];
  return `${lines.join('\n')}\n`;
}

function rendered(columns: readonly Column[], { submissions }: ProblemReport): string {
  const table = new Table({
    head: columns.map(({ head }) => head),
    colAligns: columns.map(({ align }) => align),
    style: { head: [], border: [], compact: true },
  });
  for (const submission of submissions) table.push(columns.map(({ cell }) => cell(submission)));
  return table.toString();
}

const LABEL: Column = {
  head: 'submission',
  align: 'left',
  cell: ({ label }) => escapeForTerminal(label, 60),
};

function columnsOf({ isScoring, submissions }: ProblemReport): Column[] {
  const foretold = submissions.some((submission) => submission.expected !== null);
  return [
    LABEL,
    { head: 'verdict', align: 'left', cell: ({ verdict }) => verdict },
    ...(foretold ? [{ head: 'expected', align: 'left', cell: expectedCell } as const] : []),
    ...(isScoring ? [{ head: 'points', align: 'right', cell: pointsCell } as const] : []),
    { head: 'passed', align: 'right', cell: ({ passed, total }) => `${passed}/${total}` },
    { head: 'slowest', align: 'right', cell: ({ slowestCpuMs }) => `${Math.round(slowestCpuMs)} ms` },
    {
      head: 'memory',
      align: 'right',
      cell: ({ peakMemoryBytes }) => `${(peakMemoryBytes / (1024 * 1024)).toFixed(1)} MiB`,
    },
    { head: 'first failure', align: 'left', cell: failureCell },
  ];
}

/** Points by group, for problems that have both. */
function groupTable(problem: ProblemReport): string[] {
  const names = new Set(problem.submissions.flatMap(({ groups }) => groups.map(({ group }) => group)));
  const below = [...names].filter((name) => name.split('/').length > 2).slice(0, MOST_GROUPS);
  if (!problem.isScoring || below.length === 0) return [];
  const columns = below.map(
    (name): Column => ({
      head: escapeForTerminal(name.replace(/^data\/secret\//, ''), 16),
      align: 'right',
      cell: ({ groups }) => {
        const group = groups.find((one) => one.group === name);
        if (group === undefined || group.verdict === null) return '-';
        return withMost(group.score, group.maxScore);
      },
    }),
  );
  return [rendered([LABEL, ...columns], problem)];
}

function pointsCell({ score, maxScore }: SubmissionReport): string {
  return score === null ? '-' : withMost(score, maxScore);
}

function withMost(score: number | null, most: number | null): string {
  const points = (value: number): string => String(Number(value.toFixed(2)));
  return most === null ? points(score ?? 0) : `${points(score ?? 0)}/${points(most)}`;
}

/** Lines of 80 columns at most. */
function unreliableLines({ submissions }: ProblemReport): string[] {
  const lines = submissions.flatMap(({ label, tests }) =>
    tests.flatMap(({ test, unreliable }) => {
      if (unreliable === undefined) return [];
      return [`${shortened(label, 16)} ${shortened(test, 11)}: unreliable: ${unreliable}`];
    }),
  );
  const rest = lines.length - MOST_UNRELIABLE_LINES;
  if (rest <= 0) return lines;
  return [...lines.slice(0, MOST_UNRELIABLE_LINES), `... and ${rest} more unreliable; --json names them all`];
}

/** No longer when its escapes are counted. */
function shortened(text: string, columns: number): string {
  return escapeForTerminal(escapeForTerminal(text), columns);
}

function expectedCell({ expected, mismatch }: SubmissionReport): string {
  if (expected === null) return '';
  return mismatch === null ? escapeForTerminal(expected, 24) : `${escapeForTerminal(expected, 24)} (!)`;
}

function failureCell({ fault, firstFailure }: SubmissionReport): string {
  if (fault !== null) return escapeForTerminal(fault, 72);
  if (firstFailure === null) return '';
  return escapeForTerminal(`${firstFailure.test}: ${firstFailure.reason ?? firstFailure.status}`, 72);
}
