import { randomUUID } from 'node:crypto';
import { isatty } from 'node:tty';
import { posix } from 'node:path';
import { completeLimits, cpuWaitOf, type RunRequest, type RunResult } from '@sandpiper/contracts';
import { Cell } from './cell.js';
import { currentCpu } from '../proof/host.js';
import { idleTicks, quietestCpu } from '../share/idle-cpus.js';
import type { Interpreter } from '../../crossing/engines.js';
import type { Determinism, GuestFile, GuestJob } from '../../crossing/job.js';

/** A run in this process, without a queue. */
export interface LocalRun {
  /** Limits, arguments, environment and engine; files and input are given beside it. */
  readonly request: Pick<RunRequest, 'args' | 'env' | 'limits' | 'accept'>;
  readonly interpreter: Interpreter;
  /** The working directory that the guest sees, absolute; in memory, independent of the host. */
  readonly folder: string;
  /** The program as the guest's argv shows it: absolute, or relative to the folder; null where it is no file. */
  readonly programPath: string | null;
  /** Without a program file: the words in its place, such as `-c CODE`, `-m MODULE` or `-`. */
  readonly instead?: readonly string[];
  /** Its text; null where it lies in a mount. */
  readonly program: Uint8Array | null;
  /** Files of the run; relative paths are below the folder. */
  readonly files: readonly GuestFile[];
  readonly stdin:
    | { readonly kind: 'buffer'; readonly data: Uint8Array }
    | { readonly kind: 'fd'; readonly fd: number };
  /**
   * `pass-through` writes to descriptors 1 and 2 of this process as the guest does; the result then has the last 4096
   * bytes of stderr alone.
   */
  readonly output: 'capture' | 'pass-through';
  readonly tracePath: string | null;
  readonly mounts: GuestJob['mounts'];
  readonly deterministic: Determinism | null;
  readonly outputs: readonly string[];
  /** Standard error goes where standard output goes, in the order of the writes. */
  readonly combined?: boolean;
}

export interface LocalRunOptions {
  /** An aborted signal ends the run as `cancelled`. */
  readonly signal?: AbortSignal;
  /** By default the one that this thread is on. */
  readonly cpu?: number | null;
  /** As in a request. It needs captured output, and input that is there as a whole. */
  readonly retryUnreliable?: number;
}

/**
 * Starts a cell for one run and closes it again. A run that met its wall limit because it waited for a CPU is repeated
 * as often as the options allow, on the CPU that was idle longest meanwhile unless they name one.
 */
export async function runLocally(run: LocalRun, options: LocalRunOptions = {}): Promise<RunResult> {
  const { signal, retryUnreliable = 0 } = options;
  let cpu = options.cpu ?? currentCpu();
  for (let retries = 0; ; retries++) {
    const idleBefore = idleTicks();
    const result = await runOnce(run, cpu, signal);
    if (retries >= retryUnreliable || signal?.aborted === true || cpuWaitOf(result) === null) {
      return retries === 0 ? result : { ...result, retries };
    }
    cpu = options.cpu ?? quietestCpu(idleBefore) ?? currentCpu();
  }
}

/** As it is now: a change of its size does not reach the run. */
function terminalOfThisProcess(): Pick<GuestJob, 'terminal'> {
  const [shown] = [process.stdout, process.stderr].filter((stream) => stream.isTTY);
  if (shown !== undefined) return { terminal: { columns: shown.columns, rows: shown.rows } };
  return isatty(0) ? { terminal: { columns: 80, rows: 24 } } : {};
}

async function runOnce(run: LocalRun, cpu: number | null, signal?: AbortSignal): Promise<RunResult> {
  const id = randomUUID();
  const cell = await Cell.start({
    id: null,
    cpu,
    node: null,
    rpython: null,
    onFault: (_, report) => void process.stderr.write(`sandpiper: ${report}\n`),
  });
  const cancel = () => cell.cancel(id);
  signal?.addEventListener('abort', cancel);
  try {
    const running = cell.runJob({
      id,
      attempt: 1,
      interpreter: run.interpreter,
      programPath: run.programPath,
      ...(run.instead === undefined ? {} : { instead: run.instead }),
      args: run.request.args ?? [],
      env: run.request.env ?? {},
      folder: run.folder,
      files: [
        ...(run.programPath === null || run.program === null
          ? []
          : [{ path: posix.resolve(run.folder, run.programPath), data: run.program }]),
        ...run.files.map((file) => ({ path: posix.resolve(run.folder, file.path), data: file.data })),
      ],
      mounts: run.mounts,
      stdin: run.stdin,
      ...terminalOfThisProcess(),
      output: run.output,
      tracePath: run.tracePath,
      deterministic: run.deterministic,
      outputs: run.outputs,
      limits: completeLimits(run.request.limits),
      ...(run.combined === true ? { combined: true } : {}),
      ...(run.request.accept === undefined ? {} : { accept: run.request.accept }),
    });
    if (signal?.aborted === true) cancel();
    return await running;
  } finally {
    signal?.removeEventListener('abort', cancel);
    await cell.close();
  }
}
