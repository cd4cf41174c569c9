import type { Clock } from './clock.js';

interface Alarm {
  readonly at: number;
  readonly fire: () => void;
}

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  #now = 0;
  /** In the order in which they were set, which is also the order of simultaneous alarms. */
  readonly #alarms = new Set<Alarm>();

  now(): number {
    return this.#now;
  }

  after(ms: number, fire: () => void): () => void {
    const alarm = { at: this.#now + Math.max(0, ms), fire };
    this.#alarms.add(alarm);
    return () => void this.#alarms.delete(alarm);
  }

  /** Number of alarms that are set. */
  get pending(): number {
    return this.#alarms.size;
  }

  /**
   * Moves the clock. Between two alarms all work that the first one started gets to run, so that an alarm set
   * by it within the time fires too.
   */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settled();
    for (let next = this.#next(until); next !== null; next = this.#next(until)) {
      this.#alarms.delete(next);
      this.#now = next.at;
      next.fire();
      await settled();
    }
    this.#now = until;
  }

  #next(until: number): Alarm | null {
    let next: Alarm | null = null;
    for (const alarm of this.#alarms) {
      if (alarm.at <= until && (next === null || alarm.at < next.at)) next = alarm;
    }
    return next;
  }
}

/** Resolves when all pending promise callbacks have run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
