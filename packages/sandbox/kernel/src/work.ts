import type { Work } from '@sandpiper/vfs';

/** Steps between two checks of the clock: some tens of microseconds of work. */
const STEPS_A_LOOK = 1000;

/**
 * Counts the steps of a kernel; every thousand steps, a callback with a clock decides whether the run
 * continues.
 */
export class CountedWork implements Work {
  /** Steps since the kernel began, for tests. */
  steps = 0;
  #nextLook = STEPS_A_LOOK;

  /** @param look throws to end the call */
  constructor(private readonly look: () => void) {}

  step(count = 1): void {
    this.steps += count;
    if (this.steps < this.#nextLook) return;
    this.#nextLook = this.steps + STEPS_A_LOOK;
    this.look();
  }
}
