/**
 * How many arguments a system call has on the wire, as the shim's table says
 * (packages/sandbox/guest/native/syscalls.tsv; a test compares them). A call missing here carries all six
 * registers.
 */
const BY_ARITY: readonly string[] = [
  `fork getegid geteuid getgid getpgrp getpid getppid gettid getuid pause rt_sigreturn sched_yield setsid vfork`,
  `alarm brk chdir chroot close dup epoll_create1 exit exit_group fchdir fdatasync fsync getpgid getsid pipe rmdir
   sched_getscheduler set_tid_address setgid setuid sysinfo time times umask uname unlink`,
  `access chmod clock_getres clock_gettime clock_settime clone3 creat dup2 fchmod flock fstat fstatfs ftruncate getcwd
   getgroups getitimer getpriority getrlimit getrusage gettimeofday kill link lstat memfd_create mkdir mlock munmap
   nanosleep pipe2 rename rt_sigpending rt_sigsuspend sched_getparam set_robust_list setgroups setpgid setregid setreuid setrlimit
   sigaltstack stat statfs symlink tkill truncate utime utimes`,
  `accept chown connect dup3 execve faccessat fchmodat fchown fcntl getcpu getdents64 getrandom getresgid getresuid ioctl
   lchown lseek madvise mkdirat mknod mprotect msync open poll read readlink readv sched_getaffinity sched_setaffinity
   seccomp setitimer setpriority setresgid setresuid socket symlinkat tgkill unlinkat write writev`,
  `clock_nanosleep epoll_ctl epoll_wait execveat faccessat2 fadvise64 fallocate mknodat newfstatat openat pread64 preadv
   prlimit64 ptrace pwrite64 pwritev readlinkat renameat rt_sigaction rt_sigprocmask sendfile socketpair utimensat wait4`,
  `clone fchownat linkat mremap ppoll prctl renameat2 select statx`,
];

const REGISTERS = 6;

const arities = new Map(
  BY_ARITY.flatMap((names, arity) => names.split(/\s+/).map((name) => [name, arity] as const)),
);

export const arityOf = (name: string): number => arities.get(name) ?? REGISTERS;
