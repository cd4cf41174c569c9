import Table from 'cli-table3';
import stringWidth from 'string-width';
import { type Colour, painted } from './colour.js';

export interface Column<Row> {
  readonly head: string;
  readonly align: 'left' | 'right';
  /** One line, safe for a terminal. */
  readonly cell: (row: Row) => string;
  readonly colour?: (row: Row) => Colour | null;
  /** The width to which cells may be shortened where a table is too wide; without one they stay whole. */
  readonly atLeast?: number;
  /** Whether a cell that is shortened keeps its end, as the name of a file at the end of a path. */
  readonly keepsEnd?: (row: Row) => boolean;
  /** Columns that are left out where shortening is not enough, the highest number first. */
  readonly mayGo?: number;
}

export interface TableOptions<Row> {
  /** Columns of the terminal; Infinity where there is none. */
  readonly width: number;
  readonly isColoured: boolean;
  /** One more column at the right, or lines below the row where the table is too wide. */
  readonly remark?: Remark<Row>;
}

interface Remark<Row> extends Column<Row> {
  /** For the lines below: they have more room than a column. */
  readonly below: (row: Row) => string;
}

const MAX_REMARK_LINES = 2;
const INDENT = '  ';
/** The width of shortened cells where nothing else is left to do. */
const LAST_RESORT = 6;
/** Of a cell: a space on both sides and a border. */
const PADDING = 3;

/** A table that is never wider than the terminal: remarks move below, cells are shortened, and then columns go. */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  { width, isColoured, remark }: TableOptions<Row>,
): string {
  const whole = remark === undefined ? columns : [...columns, remark];
  if (totalOf(naturalWidths(whole, rows)) <= width)
    return drawn(whole, rows, naturalWidths(whole, rows), isColoured);
  const { kept, widths } = fitted(columns, rows, width);
  return drawn(kept, rows, widths, isColoured, remark?.below);
}

const naturalWidths = <Row>(columns: readonly Column<Row>[], rows: readonly Row[]): number[] =>
  columns.map(({ head, cell }) =>
    rows.reduce((most, row) => Math.max(most, stringWidth(cell(row))), stringWidth(head)),
  );

const totalOf = (widths: readonly number[]): number =>
  widths.reduce((sum, width) => sum + width + PADDING, 1);

/** The width of a table whose cells are shortened as far as they may be. */
export function leastWidth<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): number {
  const widths = naturalWidths(columns, rows);
  return totalOf(widths.map((width, n) => Math.min(width, columns[n]?.atLeast ?? width)));
}

function fitted<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
): { kept: readonly Column<Row>[]; widths: number[] } {
  const least = columns.map(({ atLeast }) => atLeast ?? Infinity);
  const widths = shortenedWidths(naturalWidths(columns, rows), least, width);
  if (totalOf(widths) <= width) return { kept: columns, widths };
  const goes = columns.reduce<Column<Row> | null>(
    (first, column) => ((column.mayGo ?? 0) > (first?.mayGo ?? 0) ? column : first),
    null,
  );
  if (goes !== null)
    return fitted(
      columns.filter((column) => column !== goes),
      rows,
      width,
    );
  const hardly = least.map((own) => (own === Infinity ? own : LAST_RESORT));
  return { kept: columns, widths: shortenedWidths(widths, hardly, width) };
}

/** Takes from the widest column that has more than its least, until all fit or none has. */
function shortenedWidths(natural: readonly number[], least: readonly number[], width: number): number[] {
  const widths = [...natural];
  while (totalOf(widths) > width) {
    let widest = -1;
    for (const [n, own] of widths.entries())
      if (own > (least[n] ?? Infinity) && own > (widths[widest] ?? 0)) widest = n;
    if (widest === -1) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

function drawn<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  widths: readonly number[],
  isColoured: boolean,
  below?: (row: Row) => string,
): string {
  const table = new Table({
    head: columns.map(({ head }, n) => shortenedTo(head, widths[n] ?? 0)),
    colAligns: columns.map(({ align }) => align),
    colWidths: widths.map((width) => width + 2),
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) {
    table.push(
      columns.map(({ cell, colour, keepsEnd }, n) => {
        const text = shortenedTo(cell(row), widths[n] ?? 0, keepsEnd?.(row));
        const paint = isColoured ? (colour?.(row) ?? null) : null;
        return paint === null ? text : painted(text, paint);
      }),
    );
    const remark = below?.(row) ?? '';
    if (remark === '') continue;
    const lines = wrapped(remark, totalOf(widths) - 4 - INDENT.length, MAX_REMARK_LINES);
    const content = lines.map((line) => `${INDENT}${line}`).join('\n');
    table.push([{ content, colSpan: columns.length }]);
  }
  return table.toString();
}

/** Text of at most `width` columns, with three dots where it was longer: at its end, or at its begin. */
export function shortenedTo(text: string, width: number, keepsEnd = false): string {
  if (stringWidth(text) <= width) return text;
  const dots = '...'.slice(0, Math.max(0, width));
  const left = width - dots.length;
  if (!keepsEnd) return `${startOf(text, left)}${dots}`;
  const characters = charactersOf(text).reverse();
  return `${dots}${withinWidth(characters, left).reverse().join('')}`;
}

const startOf = (text: string, width: number): string => withinWidth(charactersOf(text), width).join('');

const charactersOf = (text: string): string[] =>
  [...new Intl.Segmenter().segment(text)].map(({ segment }) => segment);

/** As many of them as fit. */
function withinWidth(characters: readonly string[], width: number): string[] {
  let used = 0;
  const past = characters.findIndex((character) => {
    used += stringWidth(character);
    return used > width;
  });
  return characters.slice(0, past === -1 ? characters.length : past);
}

/** Lines of at most `width` columns, broken at spaces where there are some; the last is shortened. */
export function wrapped(text: string, width: number, maxLines: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (lines.length < maxLines - 1 && stringWidth(rest) > width) {
    const start = startOf(rest, width);
    const space = start.trimStart() === '' ? -1 : start.lastIndexOf(' ');
    const isWord = space > width / 2;
    lines.push(isWord ? start.slice(0, space) : start);
    const left = rest.slice(isWord ? space + 1 : start.length);
    if (left.length === rest.length) break;
    rest = left;
  }
  lines.push(shortenedTo(rest, width));
  return lines;
}
