import { encodeTimespec, Errno, SyscallError } from '@sandpiper/abi';
import type { Call, Operation } from '../call.js';
import { GUEST_PID, PARENT_PID } from '../state.js';

/** Policies of sched(7): those of real time have priorities, from 1 to 99; the others have none. */
const REAL_TIME = new Set([1, 2]);
const ORDINARY = new Set([0, 3, 5]);

/** The time slice that sched_rr_get_interval(2) tells: one tick of a kernel with HZ=250. */
const SLICE_NS = 4_000_000n;

function priority(policy: number, ofRealTime: number): number {
  if (REAL_TIME.has(policy)) return ofRealTime;
  if (ORDINARY.has(policy)) return 0;
  throw new SyscallError(Errno.EINVAL);
}

/** There are the guest and its parent, which getppid(2) tells and which is not the guest's to change. */
function isItself(call: Call): boolean {
  const pid = call.int(0);
  if (pid < 0) throw new SyscallError(Errno.EINVAL);
  if (pid > GUEST_PID) throw new SyscallError(Errno.ESRCH);
  return pid !== PARENT_PID;
}

/** For affinity a negative number is one of no process. */
function isThere(call: Call): boolean {
  if (call.int(0) < 0) throw new SyscallError(Errno.ESRCH);
  return isItself(call);
}

/** A guest has one CPU; as cpu_set_t. */
const ONE_CPU = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);

function assertItself(call: Call): void {
  if (!isItself(call)) throw new SyscallError(Errno.EPERM);
}

/** struct sched_param is one int. */
function parameter(call: Call, index: number): number {
  if (call.pointer(index) === 0) throw new SyscallError(Errno.EINVAL);
  return call.memory.read(call.pointer(index), 4).readInt32LE();
}

/** As for a process without privileges (sched_setscheduler(2)). */
function assertAllowed(policy: number, wanted: number): void {
  if (REAL_TIME.has(policy) && wanted >= 1 && wanted <= 99) throw new SyscallError(Errno.EPERM);
  if (!ORDINARY.has(policy) || wanted !== 0) throw new SyscallError(Errno.EINVAL);
}

export const schedulingOperations = {
  sched_yield: () => 0,
  sched_getaffinity: (c) => {
    if (c.long(1) < 8) throw new SyscallError(Errno.EINVAL);
    isThere(c);
    return c.put(2, ONE_CPU) + ONE_CPU.length;
  },
  sched_setaffinity: (c) => {
    if (!isThere(c)) throw new SyscallError(Errno.EPERM);
    // All but the first byte name CPUs that a guest has not.
    if (c.long(1) <= 0) throw new SyscallError(Errno.EINVAL);
    if ((c.memory.read(c.pointer(2), 1).readUInt8() & 1) === 0) throw new SyscallError(Errno.EINVAL);
    return 0;
  },
  sched_get_priority_max: (c) => priority(c.int(0), 99),
  sched_get_priority_min: (c) => priority(c.int(0), 1),
  sched_getscheduler: (c) => (isItself(c) ? c.state.schedulingPolicy : 0),
  sched_setscheduler: (c) => {
    assertItself(c);
    const policy = c.int(1);
    assertAllowed(policy, parameter(c, 2));
    c.state.schedulingPolicy = policy;
    return 0;
  },
  sched_getparam: (c) => {
    isItself(c);
    if (c.pointer(1) === 0) throw new SyscallError(Errno.EINVAL);
    return c.put(1, Buffer.alloc(4));
  },
  sched_setparam: (c) => {
    assertItself(c);
    assertAllowed(c.state.schedulingPolicy, parameter(c, 1));
    return 0;
  },
  sched_rr_get_interval: (c) => {
    isItself(c);
    return c.put(1, encodeTimespec(SLICE_NS));
  },
} satisfies Record<string, Operation>;
