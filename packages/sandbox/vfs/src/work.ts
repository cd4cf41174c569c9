/**
 * Counts the work of one guest call. Every loop over what guests have made counts a step per iteration, so
 * the clock is checked however much they have made.
 */
export interface Work {
  /** @throws to end the call, when the run's time is up */
  step(count?: number): void;
}

/** For use where no guest runs yet. */
export const UNCOUNTED: Work = { step: () => {} };
