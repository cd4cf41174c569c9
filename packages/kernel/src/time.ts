import { encodeRusage, encodeTimespec, encodeTimeval, Errno, POLL, SyscallError } from '@sandpiper/abi';
import type { Call, Handler } from './state.js';

const BILLION = 1_000_000_000n;
/** How often a wait looks whether it must stop, milliseconds. */
const SLICE_MS = 10;
const never = new Int32Array(new SharedArrayBuffer(4));

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;
const CLOCK_REALTIME_COARSE = 5;
const CLOCK_BOOTTIME = 7;
const CLOCK_TAI = 11;
const TIMER_ABSTIME = 1;

/** clock_gettime(2). The CPU clocks are answered natively: they are the guest's own (see the filter). */
function clockNs(call: Call, clock: number): bigint {
  if (clock === CLOCK_REALTIME || clock === CLOCK_REALTIME_COARSE || clock === CLOCK_TAI)
    return call.state.now();
  if (clock >= CLOCK_MONOTONIC && clock <= CLOCK_BOOTTIME) return process.hrtime.bigint();
  throw new SyscallError(Errno.EINVAL);
}

/** Waits until that time of the host's monotonic clock. Returns false when the run must stop. */
function sleepUntil(call: Call, deadlineNs: bigint): boolean {
  for (;;) {
    const leftNs = deadlineNs - process.hrtime.bigint();
    if (leftNs <= 0n) return true;
    if (call.state.shouldStop()) return false;
    Atomics.wait(never, 0, 0, leftNs > 10_000_000n ? SLICE_MS : Number(leftNs) / 1e6);
  }
}

function readTimespec(call: Call, address: number): bigint {
  const data = call.memory.read(address, 16);
  const seconds = data.readBigInt64LE(0);
  const rest = data.readBigInt64LE(8);
  if (seconds < 0n || rest < 0n || rest >= BILLION) throw new SyscallError(Errno.EINVAL);
  return seconds * BILLION + rest;
}

function sleep(call: Call, clock: number, flags: number, address: number): number {
  let ns = readTimespec(call, address);
  if ((flags & TIMER_ABSTIME) !== 0) ns -= clockNs(call, clock);
  return sleepUntil(call, process.hrtime.bigint() + ns) ? 0 : -Errno.EINTR;
}

/** Waits for descriptors: what is ready now is told; with nothing ready only time can pass. */
function wait(call: Call, ready: () => number, timeoutNs: bigint | null): number {
  const deadline = process.hrtime.bigint() + (timeoutNs ?? 2n ** 62n);
  const count = ready();
  if (count > 0 || timeoutNs === 0n) return count;
  return sleepUntil(call, deadline) ? 0 : -Errno.EINTR;
}

function poll(call: Call, timeoutNs: bigint | null): number {
  const count = call.long(1);
  if (count < 0 || count > call.state.options.limits.openFiles) throw new SyscallError(Errno.EINVAL);
  const entries = call.memory.read(call.pointer(0), 8 * count);
  const result = wait(call, () => pollOnce(call, entries, count), timeoutNs);
  call.memory.write(call.pointer(0), entries);
  return result;
}

/** Fills in struct pollfd's revents; returns how many have any. */
function pollOnce(call: Call, entries: Buffer, count: number): number {
  let ready = 0;
  for (let i = 0; i < count; i++) {
    const fd = entries.readInt32LE(8 * i);
    let events = 0;
    if (fd >= 0) {
      try {
        const wanted = entries.readInt16LE(8 * i + 4) | POLL.HUP | POLL.ERR;
        events = call.state.fds.get(fd).poll() & wanted;
      } catch {
        events = POLL.NVAL;
      }
    }
    entries.writeInt16LE(events, 8 * i + 6);
    if (events !== 0) ready++;
  }
  return ready;
}

function select(call: Call, timeoutNs: bigint | null): number {
  const count = call.int(0);
  if (count < 0 || count > 1024) throw new SyscallError(Errno.EINVAL);
  const bytes = Math.ceil(count / 64) * 8;
  const sets = [1, 2, 3].map((index) => {
    const address = call.pointer(index);
    return { address, bits: address === 0 ? null : call.memory.read(address, bytes) };
  });
  const masks = [POLL.IN | POLL.HUP, POLL.OUT | POLL.ERR, POLL.PRI];
  const asked = sets.map(({ bits }) => (bits === null ? null : Buffer.from(bits)));
  const look = () => {
    let ready = 0;
    for (const [i, { bits }] of sets.entries()) {
      if (bits === null) continue;
      for (let fd = 0; fd < count; fd++) {
        const bit = 1 << (fd & 7);
        if (((asked[i]?.[fd >> 3] ?? 0) & bit) === 0) continue;
        const isReady = (call.state.fds.get(fd).poll() & (masks[i] ?? 0)) !== 0;
        bits[fd >> 3] = isReady ? (bits[fd >> 3] ?? 0) | bit : (bits[fd >> 3] ?? 0) & ~bit;
        if (isReady) ready++;
      }
    }
    return ready;
  };
  const result = wait(call, look, timeoutNs);
  for (const { address, bits } of sets) if (bits !== null) call.memory.write(address, bits);
  return result;
}

function put(call: Call, index: number, data: Buffer): number {
  if (call.pointer(index) !== 0) call.memory.write(call.pointer(index), data);
  return 0;
}

function timeval(call: Call, index: number): bigint | null {
  if (call.pointer(index) === 0) return null;
  const data = call.memory.read(call.pointer(index), 16);
  const [seconds, micros] = [data.readBigInt64LE(0), data.readBigInt64LE(8)];
  if (seconds < 0n || micros < 0n) throw new SyscallError(Errno.EINVAL);
  return seconds * BILLION + micros * 1000n;
}

function timespec(call: Call, index: number): bigint | null {
  return call.pointer(index) === 0 ? null : readTimespec(call, call.pointer(index));
}

export const timeHandlers: Record<string, Handler> = {
  clock_gettime: (c) => put(c, 1, encodeTimespec(clockNs(c, c.int(0)))),
  clock_getres: (c) => {
    clockNs(c, c.int(0) === 2 || c.int(0) === 3 ? CLOCK_MONOTONIC : c.int(0));
    return put(c, 1, encodeTimespec(1n));
  },
  gettimeofday: (c) => put(c, 0, encodeTimeval(c.state.now())),
  time: (c) => {
    const seconds = c.state.now() / BILLION;
    const data = Buffer.alloc(8);
    data.writeBigInt64LE(seconds);
    put(c, 0, data);
    return Number(seconds);
  },
  nanosleep: (c) => sleep(c, CLOCK_MONOTONIC, 0, c.pointer(0)),
  clock_nanosleep: (c) => sleep(c, c.int(0), c.int(1), c.pointer(2)),
  getrusage: (c) => {
    const who = c.int(0);
    if (who < -1 || who > 1) throw new SyscallError(Errno.EINVAL);
    const elapsed = who === -1 ? 0n : process.hrtime.bigint() - c.state.startedNs;
    return put(c, 1, encodeRusage(elapsed, 65536));
  },
  times: (c) => {
    // In ticks of 10 ms; elapsed time stands for the CPU time, which only the keeper knows
    const ticks = (process.hrtime.bigint() - c.state.startedNs) / 10_000_000n;
    const data = Buffer.alloc(32);
    data.writeBigInt64LE(ticks, 0);
    put(c, 0, data);
    return Number(ticks);
  },
  poll: (c) => poll(c, c.int(2) < 0 ? null : BigInt(c.int(2)) * 1_000_000n),
  ppoll: (c) => poll(c, timespec(c, 2)),
  select: (c) => select(c, timeval(c, 4)),
  pselect6: (c) => select(c, timespec(c, 4)),
  pause: (c) => wait(c, () => 0, null),
  rt_sigsuspend: (c) => wait(c, () => 0, null),
};
