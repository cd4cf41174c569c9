/**
 * Counts what is done for a guest within one of its calls. Every loop over what guests have made takes a step each time
 * round, so that the clock is looked at however much they have made.
 */
export interface Work {
  /** @throws what ends the call, when the run's time is over */
  step(count?: number): void;
}

/** Where there is no guest yet. */
export const UNCOUNTED: Work = { step: () => {} };
