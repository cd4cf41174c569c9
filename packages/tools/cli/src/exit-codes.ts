import { constants } from 'node:os';
import {
  CONTROLLER_CPU_MESSAGE,
  REFUSED_MEMORY_MESSAGE,
  type RunResult,
  STACK_OVERFLOW_MESSAGE,
} from '@sandpiper/contracts';
import { escapeForTerminal } from './terminal/escape.js';

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  limit: 125,
  time: 124,
  memory: 137,
  interrupted: 130,
} as const;

/** The exit code for a result: the program's own, 128 plus a signal as in a shell, or the code of a limit. */
export function exitCodeOf(result: Pick<RunResult, 'status' | 'exitCode' | 'signal'>): number {
  switch (result.status) {
    case 'ok':
      return EXIT.ok;
    case 'runtime-error':
      return result.signal === null ? (result.exitCode ?? EXIT.failed) : 128 + signalNumber(result.signal);
    case 'time-limit':
    case 'wall-limit':
      return EXIT.time;
    case 'memory-limit':
      return EXIT.memory;
    case 'cancelled':
      return EXIT.interrupted;
    case 'output-limit':
    case 'disk-limit':
    case 'syscall-limit':
    case 'violation':
    case 'deadlock':
    case 'internal-error':
      return EXIT.limit;
  }
}

/** One line that names the limit that ended a run; null when the program ended by itself and the reason is plain. */
export function endingLine(result: Pick<RunResult, 'status' | 'message' | 'limits'>): string | null {
  const { limits } = result;
  switch (result.status) {
    case 'ok':
      return null;
    case 'runtime-error':
      return result.message === STACK_OVERFLOW_MESSAGE
        ? `runtime-error: ${STACK_OVERFLOW_MESSAGE}: the program has ${mebibytes(limits.stackBytes)} of stack`
        : null;
    case 'time-limit':
      return `time-limit: the program used more than ${limits.cpuMs} ms of CPU time`;
    case 'wall-limit':
      return `wall-limit: the program ran for more than ${limits.wallMs} ms`;
    case 'memory-limit':
      return result.message === REFUSED_MEMORY_MESSAGE
        ? `memory-limit: ${REFUSED_MEMORY_MESSAGE}`
        : `memory-limit: the program used more than ${mebibytes(limits.memoryBytes)} of memory`;
    case 'output-limit':
      return `output-limit: the program wrote more than ${mebibytes(limits.outputBytes)} of output`;
    case 'disk-limit':
      return `disk-limit: the program wrote more than ${mebibytes(limits.diskBytes)} of files`;
    case 'syscall-limit':
      return result.message === CONTROLLER_CPU_MESSAGE
        ? `syscall-limit: answering the program's system calls took more than ${limits.controllerCpuMs} ms of CPU time`
        : `syscall-limit: the program made more than ${limits.syscalls} system calls`;
    case 'cancelled':
      return 'cancelled: the run was cancelled';
    case 'violation':
    case 'deadlock':
    case 'internal-error':
      return `${result.status}: ${escapeForTerminal(result.message ?? 'no reason was given', 500)}`;
  }
}

function mebibytes(bytes: number): string {
  const value = bytes / (1024 * 1024);
  return `${Number.isInteger(value) ? value : value.toFixed(1)} MiB`;
}

function signalNumber(name: string): number {
  const numbers: Readonly<Record<string, number>> = constants.signals;
  return numbers[name] ?? 0;
}
