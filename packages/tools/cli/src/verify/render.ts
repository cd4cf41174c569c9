import type { VerifyFinding, VerifiedSubmission, VerifyReport } from '@sandpiper/grading';
import { escapeForTerminal } from '../terminal/escape.js';

const COLUMNS = 80;
const INDENT = 2;
/** Of a finding, which may quote a program. */
const MAX_MESSAGE = 400;

/** The report for a terminal of 80 columns. Text of packages and guests is always escaped. */
export function renderVerifyReport(report: VerifyReport): string {
  const lines = [
    ...heading(report),
    ...report.findings.flatMap(findingLines),
    ...submissionLines(report.submissions),
    summary(report),
  ];
  return `${lines.join('\n')}\n`;
}

function heading(report: VerifyReport): string[] {
  const { inputValidators, outputValidators } = report;
  const judge = outputValidators.length === 0 ? 'the default output validator' : outputValidators.join(', ');
  const facts = [
    count(report.tests, 'test'),
    ...(report.validationCases === 0 ? [] : [`${count(report.validationCases, 'test')} of validators`]),
    count(inputValidators.length, 'input validator'),
    judge,
  ];
  return [
    escapeForTerminal(report.problem, COLUMNS),
    ...wrapped(`${report.version}; ${escapeForTerminal(facts.join(', '), MAX_MESSAGE)}`),
    ...(report.timeLimitNote === null
      ? [`time limit ${report.timeLimitMs / 1000} s`]
      : wrapped(report.timeLimitNote)),
    '',
  ];
}

function findingLines({ level, part, where, message }: VerifyFinding): string[] {
  const text = `${escapeForTerminal(where, 100)}: ${escapeForTerminal(message, MAX_MESSAGE)}`;
  return wrapped(`${level}: ${part}: ${text}`);
}

/** Words that are longer than a line are left whole: they are paths, which are copied. */
function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const next = line === '' ? word : `${line} ${word}`;
    if (next.length <= COLUMNS || line.trim() === '') {
      line = next;
      continue;
    }
    lines.push(line);
    line = `${' '.repeat(INDENT)}${word}`;
  }
  return [...lines, line];
}

const WIDTHS = [36, 22, 4, 10] as const;

function submissionLines(submissions: readonly VerifiedSubmission[]): string[] {
  if (submissions.length === 0) return [];
  const rows = submissions.map(({ submission, expected, verdict, slowestCpuMs, mismatch }) => [
    submission,
    `${expected ?? '-'}${mismatch === null ? '' : ' (!)'}`,
    verdict,
    `${Math.round(slowestCpuMs)} ms`,
  ]);
  return ['', row(['submission', 'expected', 'got', 'slowest']), ...rows.map(row), ''];
}

function row(cells: readonly string[]): string {
  return cells
    .map((cell, n) => {
      const width = WIDTHS[n] ?? 0;
      const text = escapeForTerminal(cell, width);
      return n === WIDTHS.length - 1 ? text.padStart(width) : text.padEnd(width);
    })
    .join('  ');
}

function summary({ errors, warnings, submissions }: VerifyReport): string {
  const foretold = submissions.filter(({ expected }) => expected !== null);
  const right = foretold.filter(({ mismatch }) => mismatch === null).length;
  const verdicts = foretold.length === 0 ? '' : `${right} of ${foretold.length} verdicts are as expected; `;
  return `${verdicts}${count(errors, 'error')}, ${count(warnings, 'warning')}`;
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
