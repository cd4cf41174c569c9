import { FigureFile } from './figure-file.js';

let schedstat: FigureFile | null = null;

/** CPU time of the calling thread, nanoseconds: the first figure of schedstat (Documentation/scheduler/sched-stats). */
export function threadCpuNs(): number {
  schedstat ??= new FigureFile('/proc/thread-self/schedstat');
  return Number(schedstat.read().split(' ', 1)[0]);
}

/** The calls of a program have taken this thread more CPU time than they may. */
export class ControllerTimeError extends Error {
  override readonly name = 'ControllerTimeError';
}

/** What the calls of an interpreter's start may take, milliseconds: many times what they need. */
const START_MS = 3_000;

/**
 * The limit `controllerCpuMs`. Looking at the clock of a thread costs as much as a call, so that is done only when the rest
 * can have been used up: CPU time never goes faster than the time of the wall.
 */
export class ControllerTime {
  #startNs: number | null = null;
  #nextLookMs = Infinity;
  #limitMs = START_MS;

  constructor(private readonly limitOfRunMs: number) {}

  /** The start of the interpreter counts from here, against an allowance of its own. */
  beginStart(): void {
    this.#begin(START_MS);
  }

  /** The run counts from here: what came before was the interpreter's doing. */
  begin(): void {
    this.#begin(this.limitOfRunMs);
  }

  #begin(limitMs: number): void {
    this.#limitMs = limitMs;
    this.#startNs = threadCpuNs();
    this.#nextLookMs = performance.now() + limitMs;
  }

  /** @throws ControllerTimeError when the limit is crossed */
  check(): void {
    const nowMs = performance.now();
    if (nowMs < this.#nextLookMs || this.#startNs === null) return;
    const leftMs = this.#limitMs - (threadCpuNs() - this.#startNs) / 1e6;
    if (leftMs <= 0) throw new ControllerTimeError();
    // The figure may be behind by a tick of the scheduler; closer than that is not looked at twice.
    this.#nextLookMs = nowMs + Math.max(leftMs, 1);
  }
}
