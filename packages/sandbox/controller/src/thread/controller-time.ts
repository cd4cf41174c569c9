import { existsSync } from 'node:fs';
import { FigureFile } from '../crossing/figure-file.js';

/** USER_HZ, in which `stat` counts: 100 on x86-64. */
const NS_PER_TICK = 10_000_000;

/** What the kernel says of a thread, nanoseconds since its start. */
export interface ThreadFigures {
  readonly cpuNs: number;
  /** For how long it was runnable and had no CPU; null where the kernel does not tell. */
  readonly waitNs: number | null;
}

let ownFigures: (() => ThreadFigures) | null = null;

/** Of the calling thread. */
export function threadFigures(): ThreadFigures {
  ownFigures ??= figuresIn('/proc/thread-self');
  return ownFigures();
}

/**
 * The first two figures of schedstat (Documentation/scheduler/sched-stats). A kernel without CONFIG_SCHED_INFO has
 * none; there stat tells the CPU time to 10 ms.
 * @param folder of the thread, in /proc
 */
export function figuresIn(folder: string): () => ThreadFigures {
  if (existsSync(`${folder}/schedstat`)) {
    const schedstat = new FigureFile(`${folder}/schedstat`);
    return () => {
      const [cpuNs = 0, waitNs = 0] = schedstat.read().split(' ').map(Number);
      return { cpuNs, waitNs };
    };
  }
  const file = new FigureFile(`${folder}/stat`);
  return () => {
    const stat = file.read();
    // The name, in parentheses, may hold anything; utime and stime are the 12th and 13th field behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { cpuNs: (Number(fields[11]) + Number(fields[12])) * NS_PER_TICK, waitNs: null };
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
  #start: ThreadFigures | null = null;
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
    this.#start = threadFigures();
    this.#nextLookMs = performance.now() + limitMs;
  }

  /** @throws ControllerTimeError when the limit is crossed */
  check(): void {
    const nowMs = performance.now();
    if (nowMs < this.#nextLookMs || this.#start === null) return;
    const leftMs = this.#limitMs - (threadFigures().cpuNs - this.#start.cpuNs) / 1e6;
    if (leftMs <= 0) throw new ControllerTimeError();
    // The figure may lag by a tick of the scheduler, so it is not read again sooner.
    this.#nextLookMs = nowMs + Math.max(leftMs, 1);
  }

  /**
   * For how long this thread was runnable and had no CPU since the run, or else the start, began: milliseconds, null
   * where the kernel does not tell.
   */
  waitedMs(): number | null {
    const now = threadFigures().waitNs;
    const before = this.#start?.waitNs ?? null;
    return now === null || before === null ? null : (now - before) / 1e6;
  }
}
