import { randomBytes } from 'node:crypto';
import { encodeRlimit, encodeUtsname, Errno, SyscallError } from '@sandpiper/abi';
import { GUEST_PID, GUEST_UID, type Call, type Handler } from './state.js';
import { RunEnds } from './types.js';

const SIGACTION_BYTES = 32;
const STACK_BYTES = 24;
const LAST_SIGNAL = 64;
const SIGKILL = 9;
const SIGSTOP = 19;
const SIG_IGN = 1n;
/** SIGCHLD, SIGCONT, SIGURG, SIGWINCH: ignored by default (signal(7)). */
const IGNORED = new Set([17, 18, 23, 28]);

function put(call: Call, index: number, data: Buffer): number {
  if (call.pointer(index) !== 0) call.memory.write(call.pointer(index), data);
  return 0;
}

/** Handlers are remembered and given back. No signal reaches them: none is ever sent to a guest. */
function sigaction(call: Call): number {
  const signal = call.int(0);
  if (signal < 1 || signal > LAST_SIGNAL || call.long(3) !== 8) throw new SyscallError(Errno.EINVAL);
  const { sigactions } = call.state;
  const old = sigactions.get(signal) ?? Buffer.alloc(SIGACTION_BYTES);
  if (call.pointer(1) !== 0) {
    if (signal === SIGKILL || signal === SIGSTOP) throw new SyscallError(Errno.EINVAL);
    sigactions.set(signal, call.memory.read(call.pointer(1), SIGACTION_BYTES));
  }
  return put(call, 2, old);
}

/** kill(2) and its kin: the guest can reach itself only. */
function send(call: Call, target: number, signal: number): number {
  if (signal < 0 || signal > LAST_SIGNAL) throw new SyscallError(Errno.EINVAL);
  const own = target === GUEST_PID || target === 0 || target === -GUEST_PID || target === -1;
  if (!own) throw new SyscallError(target === 1 ? Errno.EPERM : Errno.ESRCH);
  if (signal === 0) return 0;
  const action = call.state.sigactions.get(signal)?.readBigUInt64LE(0) ?? 0n;
  if (action === SIG_IGN || (action === 0n && IGNORED.has(signal))) return 0;
  // With a handler of its own the program expects to go on; the handler is not called, which the table of calls says.
  if (action !== 0n && signal !== SIGKILL) return 0;
  throw new RunEnds({ kind: 'signal', signal });
}

function resourceLimit(call: Call, resource: number): Buffer {
  if (resource < 0 || resource > 15) throw new SyscallError(Errno.EINVAL);
  const RLIMIT_STACK = 3;
  const RLIMIT_CORE = 4;
  const RLIMIT_NOFILE = 7;
  const files = call.state.options.limits.openFiles;
  if (resource === RLIMIT_NOFILE) return encodeRlimit(files, files);
  if (resource === RLIMIT_STACK) return encodeRlimit(8 * 1024 * 1024, 8 * 1024 * 1024);
  if (resource === RLIMIT_CORE) return encodeRlimit(0, 0);
  return encodeRlimit(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
}

function three(call: Call): number {
  const id = Buffer.alloc(4);
  id.writeInt32LE(GUEST_UID);
  for (const index of [0, 1, 2]) call.memory.write(call.pointer(index), id);
  return 0;
}

/** Ids may be set to what they are. */
function setId(call: Call): number {
  if (call.args.every((id) => (id | 0) === GUEST_UID || (id | 0) === -1)) return 0;
  throw new SyscallError(Errno.EPERM);
}

const identity = () => GUEST_UID;

export const processHandlers: Record<string, Handler> = {
  getpid: () => GUEST_PID,
  gettid: () => GUEST_PID,
  getppid: () => 1,
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
  uname: (c) => put(c, 0, encodeUtsname(['Linux', 'sandpiper', '6.1.0', '#1 SMP', 'x86_64', '(none)'])),
  getpriority: () => 20,
  sysinfo: (c) => {
    const data = Buffer.alloc(112);
    data.writeBigInt64LE((process.hrtime.bigint() - c.state.startedNs) / 1_000_000_000n, 0);
    data.writeBigUInt64LE(1n << 30n, 32); // totalram: a made-up gibibyte, half of it free
    data.writeBigUInt64LE(1n << 29n, 40);
    data.writeUInt16LE(1, 80);
    data.writeUInt32LE(1, 104);
    return put(c, 0, data);
  },
  getrandom: (c) => {
    if ((c.int(2) & ~7) !== 0) throw new SyscallError(Errno.EINVAL);
    const data = randomBytes(Math.min(c.size(1), 1024 * 1024));
    c.memory.write(c.pointer(0), data);
    return data.length;
  },
  sched_yield: () => 0,
  sched_getaffinity: (c) => {
    if (c.long(1) < 8) throw new SyscallError(Errno.EINVAL);
    const mask = Buffer.alloc(8);
    mask[0] = 1;
    c.memory.write(c.pointer(2), mask);
    return mask.length;
  },
  getcpu: (c) => {
    put(c, 0, Buffer.alloc(4));
    return put(c, 1, Buffer.alloc(4));
  },
  getrlimit: (c) => put(c, 1, resourceLimit(c, c.int(0))),
  setrlimit: (c) => {
    resourceLimit(c, c.int(0));
    c.memory.read(c.pointer(1), 16);
    return 0;
  },
  prlimit64: (c) => {
    if (c.int(0) !== 0 && c.int(0) !== GUEST_PID) throw new SyscallError(Errno.ESRCH);
    const old = resourceLimit(c, c.int(1));
    if (c.pointer(2) !== 0) c.memory.read(c.pointer(2), 16);
    return put(c, 3, old);
  },
  rt_sigaction: sigaction,
  sigaltstack: (c) => {
    const old = c.state.alternateStack;
    if (c.pointer(0) !== 0) c.state.alternateStack = c.memory.read(c.pointer(0), STACK_BYTES);
    return put(c, 1, old);
  },
  rt_sigpending: (c) => put(c, 0, Buffer.alloc(8)),
  // Accepted and never delivered: a timer that interrupts needs a signal.
  alarm: () => 0,
  setitimer: (c) => {
    c.memory.read(c.pointer(1), 32);
    return put(c, 2, Buffer.alloc(32));
  },
  getitimer: (c) => put(c, 1, Buffer.alloc(32)),
  kill: (c) => send(c, c.int(0), c.int(1)),
  tkill: (c) => send(c, c.int(0), c.int(1)),
  tgkill: (c) => (c.int(0) === GUEST_PID ? send(c, c.int(1), c.int(2)) : -Errno.ESRCH),
  set_tid_address: () => GUEST_PID,
  set_robust_list: () => 0,
  prctl: (c) => {
    const PR_SET_NAME = 15;
    const PR_GET_NAME = 16;
    if (c.int(0) === PR_SET_NAME) return 0;
    if (c.int(0) === PR_GET_NAME) return put(c, 1, Buffer.from('pypy3\0'));
    throw new SyscallError(Errno.EINVAL);
  },
  exit: (c) => {
    throw new RunEnds({ kind: 'exit', code: c.int(0) & 0xff });
  },
  exit_group: (c) => {
    throw new RunEnds({ kind: 'exit', code: c.int(0) & 0xff });
  },
  wait4: () => -Errno.ECHILD,
  waitid: () => -Errno.ECHILD,
  msync: () => 0,
  madvise: () => -Errno.EINVAL,
};
