import { Errno } from '@sandpiper/abi';
import { attributeOperations } from '../operations/attributes.js';
import { descriptorOperations } from '../operations/descriptors.js';
import { fileOperations } from '../operations/files.js';
import { folderOperations } from '../operations/folders.js';
import { libcOperations as libc } from '../operations/libc.js';
import { processOperations } from '../operations/process.js';
import { signalOperations } from '../operations/signals.js';
import { timeOperations } from '../operations/time.js';
import { waitingOperations } from '../operations/waiting.js';
import { denied, type Entry, native, partial, supported, surfaceOf } from './surface.js';

/** Functions that take and return what the system call of the same name does. */
const call = {
  ...fileOperations,
  ...descriptorOperations,
  ...folderOperations,
  ...timeOperations,
  ...waitingOperations,
  ...processOperations,
  ...signalOperations,
  ...attributeOperations,
};

const files: Entry[] = [
  supported('access(pi)i', call.access),
  supported('faccessat(ipii)i', call.faccessat2),
  supported('open(pii)i', call.open),
  supported('openat(ipii)i', call.openat),
  supported('close(i)i', call.close),
  supported('read(ipi)i', call.read),
  supported('write(ipi)i', call.write),
  supported('pread(ipii)i', call.pread64),
  supported('pwrite(ipii)i', call.pwrite64),
  supported('sendfile(iipi)i', call.sendfile),
  supported('lseek(iii)i', call.lseek),
  supported('ftruncate(ii)i', call.ftruncate),
  partial('posix_fallocate(iii)i', 'reserves nothing', libc.posixFallocate),
  partial('posix_fadvise(iiii)i', 'advice is ignored', libc.posixFadvise),
  partial('fsync(i)i', 'no effect: there is no disk', call.fsync),
  partial('fdatasync(i)i', 'no effect: there is no disk', call.fdatasync),
  partial('sync()v', 'no effect: there is no disk', libc.nothing),
  partial('lockf(iii)i', 'succeeds at once, because no other process exists', libc.lockf),
  supported('dup(i)i', call.dup),
  supported('dup2(ii)i', call.dup2),
  supported('rpy_dup_noninheritable(i)i', libc.duplicate),
  supported('rpy_dup2_noninheritable(ii)i', libc.duplicateTo),
  supported('rpy_get_inheritable(i)i', libc.getInheritable),
  supported('rpy_set_inheritable(ii)i', libc.setInheritable),
  supported('rpy_get_status_flags(i)i', libc.getStatusFlags),
  supported('rpy_set_status_flags(ii)i', libc.setStatusFlags),
  partial('fcntl(iii)i', 'locks succeed at once, because no other process exists', call.fcntl),
  partial('ioctl(iip)i', 'FIONREAD, FIOCLEX and FIONCLEX', call.ioctl),
  supported('pipe(p)i', call.pipe),
  supported('pipe2(pi)i', call.pipe2),
  supported('select(ipppp)i', call.select),
  supported('isatty(i)i', libc.isatty),
  denied('ttyname(i)p', Errno.ENOTTY),
  denied('tcgetpgrp(i)i', Errno.ENOTTY),
  denied('tcsetpgrp(ii)i', Errno.ENOTTY),
  supported('get_stdout()p', libc.getStandardOutput),
  partial('fileno(p)i', 'for the result of get_stdout only', libc.fileno),
];

const folders: Entry[] = [
  supported('stat64(pp)i', call.stat),
  supported('lstat64(pp)i', call.lstat),
  supported('fstat64(ip)i', call.fstat),
  supported('fstatat64(ippi)i', call.newfstatat),
  supported('statvfs(pp)i', libc.statvfs),
  supported('fstatvfs(ip)i', libc.fstatvfs),
  supported('mkdir(pi)i', call.mkdir),
  supported('mkdirat(ipi)i', call.mkdirat),
  supported('rmdir(p)i', call.rmdir),
  supported('unlink(p)i', call.unlink),
  supported('unlinkat(ipi)i', call.unlinkat),
  supported('rename(pp)i', call.rename),
  supported('renameat(ipip)i', call.renameat),
  supported('link(pp)i', call.link),
  supported('linkat(ipipi)i', call.linkat),
  supported('symlink(pp)i', call.symlink),
  supported('symlinkat(pip)i', call.symlinkat),
  supported('readlink(ppi)i', call.readlink),
  supported('readlinkat(ippi)i', call.readlinkat),
  supported('chmod(pi)i', call.chmod),
  supported('fchmod(ii)i', call.fchmod),
  partial('fchmodat(ipii)i', 'follows links', call.fchmodat),
  ...[
    ['chown(pii)i', call.chown] as const,
    ['fchown(iii)i', call.fchown] as const,
    ['lchown(pii)i', call.lchown] as const,
    ['fchownat(ipiii)i', call.fchownat] as const,
  ].map(([key, operation]) => partial(key, 'to its own ids only', operation)),
  supported('utime(pp)i', call.utime),
  supported('utimes(pp)i', call.utimes),
  supported('utimensat(ippi)i', call.utimensat),
  supported('futimens(ip)i', libc.futimens),
  supported('umask(i)i', call.umask),
  supported('getcwd(pi)p', libc.getcwd),
  supported('chdir(p)i', call.chdir),
  supported('fchdir(i)i', call.fchdir),
  supported('opendir(p)p', libc.opendir),
  supported('fdopendir(i)p', libc.fdopendir),
  supported('readdir(p)p', libc.readdir),
  supported('rewinddir(p)v', libc.rewinddir),
  supported('closedir(p)i', libc.closedir),
  supported('dirfd(p)i', libc.dirfd),
  denied('chroot(p)i', Errno.EPERM),
  partial('mkfifo(pi)i', 'an open that would wait fails with EAGAIN', libc.mkfifo),
  partial('mkfifoat(ipi)i', 'an open that would wait fails with EAGAIN', libc.mkfifoat),
  partial('mknod(pii)i', 'files and pipes', call.mknod),
  partial('mknodat(ipii)i', 'files and pipes', call.mknodat),
  ...[
    ['getxattr(pppi)i', call.getxattr] as const,
    ['lgetxattr(pppi)i', call.lgetxattr] as const,
    ['fgetxattr(ippi)i', call.fgetxattr] as const,
    ['setxattr(pppii)i', call.setxattr] as const,
    ['lsetxattr(pppii)i', call.lsetxattr] as const,
    ['fsetxattr(ippii)i', call.fsetxattr] as const,
    ['listxattr(ppi)i', call.listxattr] as const,
    ['llistxattr(ppi)i', call.llistxattr] as const,
    ['flistxattr(ipi)i', call.flistxattr] as const,
    ['removexattr(pp)i', call.removexattr] as const,
    ['lremovexattr(pp)i', call.lremovexattr] as const,
    ['fremovexattr(ip)i', call.fremovexattr] as const,
  ].map(([key, operation]) => partial(key, 'namespace user only', operation)),
];

const time: Entry[] = [
  supported('time(p)i', call.time),
  supported('gettimeofday(pp)i', call.gettimeofday),
  supported('clock_gettime(ip)i', call.clock_gettime),
  supported('clock_getres(ip)i', call.clock_getres),
  denied('clock_settime(ip)i', Errno.EPERM),
  supported('clock()i', libc.clock),
  supported('times(p)i', call.times),
  partial('getrusage(ip)i', 'CPU time; other figures are invented', call.getrusage),
];

const identity: Entry[] = [
  ...(['getpid', 'getppid', 'getpgrp', 'getuid', 'geteuid', 'getgid', 'getegid'] as const).map((name) =>
    supported(`${name}()i`, call[name]),
  ),
  supported('getpgid(i)i', call.getpgid),
  supported('getsid(i)i', call.getsid),
  supported('getresuid(ppp)i', call.getresuid),
  supported('getresgid(ppp)i', call.getresgid),
  supported('getgroups(ip)i', call.getgroups),
  supported('getlogin()p', libc.getlogin),
  ...[
    ...['setuid(i)i', 'setgid(i)i', 'seteuid(i)i', 'setegid(i)i', 'setreuid(ii)i', 'setregid(ii)i'],
    ...['setresuid(iii)i', 'setresgid(iii)i'],
  ].map((key) => partial(key, 'to the current value only', call.setuid)),
  ...['setgroups(ip)i', 'initgroups(pi)i', 'setpgid(ii)i', 'setpgrp()i', 'setsid()i'].map((key) =>
    denied(key, Errno.EPERM),
  ),
  supported('uname(p)i', call.uname),
  supported('sysconf(i)i', libc.sysconf),
  supported('confstr(ipi)i', libc.confstr),
  supported('pathconf(pi)i', libc.pathconf),
  supported('fpathconf(ii)i', libc.fpathconf),
  supported('ctermid(p)p', libc.ctermid),
  supported('rpy_cpu_count()i', libc.cpuCount),
  denied('getloadavg(pi)i', Errno.ENOTSUP),
];

const processes: Entry[] = [
  supported('_exit(i)v', call.exit_group),
  partial('kill(ii)i', 'to the process itself only', call.kill),
  partial('killpg(ii)i', 'to the process itself only', libc.killpg),
  supported('waitpid(ipi)i', call.wait4),
  partial('getpriority(ii)i', 'of the process itself only', libc.getpriority),
  partial('setpriority(iii)i', 'remembered, not applied', call.setpriority),
  partial('nice(i)i', 'remembered, not applied', libc.nice),
  supported('sched_yield()i', call.sched_yield),
  supported('sched_get_priority_max(i)i', libc.priorityMax),
  supported('sched_get_priority_min(i)i', libc.priorityMin),
  partial('system(p)i', 'there is no shell', libc.system),
  ...['execv(pp)i', 'execve(ppp)i', 'fexecve(ipp)i', 'openpty(ppppp)i'].map((key) =>
    denied(key, Errno.EPERM),
  ),
  native('fork()i', 'the guest aborts by itself: status runtime-error, signal SIGABRT'),
  native('forkpty(pppp)i', 'the guest aborts by itself: status runtime-error, signal SIGABRT'),
];

const environment: Entry[] = [
  supported('get_environ()p', libc.environ),
  supported('getenv(p)p', libc.getenv),
  supported('putenv(p)i', libc.putenv),
  supported('unsetenv(p)i', libc.unsetenv),
  supported('_pypy_init_home()p', libc.initHome),
  supported('_pypy_init_free(p)v', libc.free),
  partial('pypy__allow_attach()v', 'accepted; no other process can attach', libc.nothing),
];

/** C functions by signature, for guests of the rpython engine: all those in the dumps of both PyPys. */
export const libcSurface = surfaceOf(
  [...files, ...folders, ...time, ...identity, ...processes, ...environment],
  Errno.ENOSYS,
  (key) => key.lastIndexOf(')') - key.indexOf('(') - 1,
);
