import { Errno, POLL, SyscallError } from '@sandpiper/abi';
import type { Call, Operation } from '../call.js';
import { FOREVER } from '../clock.js';
import { Readiness } from '../readiness.js';
import { CLOCK_MONOTONIC, clockNs, readTimespec } from './time.js';

const BILLION = 1_000_000_000n;
const TIMER_ABSTIME = 1;

/** Waits until the monotonic clock reaches that time. */
function waitUntil(call: Call, ns: bigint): void {
  const { state } = call;
  if (!state.options.clock.waitUntil(ns, () => state.shouldStop())) throw new SyscallError(Errno.EINTR);
}

function sleep(call: Call, clock: number, flags: number, address: number): number {
  let ns = readTimespec(call, address);
  if ((flags & TIMER_ABSTIME) !== 0) ns -= clockNs(call, clock);
  waitUntil(call, call.state.options.clock.monotonicNs() + ns);
  return 0;
}

/** Waits for descriptors: reports what is ready now; where nothing is, only time can pass. */
export function waitFor(
  call: Call,
  ready: (readiness: Readiness) => number,
  timeoutNs: bigint | null,
): number {
  const deadline = call.state.options.clock.monotonicNs() + (timeoutNs ?? FOREVER);
  const count = ready(new Readiness(call.state.work));
  if (count > 0 || timeoutNs === 0n) return count;
  waitUntil(call, deadline);
  return 0;
}

function poll(call: Call, timeoutNs: bigint | null): number {
  const count = call.long(1);
  if (count < 0 || count > call.state.options.limits.openFiles) throw new SyscallError(Errno.EINVAL);
  const entries = call.memory.read(call.pointer(0), 8 * count);
  const result = waitFor(call, (readiness) => pollOnce(call, readiness, entries, count), timeoutNs);
  call.memory.write(call.pointer(0), entries);
  return result;
}

/** Fills in struct pollfd's revents; returns how many are not zero. */
function pollOnce(call: Call, readiness: Readiness, entries: Buffer, count: number): number {
  let ready = 0;
  for (let i = 0; i < count; i++) {
    const fd = entries.readInt32LE(8 * i);
    let events = 0;
    if (fd >= 0) {
      const wanted = entries.readInt16LE(8 * i + 4) | POLL.HUP | POLL.ERR;
      const { fds } = call.state;
      events = fds.has(fd) ? readiness.of(fds.get(fd)) & (wanted | POLL.NVAL) : POLL.NVAL;
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
  const look = (readiness: Readiness) => {
    let ready = 0;
    for (const [i, { bits }] of sets.entries()) {
      if (bits === null) continue;
      for (let fd = 0; fd < count; fd++) {
        const bit = 1 << (fd & 7);
        if (((asked[i]?.[fd >> 3] ?? 0) & bit) === 0) continue;
        const isReady = (readiness.of(call.state.fds.get(fd)) & (masks[i] ?? 0)) !== 0;
        bits[fd >> 3] = isReady ? (bits[fd >> 3] ?? 0) | bit : (bits[fd >> 3] ?? 0) & ~bit;
        if (isReady) ready++;
      }
    }
    return ready;
  };
  const result = waitFor(call, look, timeoutNs);
  for (const { address, bits } of sets) if (bits !== null) call.memory.write(address, bits);
  return result;
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

/**
 * futex(2) that is not private, as of a semaphore of sem_open(3); the filter allows private ones. No other thread or
 * process could wake the guest, so only time passes.
 */
function futex(call: Call): number {
  const [WAIT, WAKE, WAIT_BITSET, WAKE_BITSET] = [0, 1, 9, 10];
  const [PRIVATE, BY_REALTIME] = [128, 256];
  const operation = call.long(1);
  const kind = operation % PRIVATE;
  if (operation < 0 || operation >= 4 * PRIVATE || ![WAIT, WAKE, WAIT_BITSET, WAKE_BITSET].includes(kind))
    throw new SyscallError(Errno.ENOSYS);
  if (call.pointer(0) % 4 !== 0) throw new SyscallError(Errno.EINVAL);
  const word = call.memory.read(call.pointer(0), 4).readInt32LE();
  if (kind === WAKE || kind === WAKE_BITSET) return 0;
  if (word !== call.int(2)) throw new SyscallError(Errno.EAGAIN);
  const { clock } = call.state.options;
  const timeout = timespec(call, 3) ?? FOREVER;
  const isAbsolute = kind === WAIT_BITSET && timeout !== FOREVER;
  const since = !isAbsolute
    ? 0n
    : Math.floor(operation / BY_REALTIME) === 1
      ? call.state.now()
      : clock.monotonicNs();
  waitUntil(call, clock.monotonicNs() + timeout - since);
  throw new SyscallError(Errno.ETIMEDOUT);
}

export const waitingOperations = {
  futex,
  nanosleep: (c) => sleep(c, CLOCK_MONOTONIC, 0, c.pointer(0)),
  clock_nanosleep: (c) => sleep(c, c.int(0), c.int(1), c.pointer(2)),
  poll: (c) => poll(c, c.int(2) < 0 ? null : BigInt(c.int(2)) * 1_000_000n),
  ppoll: (c) => poll(c, timespec(c, 2)),
  select: (c) => select(c, timeval(c, 4)),
  pselect6: (c) => select(c, timespec(c, 4)),
  pause: (c) => waitFor(c, () => 0, null),
  rt_sigsuspend: (c) => waitFor(c, () => 0, null),
} satisfies Record<string, Operation>;
