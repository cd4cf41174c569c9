import type { Attack, Behaviour, TestElsewhere } from './behaviour.js';
import type { ElsewhereOutcome } from './elsewhere.js';
import type { SubjectName } from './ground.js';
import type { Beside } from './neighbour/street.js';
import type { AttackOutcome } from './run-attack.js';

/** One cell of the table: what came of an attack or of tests elsewhere, or why there is none. */
export type ReportRow = { readonly behaviour: Behaviour } & (
  | {
      readonly kind: 'attack';
      readonly subject: SubjectName;
      readonly attack: Attack;
      readonly outcome: AttackOutcome;
    }
  | { readonly kind: 'elsewhere'; readonly test: TestElsewhere; readonly outcome: ElsewhereOutcome }
  | { readonly kind: 'neighbour'; readonly beside: Beside }
  | { readonly kind: 'none'; readonly subject: SubjectName | typeof NEIGHBOUR; readonly why: string }
);

/** Where another tenant of the same node is watched. */
export const NEIGHBOUR = 'the neighbour';

export type DefenceState = 'held' | 'broken' | 'does not apply';

export function defenceOf(row: ReportRow): DefenceState {
  if (row.kind === 'none') return 'does not apply';
  if (row.kind === 'elsewhere') return row.outcome.failed > 0 ? 'broken' : 'held';
  return faultsOf(row).length > 0 ? 'broken' : 'held';
}

function faultsOf(row: ReportRow): readonly string[] {
  if (row.kind === 'attack') return row.outcome.faults;
  if (row.kind !== 'neighbour') return [];
  const { faults, slow } = row.beside;
  return slow === null ? faults : [...faults, slow];
}

interface Columns {
  readonly what: string;
  readonly where: string;
  readonly how: string;
  readonly times: string;
}

function columnsOf(row: ReportRow): Columns {
  const { title } = row.behaviour;
  if (row.kind === 'none') return { what: title, where: row.subject, how: row.why, times: '' };
  if (row.kind === 'neighbour') {
    const { hellos, attacks, p99Ms, allowedMs } = row.beside;
    const how = `${hellos} hellos beside ${attacks} attacks`;
    const times = `p99 ${Math.round(p99Ms)}/${Math.round(allowedMs)} ms`;
    return { what: title, where: NEIGHBOUR, how, times };
  }
  if (row.kind === 'elsewhere') {
    const { passed, failed, ms } = row.outcome;
    const how = failed === 0 ? `${passed} tests pass` : `${failed} tests fail, ${passed} pass`;
    return {
      what: `${title}: ${row.test.title}`,
      where: row.test.file,
      how,
      times: `${Math.round(ms / 1000)} s`,
    };
  }
  const { attack, outcome } = row;
  const what = attack.name === '' ? title : `${title}: ${attack.name}`;
  return { what, where: row.subject, how: endOf(outcome), times: timeOf(outcome) };
}

/** One line for a terminal, and one more for each fault. */
export function lineOf(row: ReportRow): string {
  const { what, where, how, times } = columnsOf(row);
  const state = defenceOf(row);
  const head = state === 'does not apply' ? '-     ' : state === 'held' ? 'held  ' : 'BROKEN';
  const faults = faultsOf(row)
    .map((fault) => `\n         ${fault}`)
    .join('');
  const line = [`${head} ${String(row.behaviour.number).padStart(2)} ${what}`, where, how, times];
  return `${line.filter(Boolean).join(' | ')}${faults}`;
}

function endOf({ status, message }: AttackOutcome): string {
  return message === null ? String(status) : `${status}: ${message}`;
}

/** When it was dead, by the keeper's clocks, and when the result was there, by ours. */
function timeOf({ cpuMs, wallMs, limits, answeredMs }: AttackOutcome): string {
  if (limits === null) return `nothing after ${Math.round(answeredMs)} ms`;
  const figure = (ms: number, limit: number) => `${Math.round(ms)}/${limit}`;
  return `CPU ${figure(cpuMs, limits.cpuMs)} ms, dead after ${figure(wallMs, limits.wallMs)} ms, answered after ${Math.round(answeredMs)}`;
}

const MARK: Record<DefenceState, string> = { held: 'held', broken: '**broken**', 'does not apply': '–' };

/** The table as a document: of each behaviour what came of it, and when its guests were dead. */
export function markdownOf(rows: readonly ReportRow[], about: string): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll('<', '&lt;');
  const lines = rows.map((row) => {
    const { what, where, how, times } = columnsOf(row);
    return `| ${[String(row.behaviour.number), what, where, MARK[defenceOf(row)], how, times].map(cell).join(' | ')} |`;
  });
  return [
    '# What hostile programs do, and what comes of it',
    '',
    about,
    '',
    '| # | behaviour | engine and start, or test | verdict | how it ended, or why it does not apply | time of death |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
    '',
  ].join('\n');
}
