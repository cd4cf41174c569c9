import { Errno } from '@sandpiper/abi';
import { refusesClone, refusesClone3, refusesProcesses, refusesSocket, refusesSockets } from '../refusals.js';
import { answeredBy, type OperationName, operations } from './answered.js';
import { arityOf } from './linux-arity.js';
import { denied, type Entry, native, surfaceOf } from './surface.js';

const answered = Object.keys(operations).map((name) => answeredBy(name as OperationName));

const AN_ANONYMOUS_ONE = 'private anonymous memory is native; see mmap';

/** Refused with an errno of their own, because programs check for it. Every other call gets ENOSYS. */
const refused: Entry[] = [
  ...[
    ...['ptrace', 'process_vm_readv', 'process_vm_writev'],
    ...['mlock', 'mlock2', 'mlockall', 'chroot', 'mount', 'umount2', 'unshare', 'setns'],
    ...['sethostname', 'setgroups', 'setsid', 'setpgid', 'seccomp', 'bpf'],
    ...['perf_event_open', 'keyctl', 'userfaultfd', 'clock_settime', 'settimeofday'],
  ].map((name) => denied(name, Errno.EPERM)),
  denied('socket', Errno.EPERM, { refuses: refusesSocket }),
  ...['connect', 'bind', 'listen', 'accept', 'accept4', 'sendmsg', 'recvmsg'].map((name) =>
    denied(name, Errno.EPERM, { refuses: refusesSockets }),
  ),
  ...['execve', 'execveat'].map((name) => denied(name, Errno.EPERM, { refuses: refusesProcesses })),
  ...(
    [
      ['fork', refusesProcesses],
      ['vfork', refusesProcesses],
      ['clone', refusesClone],
      ['clone3', refusesClone3],
    ] as const
  ).map(([name, refuses]) => denied(name, Errno.EAGAIN, { note: 'one process, one thread', refuses })),
  denied('mprotect', Errno.EINVAL, { note: AN_ANONYMOUS_ONE }),
];

const inTheGuest: Entry[] = [
  native('brk', 'memory of the process'),
  native('rt_sigreturn', 'the return from a handler'),
  native('restart_syscall', 'by the kernel'),
  native('rt_sigprocmask', 'by the shim, which keeps SIGSYS, SIGSEGV and SIGBUS open'),
];

/** System calls of Linux x86-64, for guests of the seccomp engine. */
export const linuxSurface = surfaceOf([...answered, ...refused, ...inTheGuest], Errno.ENOSYS, arityOf);
