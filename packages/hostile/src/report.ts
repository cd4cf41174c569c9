import type { Attack, Behaviour } from './behaviour.js';
import type { SubjectName } from './ground.js';
import type { Outcome } from './run-attack.js';

/** One cell of the table: what came of an attack, or why there is none. */
export type Row = { readonly behaviour: Behaviour; readonly subject: SubjectName } & (
  | { readonly attack: Attack; readonly outcome: Outcome }
  | { readonly why: string }
);

/** One line for a terminal, and one more for each fault. */
export function lineOf(row: Row): string {
  const head = `${String(row.behaviour.number).padStart(2)} ${row.behaviour.title}`;
  if ('why' in row) return `-      ${head} | ${row.subject} | ${row.why}`;
  const { attack, outcome } = row;
  const name = attack.name === '' ? head : `${head}: ${attack.name}`;
  const verdict = outcome.faults.length === 0 ? 'held  ' : 'BROKEN';
  const faults = outcome.faults.map((fault) => `\n         ${fault}`).join('');
  return `${verdict} ${name} | ${row.subject} | ${endOf(outcome)} | ${timeOf(outcome)}${faults}`;
}

function endOf({ status, message }: Outcome): string {
  return message === null ? String(status) : `${status}: ${message}`;
}

/** When it was dead, by the keeper's clocks, and when the result was there, by ours. */
function timeOf({ cpuMs, wallMs, limits, answeredMs }: Outcome): string {
  if (limits === null) return `nothing after ${Math.round(answeredMs)} ms`;
  const figure = (ms: number, limit: number) => `${Math.round(ms)}/${limit}`;
  return `CPU ${figure(cpuMs, limits.cpuMs)} ms, dead after ${figure(wallMs, limits.wallMs)} ms, answered after ${Math.round(answeredMs)}`;
}

/** The table as a document. */
export function markdownOf(rows: readonly Row[]): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const lines = rows.map((row) => {
    const { number, title } = row.behaviour;
    if ('why' in row) return [number, title, row.subject, 'does not apply', row.why, ''];
    const { attack, outcome } = row;
    const verdict = outcome.faults.length === 0 ? 'held' : '**broken**';
    const what = attack.name === '' ? title : `${title}: ${attack.name}`;
    return [number, what, row.subject, verdict, endOf(outcome), timeOf(outcome)];
  });
  return [
    '| # | behaviour | engine, start | verdict | how it ended | times |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines.map((line) => `| ${line.map((one) => cell(String(one))).join(' | ')} |`),
    '',
  ].join('\n');
}
