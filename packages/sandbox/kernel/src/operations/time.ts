import { encodeRusage, encodeTimespec, encodeTimeval, Errno, SyscallError } from '@sandpiper/abi';
import type { Call, Operation } from '../call.js';

const BILLION = 1_000_000_000n;

const CLOCK_REALTIME = 0;
export const CLOCK_MONOTONIC = 1;
const CLOCK_PROCESS_CPUTIME_ID = 2;
const CLOCK_THREAD_CPUTIME_ID = 3;
const CLOCK_REALTIME_COARSE = 5;
const CLOCK_BOOTTIME = 7;
const CLOCK_TAI = 11;
/** The two lowest bits of the number of a clock that is a device (linux/posix-timers.h). */
const CLOCK_OF_FILE = 3;

/**
 * clock_gettime(2). A guest of the seccomp engine reads its CPU clocks natively, if its time is the host's.
 */
export function clockNs(call: Call, clock: number): bigint {
  if (clock === CLOCK_REALTIME || clock === CLOCK_REALTIME_COARSE || clock === CLOCK_TAI)
    return call.state.now();
  if (clock === CLOCK_PROCESS_CPUTIME_ID || clock === CLOCK_THREAD_CPUTIME_ID) return call.state.cpuNs();
  // Of a process or a thread by its number (clock_getcpuclockid(3)): a guest knows no other's than its own, which its C
  // library has from the host's kernel.
  if (clock < 0 && (clock & CLOCK_OF_FILE) !== CLOCK_OF_FILE) return call.state.cpuNs();
  if (clock >= CLOCK_MONOTONIC && clock <= CLOCK_BOOTTIME) return call.state.options.clock.monotonicNs();
  throw new SyscallError(Errno.EINVAL);
}

export function readTimespec(call: Call, address: number): bigint {
  const data = call.memory.read(address, 16);
  const seconds = data.readBigInt64LE(0);
  const rest = data.readBigInt64LE(8);
  if (seconds < 0n || rest < 0n || rest >= BILLION) throw new SyscallError(Errno.EINVAL);
  return seconds * BILLION + rest;
}

export const timeOperations = {
  clock_gettime: (c) => c.putUnlessNull(1, encodeTimespec(clockNs(c, c.int(0)))),
  clock_getres: (c) => {
    clockNs(c, c.int(0));
    return c.putUnlessNull(1, encodeTimespec(1n));
  },
  gettimeofday: (c) => c.putUnlessNull(0, encodeTimeval(c.state.now())),
  time: (c) => {
    const seconds = c.state.now() / BILLION;
    const data = Buffer.alloc(8);
    data.writeBigInt64LE(seconds);
    c.putUnlessNull(0, data);
    return Number(seconds);
  },
  getrusage: (c) => {
    const who = c.int(0);
    if (who < -1 || who > 1) throw new SyscallError(Errno.EINVAL);
    const RUSAGE_CHILDREN = -1;
    return c.put(1, encodeRusage(who === RUSAGE_CHILDREN ? 0n : c.state.cpuNs(), 65536));
  },
  times: (c) => {
    const TICK_NS = 10_000_000n;
    const data = Buffer.alloc(32);
    data.writeBigInt64LE(c.state.cpuNs() / TICK_NS, 0);
    c.putUnlessNull(0, data);
    return Number((c.state.options.clock.monotonicNs() - c.state.startedNs) / TICK_NS);
  },
} satisfies Record<string, Operation>;
