import { VERDICTS } from '../../judge/verdict.js';
import type { ProblemReport } from '../report.js';
import { escapeHtml } from './escape-html.js';

/** Pictures of a problem: inline SVG whose colours come from the style of the page. */

interface Bar {
  readonly label: string;
  readonly count: number;
  readonly kind: string;
}

const WIDTH = 420;
const HEIGHT = 150;
const BASE = 112;
const TOP = 20;

/** How many submissions have which points, or which verdict where there are no points. */
export function resultsPicture(problem: ProblemReport): string {
  return problem.isScoring && problem.maxScore !== null && problem.maxScore > 0
    ? barChart('Points', 'points', pointBars(problem, problem.maxScore))
    : barChart('Verdicts', 'verdict', verdictBars(problem));
}

const POINT_BINS = 10;

/** Ten ranges of equal width, and one for all of the points. */
function pointBars({ submissions }: ProblemReport, most: number): Bar[] {
  const counts = Array.from({ length: POINT_BINS + 1 }, () => 0);
  for (const { score } of submissions) {
    if (score === null) continue;
    const bin = Math.floor((score / most) * POINT_BINS + 1e-9);
    const index = Math.min(POINT_BINS, Math.max(0, bin));
    counts[index] = (counts[index] ?? 0) + 1;
  }
  const points = (n: number): string => String(Number(((n * most) / POINT_BINS).toPrecision(3)));
  return counts.map((count, n) => ({
    label: n === POINT_BINS ? points(n) : `${points(n)}+`,
    count,
    kind: n === POINT_BINS ? 'ac' : 'some',
  }));
}

function verdictBars({ submissions }: ProblemReport): Bar[] {
  const counted = (label: string, kind: string, verdict: string | null): Bar => ({
    label,
    kind,
    count: submissions.filter((one) => one.verdict === verdict).length,
  });
  const bars = VERDICTS.map((verdict) => counted(verdict, verdict.toLowerCase(), verdict));
  const stopped = counted('none', 'none', null);
  return stopped.count === 0 ? bars : [...bars, stopped];
}

/** The CPU time of the slowest test of each submission, in ranges that double or so, up to the limit. */
export function timesPicture({ submissions, limits }: ProblemReport): string {
  const times = submissions.filter(({ tests }) => tests.length > 0).map(({ slowestCpuMs }) => slowestCpuMs);
  const limit = limits.cpuMs ?? Math.max(1, ...times);
  const edges = timeEdges(limit);
  const counts = edges.map(() => 0);
  for (const time of times) {
    const found = edges.findIndex((edge) => time <= edge);
    const index = found === -1 ? edges.length - 1 : found;
    counts[index] = (counts[index] ?? 0) + 1;
  }
  const bars = edges.map((edge, n): Bar => {
    const isLast = n === edges.length - 1;
    return {
      label: isLast ? 'over' : `≤${shortTime(edge).replace('ms', '')}`,
      count: counts[n] ?? 0,
      kind: isLast ? 'tle' : 'some',
    };
  });
  return barChart(`CPU time of the slowest test in ms, limit ${shortTime(limit)}`, 'CPU time in ms', bars);
}

/** 1, 2, 5, 10, ... milliseconds below the limit, then the limit, then all above; ten at most. */
function timeEdges(limit: number): number[] {
  const below: number[] = [];
  for (let power = 1; power < limit; power *= 10) below.push(power, 2 * power, 5 * power);
  return [...below.filter((edge) => edge < limit * 0.95).slice(-9), limit, Infinity];
}

const shortTime = (ms: number): string =>
  ms < 1000 ? `${Math.round(ms)}ms` : `${Number((ms / 1000).toPrecision(3))}s`;

function barChart(title: string, what: string, bars: readonly Bar[]): string {
  const most = Math.max(1, ...bars.map(({ count }) => count));
  const step = WIDTH / bars.length;
  const drawn = bars.map(({ label, count, kind }, n) => {
    const height = Math.round(((BASE - TOP) * count) / most);
    const x = (n * step + step * 0.12).toFixed(1);
    const middle = (n * step + step / 2).toFixed(1);
    const bar = `<rect class="bar v-${kind}" x="${x}" y="${BASE - height}" width="${(step * 0.76).toFixed(1)}" height="${height}" rx="2"/>`;
    const number =
      count === 0 ? '' : `<text class="count" x="${middle}" y="${BASE - height - 5}">${count}</text>`;
    return `${bar}${number}<text x="${middle}" y="${BASE + 16}">${escapeHtml(label)}</text>`;
  });
  const said = bars.filter(({ count }) => count > 0).map(({ label, count }) => `${label}: ${count}`);
  return (
    `<figure><figcaption>${escapeHtml(title)}</figcaption>` +
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT - 16}" role="img" aria-label="${escapeHtml(`Submissions by ${what}: ${said.join(', ')}`)}">` +
    `<line x1="0" y1="${BASE + 0.5}" x2="${WIDTH}" y2="${BASE + 0.5}"/>${drawn.join('')}</svg></figure>`
  );
}
