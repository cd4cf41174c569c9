/** A value at a time, seconds. */
export interface Point {
  readonly at: number;
  readonly value: number;
}

export interface Slope {
  /** Units a second: the median of the slopes between all pairs (Theil and Sen), which resists outliers. */
  readonly perSecond: number;
  /** Lower bound of the slope with 95 % confidence, by Sen's interval: not above zero for mere noise. */
  readonly least: number;
}

/** One-sided, 95 %. */
const NORMAL_QUANTILE = 1.645;

/**
 * The trend of a series. P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", 1968.
 * @returns null for fewer than three points
 */
export function slopeOf(points: readonly Point[]): Slope | null {
  const count = points.length;
  if (count < 3) return null;
  const slopes: number[] = [];
  points.forEach((one, i) => {
    for (const other of points.slice(i + 1)) {
      if (other.at > one.at) slopes.push((other.value - one.value) / (other.at - one.at));
    }
  });
  slopes.sort((a, b) => a - b);
  const half = slopes.length / 2;
  const perSecond = ((slopes[Math.ceil(half) - 1] ?? 0) + (slopes[Math.floor(half)] ?? 0)) / 2;
  // Kendall's statistic of a series without a trend has this deviation.
  const deviation = Math.sqrt((count * (count - 1) * (2 * count + 5)) / 18);
  const below = Math.floor((slopes.length - NORMAL_QUANTILE * deviation) / 2);
  return { perSecond, least: below < 0 ? Number.NEGATIVE_INFINITY : (slopes[below] ?? 0) };
}

export function medianOrZero(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return ((sorted[Math.ceil(half) - 1] ?? 0) + (sorted[Math.floor(half)] ?? 0)) / 2;
}
