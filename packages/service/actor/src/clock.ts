/**
 * Time as actors see it. Nothing in this package asks Node for the time, so a test that holds the clock holds
 * everything.
 */
export interface Clock {
  /** Milliseconds on a clock that never goes back. */
  now(): number;
  /**
   * Calls `fire` once, after so many milliseconds. @returns what takes it back; harmless when it has fired.
   */
  after(ms: number, fire: () => void): () => void;
}

/** The real one. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, fire) {
    const timer = setTimeout(fire, ms);
    return () => clearTimeout(timer);
  },
};
