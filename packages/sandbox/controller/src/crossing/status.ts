import {
  CONTROLLER_CPU_MESSAGE,
  REFUSED_MEMORY_MESSAGE,
  type RunStatus,
  STACK_OVERFLOW_MESSAGE,
} from '@sandpiper/contracts';
import { type GuestEnd, NOT_EXECUTED, REFUSED_MEMORY_SIGNAL } from '@sandpiper/guest';
import type { EndingLimit } from '@sandpiper/kernel';
import { constants } from 'node:os';
import { HostShortOfMemoryError } from './host-memory.js';

/** What the controller decided while the guest ran; the keeper reports the rest. */
export interface Decisions {
  cancelled: boolean;
  violation: string | null;
  /** The sandbox itself failed while it answered a call. */
  fault: string | null;
  /** A limit of the virtual kernel that ended the run. */
  limit: EndingLimit | 'controllerCpuMs' | null;
  /** The largest growth of memory that the kernel refused the guest, bytes; 0 when it refused none. */
  refusedGrowth: number;
  /** The guest says that its stack cannot grow any more. */
  stackOverflow: boolean;
  /** The guest sent itself a signal whose default action ends it. */
  ownSignal: number | null;
  /** The guest asked to end with this code and did not end natively. */
  exitCode: number | null;
  /** A write was refused with ENOSPC. */
  diskFull: boolean;
  /** The guest has found something of the run: from then on, its actions are the program's. */
  programBegan: boolean;
}

export interface Ending {
  readonly status: RunStatus;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly message: string | null;
}

const LIMIT_ENDINGS: Record<NonNullable<Decisions['limit']>, [RunStatus, string]> = {
  outputBytes: ['output-limit', 'the output limit was reached'],
  syscalls: ['syscall-limit', 'the limit of system calls was reached'],
  controllerCpuMs: ['syscall-limit', CONTROLLER_CPU_MESSAGE],
};

/** What is known of a guest that the kernel may have ended for lack of memory. */
export interface Exhaustion {
  /** While it ran, the kernel ended a process of this node for lack of memory. */
  readonly nodeWasShort: boolean;
  /** It had used up its allowance. */
  readonly ownFault: boolean;
}

const NO_EXHAUSTION: Exhaustion = { nodeWasShort: false, ownFault: false };

/** Of two names for one number, the first is the usual one: SIGABRT, not SIGIOT. */
const signalNames = new Map<number, string>(
  Object.entries(constants.signals)
    .toReversed()
    .map(([name, number]) => [number, name]),
);

function signalName(signal: number): string {
  return signalNames.get(signal) ?? `SIG${signal}`;
}

/**
 * The status of a run. Where several apply, the first of this order wins: cancelled; violation; a fault of
 * the sandbox; a limit that the virtual kernel saw crossed; memory; CPU; wall; then what the program did by
 * itself.
 *
 * @throws HostShortOfMemoryError when the kernel ended it for lack of memory that others used
 */
export function decideEnding(
  decisions: Decisions,
  end: GuestEnd,
  { nodeWasShort, ownFault }: Exhaustion = NO_EXHAUSTION,
): Ending {
  if (decisions.cancelled) return ended('cancelled', 'the run was cancelled');
  if (decisions.violation !== null) return ended('violation', decisions.violation);
  if (end.signal === constants.signals.SIGSYS) {
    return ended(
      'violation',
      'a system call of another architecture or mode was made, or one while its trap was blocked',
    );
  }
  if (decisions.fault !== null) return ended('internal-error', decisions.fault);
  if (decisions.limit !== null && !end.hadMoment) return ended(...LIMIT_ENDINGS[decisions.limit]);
  if (end.reason === 'memory' || end.signal === REFUSED_MEMORY_SIGNAL)
    return ended('memory-limit', 'the memory limit was reached');
  if (end.reason === 'cpu' || end.signal === constants.signals.SIGXCPU) {
    return ended('time-limit', 'the CPU time limit was reached');
  }
  if (end.reason === 'wall') return ended('wall-limit', 'the elapsed time limit was reached');
  if (end.reason === 'startup') return ended('internal-error', 'the interpreter did not start in time');
  if (wasKilled(decisions, end) && (end.reason === 'oom' || nodeWasShort)) {
    if (ownFault && decisions.programBegan) return ended('memory-limit', 'the memory limit was reached');
    throw new HostShortOfMemoryError();
  }
  return ofItself(decisions, end);
}

/**
 * Ended by a signal that neither the guest nor this node has sent. `killed` is included because the guest's
 * pipes close before its end is reported, and a guest with closed pipes is killed.
 */
function wasKilled(decisions: Decisions, end: GuestEnd): boolean {
  const ofItself = decisions.exitCode !== null || decisions.ownSignal !== null;
  return (
    !ofItself && end.signal === constants.signals.SIGKILL && ['exit', 'killed', 'oom'].includes(end.reason)
  );
}

function ofItself(decisions: Decisions, end: GuestEnd): Ending {
  const signal = decisions.ownSignal ?? (decisions.exitCode === null ? end.signal : null);
  const exitCode = signal === null ? (decisions.exitCode ?? end.exitCode) : null;
  if (!decisions.programBegan) {
    const how =
      signal === null ? (NOT_EXECUTED.get(exitCode ?? 0) ?? `exit code ${exitCode}`) : signalName(signal);
    return ended('internal-error', `the interpreter ended before its program began (${how})`);
  }
  if (wasKilled(decisions, end)) {
    return ended('internal-error', 'the guest was killed from outside');
  }
  if (exitCode === 0) return { status: 'ok', exitCode, signal: null, message: null };
  // The guest's word alone is no reason: a fault must have ended it.
  if (decisions.stackOverflow && end.signal === constants.signals.SIGSEGV) {
    return { ...ended('runtime-error', STACK_OVERFLOW_MESSAGE), signal: signalName(end.signal) };
  }
  if (decisions.diskFull) {
    return { ...ended('disk-limit', 'the disk limit was reached and the program failed'), exitCode };
  }
  if (decisions.refusedGrowth > 0) return { ...ended('memory-limit', REFUSED_MEMORY_MESSAGE), exitCode };
  const message = signal === null ? `exit code ${exitCode}` : `died of ${signalName(signal)}`;
  return { status: 'runtime-error', exitCode, signal: signal === null ? null : signalName(signal), message };
}

function ended(status: RunStatus, message: string): Ending {
  return { status, exitCode: null, signal: null, message };
}
