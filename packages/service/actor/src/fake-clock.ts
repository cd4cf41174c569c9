import type { Clock } from './clock.js';

interface Alarm {
  readonly at: number;
  readonly fire: () => void;
}

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  #now = 0;
  /** In the order in which they were set; two of one moment fire in that order. */
  readonly #alarms = new Set<Alarm>();

  now(): number {
    return this.#now;
  }

  after(ms: number, fire: () => void): () => void {
    const alarm = { at: this.#now + Math.max(0, ms), fire };
    this.#alarms.add(alarm);
    return () => void this.#alarms.delete(alarm);
  }

  /** How many alarms are set. */
  get pending(): number {
    return this.#alarms.size;
  }

  /**
   * Moves the clock. Between two alarms everything that the first set going gets to run, so that an alarm
   * which it sets within the time is met as well.
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

/** When it resolves, whatever only waited for promises has gone on. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
