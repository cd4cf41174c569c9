import { existsSync } from 'node:fs';
import { FigureFile } from '../crossing/figure-file.js';

let clock: (() => number) | null = null;

/** USER_HZ, in which `stat` counts: 100 on x86-64. */
const NS_PER_TICK = 10_000_000;

/**
 * CPU time of the calling thread, nanoseconds: the first figure of schedstat (Documentation/scheduler/sched-stats). A kernel
 * without CONFIG_SCHED_INFO has none; there stat tells it to 10 ms.
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
