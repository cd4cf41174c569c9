import { isExplained, type Kind, KINDS, NOT_COMPARED } from './judge.js';
import type { CorpusRecord } from './records.js';

/** A corpus is the first folder of a program's name. */
const corpusOf = ({ program }: CorpusRecord): string => program.split('/')[0] ?? '';

const count = (records: readonly CorpusRecord[], kind: Kind): number =>
  records.filter((record) => record.kind === kind).length;

export const unexplained = (records: readonly CorpusRecord[]): CorpusRecord[] =>
  records.filter(({ kind }) => !isExplained(kind));

/** `997 of 1,000 (99.70 %)`: of those that were compared. */
function identicalOf(records: readonly CorpusRecord[]): string {
  const compared = records.filter(({ kind }) => !NOT_COMPARED.has(kind)).length;
  const identical = count(records, 'identical');
  const share = compared === 0 ? '' : ` (${((100 * identical) / compared).toFixed(2)} %)`;
  return `${identical} of ${compared}${share}`;
}

export function corpusMarkdown(records: readonly CorpusRecord[]): string {
  const others = records.filter(({ kind }) => kind !== 'identical' && kind !== 'left out');
  const corpora = [...new Set(records.map(corpusOf))];
  return [
    '# Programs, bare and in the sandbox',
    '',
    `Identical: ${identicalOf(records)}. Without an explanation: ${unexplained(records).length}.`,
    '',
    ...table(
      ['corpus', 'programs', 'identical of compared', 'left out'],
      [
        ...corpora.map((corpus) =>
          rowOf(
            corpus,
            records.filter((record) => corpusOf(record) === corpus),
          ),
        ),
        rowOf('together', records),
      ],
    ),
    '',
    ...table(['kind', 'programs', 'meaning'], kindRows(records)),
    '',
    ...(others.length === 0 ? [] : table(['program', 'start', 'kind', 'what'], others.map(detailRow))),
    '',
  ].join('\n');
}

function rowOf(name: string, records: readonly CorpusRecord[]): string[] {
  return [name, String(records.length), identicalOf(records), String(count(records, 'left out'))];
}

function kindRows(records: readonly CorpusRecord[]): string[][] {
  return (Object.keys(KINDS) as Kind[])
    .filter((kind) => count(records, kind) > 0)
    .map((kind) => [kind, String(count(records, kind)), KINDS[kind]]);
}

function detailRow({ program, start, kind, detail }: CorpusRecord): string[] {
  return [program, start, kind, detail];
}

function table(heading: readonly string[], rows: readonly string[][]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map(cellOf).join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...rows.map(line)];
}

/** Programs' words in one cell: one plain line. */
function cellOf(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, ' ').replaceAll('|', '\\|');
}
