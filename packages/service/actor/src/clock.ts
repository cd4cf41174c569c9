/**
 * The time for actors. Nothing in this package asks Node for the time, so a test controls all of it with a
 * fake clock.
 */
export interface Clock {
  /** Milliseconds on a clock that never goes back. */
  now(): number;
  /**
   * Calls `fire` once after `ms` milliseconds. @returns a function that cancels it; harmless after it has
   * fired.
   */
  after(ms: number, fire: () => void): () => void;
}

/** The real clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, fire) {
    const timer = setTimeout(fire, ms);
    return () => clearTimeout(timer);
  },
};
