import type { TestOutcome } from '../judge/verdict.js';
import type { GradingReport, ProblemReport, SubmissionReport } from './report.js';

const COLUMNS = [
  'problem',
  'submission',
  'verdict',
  'points',
  'most',
  'passed',
  'tests',
  'expected',
  'reason',
];

/** A grade sheet: one line for each submission, for spreadsheets (RFC 4180). */
export function csvOf(report: GradingReport): string {
  const rows = report.problems.flatMap((problem) =>
    problem.submissions.map((one) => [
      problem.name,
      one.label,
      one.verdict ?? '',
      one.score ?? '',
      one.maxScore ?? '',
      one.passed,
      one.total,
      one.expected ?? '',
      reasonOf(one),
    ]),
  );
  return [COLUMNS, ...rows].map((row) => `${row.map(csvCell).join(',')}\r\n`).join('');
}

/** For a submission without a verdict. */
export const STOPPED = 'judging was stopped';

function reasonOf({ fault, firstFailure, verdict }: SubmissionReport): string {
  if (fault !== null) return fault;
  if (verdict === null) return STOPPED;
  return firstFailure === null ? '' : `${firstFailure.test}: ${firstFailure.reason ?? firstFailure.status}`;
}

/** A cell that begins as a formula would be run by a spreadsheet: names and reasons are the students'. */
function csvCell(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const plain = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

/** The form that CI services read: a suite for each submission, a case for each test that ran. */
export function junitOf(report: GradingReport): string {
  const suites = report.problems.flatMap((problem) =>
    problem.submissions.map((one) => suiteOf(problem, one)),
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join('')}</testsuites>\n`;
}

function suiteOf(problem: ProblemReport, submission: SubmissionReport): string {
  const { tests, fault, verdict } = submission;
  const name = `${problem.name}: ${submission.label}`;
  const failures = tests.filter(({ verdict }) => verdict !== 'AC' && verdict !== 'JE').length;
  const errors = tests.filter(({ verdict }) => verdict === 'JE').length + (fault === null ? 0 : 1);
  const cases = tests.map((test) => caseOf(name, test));
  if (fault !== null) {
    cases.push(
      `    <testcase classname="${xml(name)}" name="submission"><error message="${xml(fault)}"/></testcase>\n`,
    );
  }
  if (verdict === null) {
    const skipped = `<skipped message="${STOPPED}"/>`;
    cases.push(`    <testcase classname="${xml(name)}" name="submission">${skipped}</testcase>\n`);
  }
  const counts = `tests="${cases.length}" failures="${failures}" errors="${errors}"`;
  return `  <testsuite name="${xml(name)}" ${counts}>\n${cases.join('')}  </testsuite>\n`;
}

function caseOf(suite: string, { test, verdict, reason, cpuMs }: TestOutcome): string {
  const start = `    <testcase classname="${xml(suite)}" name="${xml(test)}" time="${(cpuMs / 1000).toFixed(3)}"`;
  if (verdict === 'AC') return `${start}/>\n`;
  const kind = verdict === 'JE' ? 'error' : 'failure';
  return `${start}><${kind} type="${verdict}" message="${xml(reason ?? verdict)}"/></testcase>\n`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Characters that XML cannot hold at all become U+FFFD. */
function xml(text: string): string {
  return text
    .replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '')
    .replace(/[^\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD');
}
