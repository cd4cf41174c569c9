import { idsThatPass, isHollow, type ModuleReport, type Report } from './compare.js';
import { countReasons } from './reasons.js';
import type { SideResult } from './outcome.js';

/** How many differences of a module are printed; the JSON has all. */
const MAX_LISTED = 40;

const HEADINGS = ['module', 'bare passed', 'sandbox passed', 'excepted', 'unexpected', 'bare s', 'sandbox s'];

export function renderConformanceReport(report: Report): string {
  const { modules, stale } = report;
  return [
    ...renderTable(modules),
    ...modules.flatMap(renderProblems),
    ...renderReasons(modules),
    ...stale.map(
      ({ pattern }) => `stale: ${pattern} is listed as a difference, but passes (at least in part)`,
    ),
    '',
  ].join('\n');
}

function renderTable(modules: readonly ModuleReport[]): string[] {
  const rows = modules.map((each) => [each.module, ...figuresOf(each)]);
  const totals = rows[0]?.slice(1).map((_, column) => sum(rows.map((row) => Number(row[column + 1])))) ?? [];
  const cells = [HEADINGS, ...rows, ['together', ...totals]].map((row) => row.map(format));
  const widths = HEADINGS.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  );
}

/** A share and a line for each reason, where something differs. */
function renderReasons(modules: readonly ModuleReport[]): string[] {
  const excepted = modules.flatMap((module) => module.excepted);
  const unexpected = modules.flatMap((module) => module.unexpected).length;
  if (excepted.length + unexpected === 0) return [];
  const passed = sum(modules.map(({ bare }) => idsThatPass(bare).length));
  const share = ((100 * (passed - excepted.length - unexpected)) / passed).toFixed(2);
  const others = Math.max(1, passed - excepted.length);
  const apart = ((100 * (others - unexpected)) / others).toFixed(2);
  const counts = [...countReasons(excepted.map(({ reason }) => reason)), ['no reason', unexpected] as const];
  return [
    `${share} % of ${passed} methods that pass bare pass, ${apart} % apart from those that have a reason:`,
    ...counts.map(([reason, count]) => `${String(count).padStart(7)}  ${reason}`),
  ];
}

function figuresOf({ bare, sandbox, excepted, unexpected }: ModuleReport): number[] {
  const passed = new Set(idsThatPass(bare));
  // Only of methods that pass bare: the ones that are compared
  const both = idsThatPass(sandbox).filter((id) => passed.has(id)).length;
  return [passed.size, both, excepted.length, unexpected.length, bare.seconds, sandbox.seconds];
}

function format(cell: string | number): string {
  if (typeof cell === 'string') return cell;
  return Number.isInteger(cell) ? String(cell) : cell.toFixed(1);
}

function renderProblems(report: ModuleReport): string[] {
  const lines = report.unexpected
    .slice(0, MAX_LISTED)
    .map(({ id, found }) => `unexpected: ${id}: ${oneLine(found)}`);
  const more = report.unexpected.length - lines.length;
  if (more > 0) lines.push(`unexpected: ${more} more of ${report.module} (--json has them all)`);
  if (isHollow(report)) {
    const why = report.bare.troubles.map(oneLine).join('; ');
    lines.push(
      `nothing of ${report.module} passes bare: ${why || 'it has no tests'} (is pypy3-lib-testsuite installed?)`,
    );
  }
  return lines;
}

/** A test's words may hold anything; a terminal gets one plain line. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, ' ');
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

export function reportAsJson(report: Report): string {
  const modules = report.modules.map(({ module, bare, sandbox, excepted, unexpected }) => ({
    module,
    bare: sideAsJson(bare),
    sandbox: sideAsJson(sandbox),
    excepted,
    unexpected,
  }));
  return `${JSON.stringify({ modules, stale: report.stale }, null, 2)}\n`;
}

function sideAsJson(side: SideResult): object {
  const others = [...side.outcomes].filter(([, { outcome }]) => outcome !== 'pass');
  return {
    passed: idsThatPass(side).length,
    others: others.map(([id, outcome]) => ({ id, ...outcome })),
    troubles: side.troubles,
    deniedCalls: side.deniedCalls,
    seconds: side.seconds,
  };
}
