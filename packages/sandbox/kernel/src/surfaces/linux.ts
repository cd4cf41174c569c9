import { Errno } from '@sandpiper/abi';
import { answeredBy, type OperationName, operations } from './answered.js';
import { arityOf } from './linux-arity.js';
import { denied, type Entry, native, surfaceOf } from './surface.js';

const answered = Object.keys(operations).map((name) => answeredBy(name as OperationName));

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
