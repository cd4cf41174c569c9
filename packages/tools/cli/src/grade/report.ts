import type { Limits } from '@sandpiper/contracts';
import type { SubmissionOutcome, TestOutcome } from '@sandpiper/grading';
import Table from 'cli-table3';
import { escapeForTerminal } from '../terminal/escape.js';
import type { GradedProblem } from './pipeline.js';

/** Below a table. */
const MOST_UNRELIABLE_LINES = 5;

/** The report that `--json` writes. Times in milliseconds, memory in bytes. */
export interface GradingReport {
  readonly version: 1;
  readonly problems: readonly ProblemReport[];
}

interface ProblemReport {
  readonly name: string;
  readonly path: string;
  readonly limits: Partial<Limits>;
  readonly submissions: readonly SubmissionReport[];
}

interface SubmissionReport extends SubmissionOutcome {
  readonly label: string;
  readonly path: string;
  /** The verdict that `expected.json` of the class expects; null where it has none. */
  readonly expected: string | null;
}

/** `expectedOf` returns the expected verdict of a submission, or null. */
export function buildReport(
  graded: readonly GradedProblem[],
  expectedOf: (problemPath: string, label: string) => string | null,
): GradingReport {
  return {
    version: 1,
    problems: graded.map(({ problem, submissions }) => ({
      name: problem.name,
      path: problem.path,
      limits: problem.limits,
      submissions: submissions.map(({ submission, outcome }) => ({
        label: submission.label,
        path: submission.path,
        expected: expectedOf(problem.path, submission.label),
        ...outcome,
      })),
    })),
  };
}

/** The tables for the terminal. Text of a guest is always escaped. */
export function renderGradingReport(report: GradingReport): string {
  const parts = report.problems.map(renderProblem);
  const foretold = report.problems.flatMap((p) => p.submissions).filter((s) => s.expected !== null);
  if (foretold.length > 0) {
    const right = foretold.filter((s) => s.expected === s.verdict).length;
    parts.push(`${right} of ${foretold.length} verdicts match expected.json.\n`);
  }
  return parts.join('\n');
}

function renderProblem(problem: ProblemReport): string {
  const foretold = problem.submissions.some((submission) => submission.expected !== null);
  const table = new Table({
    head: [
      'submission',
      'verdict',
      ...(foretold ? ['expected'] : []),
      'passed',
      'slowest',
      'memory',
      'first failure',
    ],
    colAligns: ['left', 'left', ...(foretold ? (['left'] as const) : []), 'right', 'right', 'right', 'left'],
    style: { head: [], border: [], compact: true },
  });
  for (const submission of problem.submissions) {
    table.push([
      escapeForTerminal(submission.label, 60),
      submission.verdict,
      ...(foretold ? [expectedCell(submission)] : []),
      `${submission.passed}/${submission.total}`,
      `${Math.round(submission.slowestCpuMs)} ms`,
      `${(submission.peakMemoryBytes / (1024 * 1024)).toFixed(1)} MiB`,
      failureCell(submission.firstFailure),
    ]);
  }
  const lines = [escapeForTerminal(problem.name, 100), table.toString(), ...unreliableLines(problem)];
  return `${lines.join('\n')}\n`;
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

function expectedCell({ expected, verdict }: SubmissionReport): string {
  if (expected === null) return '';
  return expected === verdict ? expected : `${escapeForTerminal(expected, 10)} (!)`;
}

function failureCell(failure: TestOutcome | null): string {
  if (failure === null) return '';
  return escapeForTerminal(`${failure.test}: ${failure.reason ?? failure.status}`, 72);
}
