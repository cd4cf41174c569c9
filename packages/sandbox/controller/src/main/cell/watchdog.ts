import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { CONTROLLER_CPU_MESSAGE, errorCode, type RunResult } from '@sandpiper/contracts';
import { type GuestEnd, parseGuestEnd } from '@sandpiper/guest';
import { enforcerOfCpu } from '../../crossing/cpu-clock.js';
import { type CellContext, type GuestJob, SHARED_PID, SHARED_THREAD } from '../../crossing/job.js';
import { type Decisions, decideEnding, type Ending } from '../../crossing/status.js';

/** How often the main thread checks, milliseconds. */
const LOOK_MS = 250;
/** How long a thread may take to notice that its guest is dead, milliseconds. */
const PATIENCE_MS = 2_000;
/**
 * A busy host may starve a thread: within the patience it must have used this much CPU, or have had far
 * longer.
 */
const WORKED_MS = 500;
const MAX_PATIENCE_MS = 15_000;

/**
 * Watches the thread of a run from the main thread: its guest is dead, and the thread does not return from
 * its current call. No clock inside that call can be relied on then.
 * @param onStuck called once
 * @returns a function that ends the watch
 */
export function watch(shared: Int32Array, onStuck: () => void): () => void {
  let dead: { readonly pid: number; readonly at: number; readonly cpuMs: number } | null = null;
  const timer = setInterval(() => {
    const pid = Atomics.load(shared, SHARED_PID);
    if (pid === 0 || isThere(pid)) {
      dead = null;
      return;
    }
    const cpuMs = cpuOfThread(Atomics.load(shared, SHARED_THREAD));
    if (dead?.pid !== pid) {
      dead = { pid, at: performance.now(), cpuMs };
      return;
    }
    const waited = performance.now() - dead.at;
    if (waited < PATIENCE_MS || (cpuMs - dead.cpuMs < WORKED_MS && waited < MAX_PATIENCE_MS)) return;
    clearInterval(timer);
    onStuck();
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** True until its keeper has reaped it. */
function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) !== 'ESRCH';
  }
}

/**
 * CPU time of this process's thread with that id; 0 where the kernel does not tell (no CONFIG_SCHED_INFO).
 */
function cpuOfThread(thread: number): number {
  try {
    return Number(readFileSync(`/proc/self/task/${thread}/schedstat`, 'latin1').split(' ')[0]) / 1e6;
  } catch {
    return 0;
  }
}

/**
 * Reports of the keeper that the stuck thread has not read. Opened before the thread ends and closes its end.
 */
export class UnreadReports {
  readonly #reports: number;

  constructor(directory: string) {
    this.#reports = openSync(join(directory, 'reports'), constants.O_RDONLY | constants.O_NONBLOCK);
  }

  /** The end of the guest, where it is reported. */
  takeEnd(): GuestEnd | null {
    const bytes = Buffer.alloc(65536);
    try {
      const text = bytes.toString('latin1', 0, readSync(this.#reports, bytes, 0, bytes.length, null));
      const line = text.split('\n').findLast((one) => one.startsWith('ended '));
      return line === undefined ? null : parseGuestEnd(line);
    } catch {
      return null; // nothing there, or nothing valid
    } finally {
      closeSync(this.#reports);
    }
  }
}

/**
 * The result of a run whose thread was stuck: how its guest ended, without its output, which went with the
 * thread.
 */
export function resultOfStuck(
  job: GuestJob,
  context: CellContext,
  cancelled: boolean,
  end: GuestEnd | null,
  startedAt: Date,
): RunResult {
  const { engine } = job.interpreter;
  return {
    id: job.id,
    ...endingOf(cancelled, end),
    stdout: '',
    stderr: '',
    stdoutTruncated: true,
    stderrTruncated: true,
    deniedCalls: {},
    usage: {
      cpuMs: (end?.cpuNs ?? 0) / 1e6,
      startupCpuMs: (end?.startupCpuNs ?? 0) / 1e6,
      controllerCpuMs: 0,
      wallMs: (end?.wallNs ?? 0) / 1e6,
      peakMemoryBytes: end?.peakBytes ?? 0,
      syscalls: 0,
      bytesRead: 0,
      bytesWritten: 0,
    },
    limits: job.limits,
    enforcement: { cpu: enforcerOfCpu(), wall: 'keeper-clock', memory: end?.memoryHeldBy ?? 'keeper-watch' },
    engine,
    attempt: job.attempt,
    node: context.node,
    cell: context.cell,
    startedAt: startedAt.toISOString(),
    finishedAt: new Date().toISOString(),
  };
}

const UNDECIDED: Decisions = {
  cancelled: false,
  violation: null,
  fault: null,
  limit: null,
  refusedGrowth: 0,
  stackOverflow: false,
  ownSignal: null,
  exitCode: null,
  diskFull: false,
  programBegan: true,
};

/** A guest that nothing else ended was in a call that took more of the controller than any may. */
function endingOf(cancelled: boolean, end: GuestEnd | null): Ending {
  const isLimit = end !== null && ['cpu', 'wall', 'memory'].includes(end.reason);
  if (cancelled)
    return { status: 'cancelled', exitCode: null, signal: null, message: 'the run was cancelled' };
  if (isLimit) return decideEnding(UNDECIDED, end);
  return { status: 'syscall-limit', exitCode: null, signal: null, message: CONTROLLER_CPU_MESSAGE };
}
