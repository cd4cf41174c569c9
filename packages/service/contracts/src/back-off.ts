export interface BackOff {
  /** Delay before the first retry, milliseconds, without its jitter. */
  readonly firstMs: number;
  /** Maximum delay, milliseconds. */
  readonly maxMs: number;
  /** What each further delay is multiplied by; default 2. */
  readonly factor?: number;
}

/**
 * The delay before a retry, milliseconds: `min(firstMs * factor ** (retry - 1), maxMs)`, of which jitter takes
 * off up to a half, so that what failed together is not retried together.
 * @param retry counted from 1
 * @param random from 0 (half of the delay) to 1 (all of it)
 */
export function backOff(retry: number, policy: BackOff, random: () => number = Math.random): number {
  const { firstMs, maxMs, factor = 2 } = policy;
  const delay = Math.min(firstMs * factor ** (retry - 1), maxMs);
  return Math.round((delay * (1 + random())) / 2);
}
