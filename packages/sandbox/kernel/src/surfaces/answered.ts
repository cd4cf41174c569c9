import { attributeOperations } from '../operations/attributes.js';
import { descriptorOperations } from '../operations/descriptors.js';
import { fileOperations } from '../operations/files.js';
import { folderOperations } from '../operations/folders.js';
import { memoryOperations } from '../operations/memory.js';
import { processOperations } from '../operations/process.js';
import { schedulingOperations } from '../operations/scheduling.js';
import { signalOperations } from '../operations/signals.js';
import { socketOperations } from '../operations/sockets.js';
import { timeOperations } from '../operations/time.js';
import { waitingOperations } from '../operations/waiting.js';
import { type Entry, partial, supported } from './surface.js';

/** The operations by the names of system calls. */
export const operations = {
  ...fileOperations,
  ...descriptorOperations,
  ...memoryOperations,
  ...folderOperations,
  ...timeOperations,
  ...waitingOperations,
  ...processOperations,
  ...schedulingOperations,
  ...signalOperations,
  ...attributeOperations,
  ...socketOperations,
};

export type OperationName = keyof typeof operations;

/** No other process exists that could end it. */
const WAITS = 'a wait that only the guest itself could end fails with EAGAIN, unless a timer runs';
const NO_VIRTUAL_ALARM = 'a wait notices it within 10 ms; it does not fire in deterministic runs';

const RLIMITS = 'RLIMIT_STACK, up to the limit of the run; others are accepted and not applied';

const ATTRIBUTES = 'namespace user only';

/** How an operation falls short of its manual page. */
const notes: Partial<Record<OperationName, string>> = {
  fcntl: 'locks succeed at once, because no other process exists; no leases, no owners',
  flock: 'succeeds at once, because no other process exists',
  fadvise64: 'advice is ignored',
  fsync: 'no effect: there is no disk',
  fdatasync: 'no effect: there is no disk',
  ioctl:
    'FIONREAD, FIONBIO, FIOCLEX and FIONCLEX; of a terminal its attributes, size and group are told and not set',
  mmap: 'files are copied into memory; a shared mapping is synchronized when the file is read',
  munmap: 'native, except for shared mappings of files',
  mremap: 'native, except for shared mappings of files',
  madvise: 'advice that the filter does not allow is refused',
  chown: 'to its own ids only',
  fchown: 'to its own ids only',
  lchown: 'to its own ids only',
  fchownat: 'to its own ids only',
  getrusage: 'CPU time; other figures are invented',
  sysinfo: 'the memory limit as the size of memory; other figures are invented',
  sched_getaffinity: 'one CPU',
  sched_getscheduler: 'of the process itself only',
  sched_setscheduler: 'remembered, not applied; policies of real time are refused',
  sched_getparam: 'of the process itself only',
  sched_setparam: 'to the current value only',
  sched_rr_get_interval: 'an invented slice',
  futex: 'WAIT and WAKE; private ones are native, of others no waiter exists',
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
  setrlimit: RLIMITS,
  prlimit64: `of the process itself only; ${RLIMITS}`,
  alarm: NO_VIRTUAL_ALARM,
  setitimer: `of CPU time: user and system time count for both; ${NO_VIRTUAL_ALARM}`,
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

/** The row of an operation, with how it falls short. @param key as on the wire */
export function answeredBy(name: OperationName, key: string = name): Entry {
  const note = notes[name];
  return note === undefined ? supported(key, operations[name]) : partial(key, note, operations[name]);
}
