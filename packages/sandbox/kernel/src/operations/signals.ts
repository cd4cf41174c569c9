import { encodeTimeval, Errno, SyscallError } from '@sandpiper/abi';
import { keptBytes } from '@sandpiper/vfs';
import type { Call, Operation } from '../call.js';
import { GUEST_PID, PARENT_PID } from '../state.js';
import { type IntervalTimer, ITIMER, RunEnds } from '../types.js';

const BILLION = 1_000_000_000n;
const SIGACTION_BYTES = 32;
const STACK_BYTES = 24;
const LAST_SIGNAL = 64;
const SIGKILL = 9;
const SIGSTOP = 19;
const SIG_IGN = 1n;
/** SIGCHLD, SIGCONT, SIGURG, SIGWINCH: ignored by default (signal(7)). */
const IGNORED = new Set([17, 18, 23, 28]);

/** Handlers are remembered and given back. The shim is what calls them. */
function sigaction(call: Call): number {
  const signal = call.int(0);
  if (signal < 1 || signal > LAST_SIGNAL || call.long(3) !== 8) throw new SyscallError(Errno.EINVAL);
  const { sigactions } = call.state;
  const old = sigactions.get(signal) ?? Buffer.alloc(SIGACTION_BYTES);
  if (call.pointer(1) !== 0) {
    if (signal === SIGKILL || signal === SIGSTOP) throw new SyscallError(Errno.EINVAL);
    sigactions.set(signal, keptBytes(call.memory.read(call.pointer(1), SIGACTION_BYTES)));
  }
  return call.putUnlessNull(2, old);
}

/** kill(2) and its kin: the guest can signal only itself. */
export function sendSignal(call: Call, target: number, signal: number): number {
  if (signal < 0 || signal > LAST_SIGNAL) throw new SyscallError(Errno.EINVAL);
  const own = target === GUEST_PID || target === 0 || target === -GUEST_PID || target === -1;
  if (!own) throw new SyscallError(target === PARENT_PID ? Errno.EPERM : Errno.ESRCH);
  if (signal === 0) return 0;
  const action = call.state.sigactions.get(signal)?.readBigUInt64LE(0) ?? 0n;
  if (action === SIG_IGN || (action === 0n && IGNORED.has(signal))) return 0;
  // The shim calls the handler when this call has returned.
  if (action !== 0n && signal !== SIGKILL) return 0;
  throw new RunEnds({ kind: 'signal', signal });
}

interface TimeLeft {
  readonly left: bigint;
  readonly interval: bigint;
}

function timerOf(call: Call): IntervalTimer {
  const which = call.int(0);
  if (which < ITIMER.REAL || which > ITIMER.PROF) throw new SyscallError(Errno.EINVAL);
  return which as IntervalTimer;
}

/** Both timers of CPU time count the guest's user and system time, as its CPU clock does. */
const clockOf = ({ state }: Call, which: IntervalTimer): bigint =>
  which === ITIMER.REAL ? state.options.clock.monotonicNs() : state.cpuNs();

function timeLeft(call: Call, which: IntervalTimer): TimeLeft {
  const timer = call.state.timers[which];
  if (timer === null) return { left: 0n, interval: 0n };
  let left = timer.atNs - clockOf(call, which);
  if (left <= 0n && timer.interval === 0n) return { left: 0n, interval: 0n };
  if (left <= 0n) left += timer.interval * (-left / timer.interval + 1n);
  return { left, interval: timer.interval };
}

/** Returns what was left of the previous timer. */
function setTimer(call: Call, which: IntervalTimer, first: bigint, interval: bigint): TimeLeft {
  const { state } = call;
  const before = timeLeft(call, which);
  state.timers[which] = first === 0n ? null : { atNs: clockOf(call, which) + first, interval };
  state.options.setTimer?.(which, first, interval);
  return before;
}

function encodeTimer(timer: TimeLeft): Buffer {
  return Buffer.concat([encodeTimeval(timer.interval), encodeTimeval(timer.left)]);
}

function readTimeval(from: Buffer, at: number): bigint {
  const [seconds, micros] = [from.readBigInt64LE(at), from.readBigInt64LE(at + 8)];
  if (seconds < 0n || micros < 0n || micros >= 1_000_000n) throw new SyscallError(Errno.EINVAL);
  const most = 1_000_000_000n; // thirty years
  return (seconds > most ? most : seconds) * BILLION + micros * 1000n;
}

export const signalOperations = {
  rt_sigaction: sigaction,
  sigaltstack: (c) => {
    const old = c.state.alternateStack;
    if (c.pointer(0) !== 0) c.state.alternateStack = keptBytes(c.memory.read(c.pointer(0), STACK_BYTES));
    return c.putUnlessNull(1, old);
  },
  rt_sigpending: (c) => c.putUnlessNull(0, Buffer.alloc(8)),
  alarm: (c) => {
    const before = setTimer(c, ITIMER.REAL, BigInt(c.int(0) >>> 0) * BILLION, 0n);
    return Number((before.left + BILLION - 1n) / BILLION);
  },
  setitimer: (c) => {
    const which = timerOf(c);
    if (c.pointer(1) === 0) throw new SyscallError(Errno.EFAULT);
    const value = c.memory.read(c.pointer(1), 32);
    const [interval, first] = [readTimeval(value, 0), readTimeval(value, 16)];
    return c.putUnlessNull(2, encodeTimer(setTimer(c, which, first, interval)));
  },
  getitimer: (c) => c.put(1, encodeTimer(timeLeft(c, timerOf(c)))),
  kill: (c) => sendSignal(c, c.int(0), c.int(1)),
  tkill: (c) => sendSignal(c, c.int(0), c.int(1)),
  tgkill: (c) => {
    if (c.int(0) !== GUEST_PID) throw new SyscallError(Errno.ESRCH);
    return sendSignal(c, c.int(1), c.int(2));
  },
} satisfies Record<string, Operation>;
