import type { Work } from '@sandpiper/vfs';

/** Steps between two looks at the clock: some tens of microseconds of work. */
const STEPS_A_LOOK = 1000;

/** The steps that a kernel has taken; every thousand, somebody with a clock is asked whether the run goes on. */
export class CountedWork implements Work {
  /** Since the kernel began, for tests. */
  steps = 0;
  #nextLook = STEPS_A_LOOK;

  /** @param look throws what ends the call */
  constructor(private readonly look: () => void) {}

  step(count = 1): void {
    this.steps += count;
    if (this.steps < this.#nextLook) return;
    this.#nextLook = this.steps + STEPS_A_LOOK;
    this.look();
  }
}
