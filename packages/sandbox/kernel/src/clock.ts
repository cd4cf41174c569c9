/** Milliseconds between two checks of whether a wait must end. */
const SLICE_MS = 10;
const never = new Int32Array(new SharedArrayBuffer(4));

/** The clocks of one guest, in nanoseconds. */
export interface GuestClock {
  /** Since the epoch. */
  realtimeNs(): bigint;
  /** Since some fixed moment; never goes back. */
  monotonicNs(): bigint;
  /** A call is about to be answered: a simulated clock advances. */
  tick(): void;
  /** Waits until the monotonic clock reaches that time. Returns false when `shouldStop` ended the wait. */
  waitUntil(ns: bigint, shouldStop: () => boolean): boolean;
}

/** The host's clocks. */
export class HostClock implements GuestClock {
  realtimeNs(): bigint {
    return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
  }

  monotonicNs(): bigint {
    return process.hrtime.bigint();
  }

  tick(): void {}

  waitUntil(ns: bigint, shouldStop: () => boolean): boolean {
    for (;;) {
      const leftNs = ns - this.monotonicNs();
      if (leftNs <= 0n) return true;
      if (shouldStop()) return false;
      Atomics.wait(never, 0, 0, leftNs > 10_000_000n ? SLICE_MS : Number(leftNs) / 1e6);
    }
  }
}

/** What a call takes on the simulated clock, nanoseconds. */
const TICK_NS = 10_000n;

/**
 * A simulated clock: it advances by ten microseconds per call, and jumps to the end of each wait. Two runs
 * that make the same calls see the same times.
 */
export class VirtualClock implements GuestClock {
  #elapsedNs = 0n;

  constructor(private readonly epochNs: bigint) {}

  realtimeNs(): bigint {
    return this.epochNs + this.#elapsedNs;
  }

  monotonicNs(): bigint {
    return this.#elapsedNs;
  }

  tick(): void {
    this.#elapsedNs += TICK_NS;
  }

  waitUntil(ns: bigint, shouldStop: () => boolean): boolean {
    // A wait without an end must not return at once: the run ends, as it would have on the host's clock.
    if (ns >= FOREVER) return new HostClock().waitUntil(ns, shouldStop);
    if (ns > this.#elapsedNs) this.#elapsedNs = ns;
    return true;
  }
}

/** No clock reaches this. */
export const FOREVER = 2n ** 62n;
