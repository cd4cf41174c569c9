import { Errno } from '@sandpiper/abi';
import { attributeOperations } from '../operations/attributes.js';
import { descriptorOperations } from '../operations/descriptors.js';
import { fileOperations } from '../operations/files.js';
import { folderOperations } from '../operations/folders.js';
import { memoryOperations } from '../operations/memory.js';
import { processOperations } from '../operations/process.js';
import { signalOperations } from '../operations/signals.js';
import { socketOperations } from '../operations/sockets.js';
import { timeOperations } from '../operations/time.js';
import { waitingOperations } from '../operations/waiting.js';
import { arityOf } from './linux-arity.js';
import { denied, type Entry, native, partial, supported, surfaceOf } from './surface.js';

const operations = {
  ...fileOperations,
  ...descriptorOperations,
  ...memoryOperations,
  ...folderOperations,
  ...timeOperations,
  ...waitingOperations,
  ...processOperations,
  ...signalOperations,
  ...attributeOperations,
  ...socketOperations,
};

/** No other process exists that could end it. */
const WAITS = 'a wait that only the guest itself could end fails with EAGAIN, unless a timer runs';
const NO_VIRTUAL_ALARM = 'a wait notices it within 10 ms; it does not fire in deterministic runs';

const ATTRIBUTES = 'namespace user only';

/** How an operation falls short of its manual page. */
const notes: Partial<Record<keyof typeof operations, string>> = {
  fcntl: 'locks succeed at once, because no other process exists; no leases, no owners',
  flock: 'succeeds at once, because no other process exists',
  fadvise64: 'advice is ignored',
  fsync: 'no effect: there is no disk',
  fdatasync: 'no effect: there is no disk',
  ioctl: 'FIONREAD, FIOCLEX and FIONCLEX; no descriptor is a terminal',
  mmap: 'files are copied into memory; a shared mapping is synchronized when the file is read',
  munmap: 'native, except for shared mappings of files',
  mremap: 'native, except for shared mappings of files',
  madvise: 'advice that the filter does not allow is refused',
  chown: 'to its own ids only',
  fchown: 'to its own ids only',
  lchown: 'to its own ids only',
  fchownat: 'to its own ids only',
  getrusage: 'CPU time; other figures are invented',
  sysinfo: 'invented memory sizes',
  sched_getaffinity: 'one CPU',
  getpriority: 'of the process itself only',
  setpriority: 'remembered, not applied',
  mknod: 'files and pipes; an open of a pipe that would wait fails with EAGAIN',
  mknodat: 'files and pipes',
  memfd_create: 'no seals',
  pipe: WAITS,
  pipe2: WAITS,
  socketpair: `AF_UNIX, SOCK_STREAM; ${WAITS}`,
  setsockopt: 'accepted, not applied',
  epoll_ctl: 'always level-triggered',
  setrlimit: 'accepted, not applied',
  prlimit64: 'accepted, not applied',
  alarm: NO_VIRTUAL_ALARM,
  setitimer: `ITIMER_REAL; ${NO_VIRTUAL_ALARM}`,
  getitimer: 'ITIMER_REAL',
  rt_sigpending: 'blocked pending signals are not shown',
  set_robust_list: 'ignored: there is one thread',
  prctl: 'PR_SET_NAME and PR_GET_NAME',
  kill: 'to the process itself only',
  tkill: 'to the process itself only',
  tgkill: 'to the process itself only',
  ...Object.fromEntries(Object.keys(attributeOperations).map((name) => [name, ATTRIBUTES])),
  setuid: 'to the current value only',
  setgid: 'to the current value only',
  setreuid: 'to the current value only',
  setregid: 'to the current value only',
  setresuid: 'to the current value only',
  setresgid: 'to the current value only',
};

const answered: Entry[] = Object.entries(operations).map(([name, operation]) => {
  const note = notes[name as keyof typeof operations];
  return note === undefined ? supported(name, operation) : partial(name, note, operation);
});

const AN_ANONYMOUS_ONE = 'private anonymous memory is native; see mmap';

/** Refused with an errno of their own, because programs check for it. Every other call gets ENOSYS. */
const refused: Entry[] = [
  ...[
    ...['socket', 'connect', 'bind', 'listen', 'accept', 'accept4', 'sendmsg', 'recvmsg'],
    ...['execve', 'execveat', 'ptrace', 'process_vm_readv', 'process_vm_writev'],
    ...['mlock', 'mlock2', 'mlockall', 'chroot', 'mount', 'umount2', 'unshare', 'setns'],
    ...['sethostname', 'setgroups', 'sched_setaffinity', 'setsid', 'setpgid', 'seccomp', 'bpf'],
    ...['perf_event_open', 'keyctl', 'userfaultfd', 'clock_settime', 'settimeofday'],
  ].map((name) => denied(name, Errno.EPERM)),
  ...['fork', 'vfork', 'clone', 'clone3'].map((name) =>
    denied(name, Errno.EAGAIN, 'refused by the filter: one process, one thread'),
  ),
  denied('mprotect', Errno.EINVAL, AN_ANONYMOUS_ONE),
];

const inTheGuest: Entry[] = [
  native('brk', 'memory of the process'),
  native('futex', 'WAIT and WAKE'),
  native('rt_sigreturn', 'the return from a handler'),
  native('restart_syscall', 'by the kernel'),
  native('rt_sigprocmask', 'by the shim, which keeps SIGSYS, SIGSEGV and SIGBUS open'),
];

/** System calls of Linux x86-64, for guests of the seccomp engine. */
export const linuxSurface = surfaceOf([...answered, ...refused, ...inTheGuest], Errno.ENOSYS, arityOf);
