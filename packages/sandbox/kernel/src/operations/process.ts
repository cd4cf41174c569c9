import { encodeRlimit, encodeUtsname, Errno, SyscallError } from '@sandpiper/abi';
import { GUEST_UID, keptBytes } from '@sandpiper/vfs';
import type { Call, Operation } from '../call.js';
import { GUEST_PID, PARENT_PID } from '../state.js';
import { HOST_NAME } from '../surroundings/layout.js';
import { RunEnds } from '../types.js';

const RLIMIT_STACK = 3;
/** struct rlimit, bytes */
const RLIMIT_BYTES = 16;

function resourceLimit(call: Call, resource: number): Buffer {
  if (resource < 0 || resource > 15) throw new SyscallError(Errno.EINVAL);
  const RLIMIT_CORE = 4;
  const RLIMIT_NOFILE = 7;
  const files = call.state.options.limits.openFiles;
  if (resource === RLIMIT_NOFILE) return encodeRlimit(files, files);
  if (resource === RLIMIT_STACK) return call.state.stackLimit;
  if (resource === RLIMIT_CORE) return encodeRlimit(0, 0);
  return encodeRlimit(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
}

/** Soft and hard limit of a struct rlimit. */
const limitsIn = (rlimit: Buffer) => [rlimit.readBigUInt64LE(0), rlimit.readBigUInt64LE(8)] as const;

/** Only that of the stack has an effect. Above the limit of the run the soft limit is remembered and no more. */
function setResourceLimit(call: Call, resource: number, rlimit: Buffer): void {
  if (resource !== RLIMIT_STACK) return;
  const { state } = call;
  const [soft, hard] = limitsIn(rlimit);
  const [softBefore, hardBefore] = limitsIn(state.stackLimit);
  if (soft > hard) throw new SyscallError(Errno.EINVAL);
  if (hard > hardBefore) throw new SyscallError(Errno.EPERM);
  const most = BigInt(state.stackBytes);
  const bounded = (limit: bigint) => Number(limit < most ? limit : most);
  if (bounded(soft) !== bounded(softBefore)) state.options.setStack?.(bounded(soft));
  state.stackLimit = keptBytes(rlimit);
}

function three(call: Call): number {
  const id = Buffer.alloc(4);
  id.writeInt32LE(GUEST_UID);
  for (const index of [0, 1, 2]) call.memory.write(call.pointer(index), id);
  return 0;
}

/** Ids may be set only to what they are. */
function setId(call: Call): number {
  if (call.args.every((id) => (id | 0) === GUEST_UID || (id | 0) === -1)) return 0;
  throw new SyscallError(Errno.EPERM);
}

const identity = () => GUEST_UID;

/** PRIO_PROCESS, PRIO_PGRP or PRIO_USER of the guest itself; a priority is remembered and has no effect. */
export function ownNiceness(call: Call): number {
  if (call.int(0) < 0 || call.int(0) > 2) throw new SyscallError(Errno.EINVAL);
  const own = [0, call.int(0) === 2 ? GUEST_UID : GUEST_PID];
  if (!own.includes(call.int(1))) throw new SyscallError(Errno.ESRCH);
  return call.state.niceness;
}

function noChild(): never {
  throw new SyscallError(Errno.ECHILD);
}

export const processOperations = {
  getpid: () => GUEST_PID,
  gettid: () => GUEST_PID,
  getppid: () => PARENT_PID,
  getpgrp: () => GUEST_PID,
  getpgid: (c) => {
    if (c.int(0) !== 0 && c.int(0) !== GUEST_PID) throw new SyscallError(Errno.ESRCH);
    return GUEST_PID;
  },
  getsid: (c) => {
    if (c.int(0) !== 0 && c.int(0) !== GUEST_PID) throw new SyscallError(Errno.ESRCH);
    return GUEST_PID;
  },
  getuid: identity,
  geteuid: identity,
  getgid: identity,
  getegid: identity,
  getresuid: three,
  getresgid: three,
  setuid: setId,
  setgid: setId,
  setreuid: setId,
  setregid: setId,
  setresuid: setId,
  setresgid: setId,
  getgroups: (c) => {
    if (c.int(0) < 0) throw new SyscallError(Errno.EINVAL);
    if (c.int(0) === 0) return 1;
    const id = Buffer.alloc(4);
    id.writeInt32LE(GUEST_UID);
    c.memory.write(c.pointer(1), id);
    return 1;
  },
  uname: (c) =>
    c.putUnlessNull(0, encodeUtsname(['Linux', HOST_NAME, '6.1.0', '#1 SMP', 'x86_64', '(none)'])),
  // The system call gives 20 to 1 for -20 to 19 (getpriority(2))
  getpriority: (c) => 20 - ownNiceness(c),
  setpriority: (c) => {
    const before = ownNiceness(c);
    if (c.int(2) < before) throw new SyscallError(Errno.EACCES);
    c.state.niceness = Math.min(19, c.int(2));
    return 0;
  },
  sysinfo: (c) => {
    const data = Buffer.alloc(112);
    data.writeBigInt64LE((c.state.options.clock.monotonicNs() - c.state.startedNs) / 1_000_000_000n, 0);
    const total = BigInt(c.state.memoryBytes);
    data.writeBigUInt64LE(total, 32); // totalram: the limit, half of it free
    data.writeBigUInt64LE(total / 2n, 40);
    data.writeUInt16LE(1, 80);
    data.writeUInt32LE(1, 104);
    return c.putUnlessNull(0, data);
  },
  getrandom: (c) => {
    if ((c.int(2) & ~7) !== 0) throw new SyscallError(Errno.EINVAL);
    const data = c.state.options.randomBytes(Math.min(c.size(1), 1024 * 1024));
    c.memory.write(c.pointer(0), data);
    return data.length;
  },
  getcpu: (c) => {
    c.putUnlessNull(0, Buffer.alloc(4));
    return c.putUnlessNull(1, Buffer.alloc(4));
  },
  getrlimit: (c) => c.putUnlessNull(1, resourceLimit(c, c.int(0))),
  setrlimit: (c) => {
    resourceLimit(c, c.int(0));
    setResourceLimit(c, c.int(0), c.memory.read(c.pointer(1), RLIMIT_BYTES));
    return 0;
  },
  prlimit64: (c) => {
    if (c.int(0) !== 0 && c.int(0) !== GUEST_PID) throw new SyscallError(Errno.ESRCH);
    const old = resourceLimit(c, c.int(1));
    if (c.pointer(2) !== 0) setResourceLimit(c, c.int(1), c.memory.read(c.pointer(2), RLIMIT_BYTES));
    return c.putUnlessNull(3, old);
  },
  set_tid_address: () => GUEST_PID,
  set_robust_list: () => 0,
  prctl: (c) => {
    const PR_SET_NAME = 15;
    const PR_GET_NAME = 16;
    if (c.int(0) === PR_SET_NAME) return 0;
    if (c.int(0) === PR_GET_NAME)
      return c.putUnlessNull(1, Buffer.from(`${c.state.processName}\0`, 'latin1'));
    throw new SyscallError(Errno.EINVAL);
  },
  exit: (c) => {
    throw new RunEnds({ kind: 'exit', code: c.int(0) & 0xff });
  },
  exit_group: (c) => {
    c.state.mappings.fetchAll(c.memory);
    throw new RunEnds({ kind: 'exit', code: c.int(0) & 0xff });
  },
  wait4: noChild,
  waitid: noChild,
} satisfies Record<string, Operation>;
