import { existsSync } from 'node:fs';
import { FigureFile } from '../crossing/figure-file.js';

let clock: (() => number) | null = null;

/** USER_HZ, in which `stat` counts: 100 on x86-64. */
const NS_PER_TICK = 10_000_000;

/**
 * CPU time of the calling thread, nanoseconds: the first figure of schedstat
 * (Documentation/scheduler/sched-stats). A kernel without CONFIG_SCHED_INFO has none; there stat tells it to
 * 10 ms.
 */
export function threadCpuNs(): number {
  clock ??= threadClock('/proc/thread-self');
  return clock();
}

/** @param folder of the thread, in /proc */
export function threadClock(folder: string): () => number {
  if (existsSync(`${folder}/schedstat`)) {
    const schedstat = new FigureFile(`${folder}/schedstat`);
    return () => Number(schedstat.read().split(' ', 1)[0]);
  }
  const file = new FigureFile(`${folder}/stat`);
  return () => {
    const stat = file.read();
    // The name, in parentheses, may hold anything; utime and stime are the 12th and 13th field behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * NS_PER_TICK;
  };
}

/** The calls of a program used more CPU time of this thread than they may. */
export class ControllerTimeError extends Error {
  override readonly name = 'ControllerTimeError';
}

/** The allowance for the calls of an interpreter's start, milliseconds: many times what they need. */
const START_MS = 3_000;

/**
 * The limit `controllerCpuMs`. Reading a thread's clock costs as much as a call, so it is read only when the
 * rest can have been used up: CPU time never advances faster than wall time.
 */
export class ControllerTime {
  #startNs: number | null = null;
  #nextLookMs = Infinity;
  #limitMs = START_MS;

  constructor(private readonly limitOfRunMs: number) {}

  /** The start of the interpreter counts from here, against a separate allowance. */
  beginStart(): void {
    this.#begin(START_MS);
  }

  /** The run counts from here: earlier calls were the interpreter's. */
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
    // The figure may lag by a tick of the scheduler, so it is not read again sooner.
    this.#nextLookMs = nowMs + Math.max(leftMs, 1);
  }
}
