import { medianOrZero, type Point, slopeOf } from './slope.js';

const TEN_MINUTES = 600;

/** Growth that must not occur: a share of the level, in ten minutes. */
const MAX_GROWTH = 0.01;

/** The first minutes are not judged: caches fill, code is compiled; seconds, or a fifth of a short soak. */
const WARM_UP_SECONDS = 300;

/** And at least this many samples: from then on as many runs leave Redis as arrive. */
const WARM_UP_POINTS = 2;

/** Fewer samples than these show nothing. */
const FEWEST_POINTS = 6;

/** What is sampled, and how its growth is judged. */
export interface Metric {
  readonly name: string;
  readonly unit: 'bytes' | 'count';
  /**
   * How much it may have grown, in its unit, at the end of a soak too short for the warm-up. Fades to nothing
   * over ten minutes.
   */
  readonly slack: number;
}

export interface Judgement {
  readonly series: string;
  readonly unit: Metric['unit'];
  /** The median after the warm-up. */
  readonly level: number;
  /** From the slope, over the time watched, in its unit. */
  readonly growth: number;
  /** The same over ten minutes, as a share of the level. */
  readonly inTenMinutes: number;
  /** The allowed growth, in its unit. */
  readonly allowed: number;
  readonly points: number;
  readonly grows: boolean;
}

/** Samples after the warm-up. */
function warmOf(points: readonly Point[], soakSeconds: number): readonly Point[] {
  const warmUp = Math.min(WARM_UP_SECONDS, soakSeconds / 5);
  return points.slice(WARM_UP_POINTS).filter(({ at }) => at >= warmUp);
}

/**
 * Whether a series grows. Both must hold: the growth by its slope over the time watched exceeds what is
 * allowed, and the slope is above zero with 95 % confidence. The first excludes a small but certain drift,
 * the second noise.
 *
 * Allowed is 1 % of the level in ten minutes. In two minutes that is 0.2 %, less than a service gains while
 * it warms up, so there a metric has a slack in absolute terms: a leak of a kilobyte per run is below it, and
 * only the long soak finds it; a leak of results, of connections or of folders is many times as much.
 */
export function judge(
  series: string,
  metric: Metric,
  points: readonly Point[],
  soakSeconds: number,
): Judgement {
  const warm = warmOf(points, soakSeconds);
  const watched = (warm.at(-1)?.at ?? 0) - (warm[0]?.at ?? 0);
  const level = medianOrZero(warm.map(({ value }) => value));
  const slope = slopeOf(warm);
  const growth = (slope?.perSecond ?? 0) * watched;
  const fading = Math.max(0, 1 - watched / TEN_MINUTES);
  const relative = (MAX_GROWTH * level * watched) / TEN_MINUTES;
  // A count cannot grow by less than one.
  const least = metric.unit === 'count' ? 1 : 0;
  const allowed = Math.max(relative, metric.slack * fading, least);
  return {
    series,
    unit: metric.unit,
    level,
    growth,
    inTenMinutes: level === 0 ? 0 : ((slope?.perSecond ?? 0) * TEN_MINUTES) / level,
    allowed,
    points: warm.length,
    grows: slope !== null && growth > allowed && slope.least > 0,
  };
}

/** Whether there are enough samples to judge them. */
export const isEnough = (points: readonly Point[], soakSeconds: number): boolean =>
  warmOf(points, soakSeconds).length >= FEWEST_POINTS;
