/* System calls that no sandboxed program needs, made by hand. */
#include "attacks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static char buffer[4096];
#define BUFFER ((long)buffer)

struct call {
  const char *name;
  long nr, a[6];
};

/* Makes each call, and names those that were granted. */
static void try_all(const struct call *calls, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const long *a = calls[i].a;
    long result = invoke(calls[i].nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (result >= 0) tell("%s was granted: %ld", calls[i].name, result);
  }
  tell("%zu tried", count);
}
#define TRY(...)                                  \
  do {                                            \
    const struct call calls[] = {__VA_ARGS__};    \
    try_all(calls, sizeof calls / sizeof *calls); \
  } while (0)

static void processes(const char *argument) {
  (void)argument;
  /* struct clone_args of clone3(2): flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls */
  static uint64_t plain[8] = {0, 0, 0, 0, SIGCHLD}, thread[8] = {CLONE_VM | CLONE_SIGHAND | CLONE_THREAD};
  const long here = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
  TRY({"fork", SYS_fork, {0}}, {"vfork", SYS_vfork, {0}}, {"clone", SYS_clone, {SIGCHLD}},
      {"clone thread", SYS_clone, {here, BUFFER + 4000}}, {"clone beside", SYS_clone, {CLONE_PARENT | SIGCHLD}},
      {"clone vfork", SYS_clone, {CLONE_VFORK | CLONE_VM | SIGCHLD}},
      {"clone in a name space", SYS_clone, {CLONE_NEWUSER | CLONE_NEWPID | SIGCHLD}},
      {"clone untraced", SYS_clone, {CLONE_UNTRACED | SIGCHLD}},
      {"clone with high bits", SYS_clone, {(1l << 32) | SIGCHLD}}, {"clone3", SYS_clone3, {(long)plain, sizeof plain}},
      {"clone3 thread", SYS_clone3, {(long)thread, sizeof thread}}, {"clone3 nowhere", SYS_clone3, {8, 64}},
      {"unshare", SYS_unshare, {CLONE_NEWUSER}}, {"setns", SYS_setns, {0, 0}});
}

static void tracing(const char *argument) {
  (void)argument;
  const struct {
    void *base;
    size_t size;
  } vector = {buffer, sizeof buffer};
  const long at = (long)&vector;
  TRY({"ptrace me", SYS_ptrace, {0}}, {"ptrace attach", SYS_ptrace, {16, 1}}, {"ptrace seize", SYS_ptrace, {0x4206, 1}},
      {"process_vm_readv", SYS_process_vm_readv, {1, at, 1, at, 1}},
      {"process_vm_writev", SYS_process_vm_writev, {1, at, 1, at, 1}},
      {"of the parent", SYS_process_vm_readv, {getppid(), at, 1, at, 1}}, {"kcmp", SYS_kcmp, {1, 1, 0, 0, 0}},
      {"pidfd_open", SYS_pidfd_open, {1}}, {"pidfd_getfd", SYS_pidfd_getfd, {0, 0}},
      {"process_madvise", SYS_process_madvise, {0, at, 1, 8}}, {"kill init", SYS_kill, {1, 0}},
      {"tgkill init", SYS_tgkill, {1, 1, 0}}, {"rt_sigqueueinfo", SYS_rt_sigqueueinfo, {1, SIGUSR1, BUFFER}},
      {"rt_tgsigqueueinfo", SYS_rt_tgsigqueueinfo, {1, 1, SIGUSR1, BUFFER}}, {"process_mrelease", 448, {0}});
}

static void rings(const char *argument) {
  (void)argument;
  memset(buffer, 0, sizeof buffer);
  TRY({"io_uring_setup", SYS_io_uring_setup, {8, BUFFER}}, {"io_uring_enter", SYS_io_uring_enter, {0, 1}},
      {"io_uring_register", SYS_io_uring_register, {0}}, {"io_setup", SYS_io_setup, {8, BUFFER}},
      {"io_submit", SYS_io_submit, {0, 1, BUFFER}});
}

static void kernel_features(const char *argument) {
  (void)argument;
  memset(buffer, 0, sizeof buffer);
  TRY({"userfaultfd", SYS_userfaultfd, {0}}, {"userfaultfd of user mode", SYS_userfaultfd, {1}},
      {"bpf", SYS_bpf, {0, BUFFER, 72}}, {"perf_event_open", SYS_perf_event_open, {BUFFER, 0, -1, -1}},
      {"keyctl", SYS_keyctl, {0, -3}}, {"add_key", SYS_add_key, {BUFFER, BUFFER, 0, 0, -3}},
      {"request_key", SYS_request_key, {BUFFER, BUFFER, 0, -3}}, {"init_module", SYS_init_module, {BUFFER, 1, BUFFER}},
      {"finit_module", SYS_finit_module, {0, BUFFER}}, {"kexec_load", SYS_kexec_load, {0}},
      {"mount", SYS_mount, {BUFFER, BUFFER, BUFFER}}, {"umount2", SYS_umount2, {BUFFER}},
      {"pivot_root", SYS_pivot_root, {BUFFER, BUFFER}}, {"chroot", SYS_chroot, {(long)"/"}},
      {"fsopen", SYS_fsopen, {(long)"tmpfs"}}, {"open_tree", SYS_open_tree, {-100, (long)"/"}},
      {"swapon", SYS_swapon, {BUFFER}}, {"reboot", SYS_reboot, {0}}, {"sethostname", SYS_sethostname, {BUFFER, 1}},
      {"settimeofday", SYS_settimeofday, {BUFFER, 0}}, {"clock_settime", SYS_clock_settime, {0, BUFFER}},
      {"adjtimex", SYS_adjtimex, {BUFFER}}, {"iopl", SYS_iopl, {3}}, {"ioperm", SYS_ioperm, {0x80, 1, 1}},
      {"modify_ldt", SYS_modify_ldt, {1, BUFFER, 16}}, {"quotactl", SYS_quotactl, {0}}, {"acct", SYS_acct, {0}},
      {"syslog", SYS_syslog, {3, BUFFER, 100}}, {"open_by_handle_at", SYS_open_by_handle_at, {-100, BUFFER}},
      {"name_to_handle_at", SYS_name_to_handle_at, {-100, (long)"/", BUFFER, BUFFER}},
      {"fanotify_init", SYS_fanotify_init, {0}}, {"lookup_dcookie", 212, {0}}, {"move_pages", SYS_move_pages, {0}},
      {"migrate_pages", SYS_migrate_pages, {1}}, {"mbind", SYS_mbind, {BUFFER & ~4095l, 4096, 1}},
      {"landlock", 444, {0, 0, 1}}, {"shmget", SYS_shmget, {0x1234, 4096, 01666}}, {"shmat", SYS_shmat, {0}},
      {"semget", SYS_semget, {0x1234, 1, 01666}}, {"msgget", SYS_msgget, {0x1234, 01666}},
      {"mq_open", SYS_mq_open, {(long)"/q", O_RDWR | O_CREAT, 0666}}, {"personality", SYS_personality, {0x0040000}},
      {"vhangup", SYS_vhangup, {0}});
}

/* A file in memory is a virtual one, and there is no call to execute it with. */
static void execution(const char *argument) {
  (void)argument;
  static char *const nothing[] = {NULL};
  const long list = (long)nothing;
  long fd = invoke(SYS_memfd_create, (long)"x", 0, 0, 0, 0, 0);
  TRY({"execve", SYS_execve, {(long)"/bin/true", list, list}},
      {"execve of oneself", SYS_execve, {(long)"/proc/self/exe", list, list}},
      {"execveat", SYS_execveat, {fd, (long)"", list, list, 0x1000}},
      {"uselib", SYS_uselib, {(long)"/lib/x86_64-linux-gnu/libc.so.6"}}, {"memfd_secret", 447, {0}});
}

static void sockets(const char *argument) {
  (void)argument;
  /* INET, INET6, UNIX, NETLINK, PACKET, VSOCK, ALG, XDP, BLUETOOTH; stream, datagram, raw, sequenced */
  const int families[] = {2, 10, 1, 16, 17, 40, 38, 44, 31}, types[] = {1, 2, 3, 5};
  for (size_t f = 0; f < sizeof families / sizeof *families; f++)
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
      if (invoke(SYS_socket, families[f], types[t], 0, 0, 0, 0) >= 0)
        tell("socket(%d, %d) was granted", families[f], types[t]);
  TRY({"socketcall pair of INET", SYS_socketpair, {2, 1, 0, BUFFER}}, {"connect", SYS_connect, {0, BUFFER, 16}},
      {"bind", SYS_bind, {0, BUFFER, 16}}, {"listen", SYS_listen, {0, 1}}, {"accept", SYS_accept, {0}},
      {"accept4", SYS_accept4, {0}}, {"sendmsg", SYS_sendmsg, {1, BUFFER}},
      {"recvmsg of the keeper", SYS_recvmsg, {8188, BUFFER}}, {"sendto the keeper", SYS_sendto, {8188, BUFFER, 8}});
}

static void control(const char *argument) {
  (void)argument;
  TRY({"PR_SET_DUMPABLE", SYS_prctl, {PR_SET_DUMPABLE, 1}}, {"PR_SET_SECCOMP", SYS_prctl, {PR_SET_SECCOMP, 2, BUFFER}},
      {"PR_SET_PTRACER", SYS_prctl, {PR_SET_PTRACER, -1}}, {"PR_SET_MM", SYS_prctl, {PR_SET_MM, 6, BUFFER}},
      {"PR_SET_PDEATHSIG", SYS_prctl, {PR_SET_PDEATHSIG, 0}}, {"PR_SET_KEEPCAPS", SYS_prctl, {PR_SET_KEEPCAPS, 1}},
      {"PR_SET_TSC", SYS_prctl, {PR_SET_TSC, 1}}, {"PR_SET_CHILD_SUBREAPER", SYS_prctl, {PR_SET_CHILD_SUBREAPER, 1}},
      {"PR_CAP_AMBIENT", SYS_prctl, {47, 2, 1}}, {"PR_SET_SYSCALL_USER_DISPATCH", SYS_prctl, {59, 1, 0, 0, BUFFER}},
      {"PR_SCHED_CORE", SYS_prctl, {62, 1, 1}},
      {"PR_SET_NAME with high bits", SYS_prctl, {(1l << 32) | PR_SET_DUMPABLE, 1}},
      {"seccomp strict", SYS_seccomp, {0}}, {"seccomp filter", SYS_seccomp, {1, 0, BUFFER}},
      {"seccomp listener", SYS_seccomp, {1, 8, BUFFER}}, {"capset", SYS_capset, {BUFFER, BUFFER}},
      {"setuid", SYS_setuid, {0}}, {"setresuid", SYS_setresuid, {0, 0, 0}}, {"setgroups", SYS_setgroups, {0}},
      {"setfsuid", SYS_setfsuid, {0}}, {"sched_setscheduler", SYS_sched_setscheduler, {0, 1, BUFFER}},
      {"sched_setaffinity", SYS_sched_setaffinity, {0, 128, BUFFER}}, {"ioprio_set", SYS_ioprio_set, {1, 0, 0}},
      {"arch_prctl", SYS_arch_prctl, {0x1002, BUFFER}}, {"rseq", SYS_rseq, {BUFFER, 32}},
      {"membarrier", SYS_membarrier, {1}});
}

/* Priority-inheritance and two-word operations: none of them is allowed. */
static void futexes(const char *argument) {
  (void)argument;
  static uint32_t word;
  const long at = (long)&word;
  TRY({"LOCK_PI", SYS_futex, {at, FUTEX_LOCK_PI}}, {"TRYLOCK_PI", SYS_futex, {at, FUTEX_TRYLOCK_PI}},
      {"UNLOCK_PI", SYS_futex, {at, FUTEX_UNLOCK_PI}}, {"LOCK_PI2", SYS_futex, {at, 13}},
      {"LOCK_PI private", SYS_futex, {at, FUTEX_LOCK_PI_PRIVATE}},
      {"WAIT_REQUEUE_PI", SYS_futex, {at, FUTEX_WAIT_REQUEUE_PI, 0, 0, at}},
      {"CMP_REQUEUE_PI", SYS_futex, {at, FUTEX_CMP_REQUEUE_PI, 1, 1, at}},
      {"REQUEUE", SYS_futex, {at, FUTEX_REQUEUE, 1, 1, at}},
      {"CMP_REQUEUE", SYS_futex, {at, FUTEX_CMP_REQUEUE, 1, 1, at}},
      {"WAKE_OP", SYS_futex, {at, FUTEX_WAKE_OP, 1, 1, at}}, {"FD", SYS_futex, {at, 2}},
      {"WAKE with high bits", SYS_futex, {at, (1l << 32) | FUTEX_WAKE, 1}}, {"futex_waitv", SYS_futex_waitv, {at, 1}},
      {"get_robust_list", SYS_get_robust_list, {0, BUFFER, BUFFER}});
}

static void wait_for_ever(const char *argument) {
  (void)argument;
  static uint32_t word;
  for (;;) invoke(SYS_futex, (long)&word, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0);
}

static void sleep_for_ever(const char *argument) {
  (void)argument;
  static const struct timespec longest = {.tv_sec = 0x7fffffffffffffff, .tv_nsec = 999999999};
  for (;;) invoke(SYS_nanosleep, (long)&longest, 0, 0, 0, 0, 0);
}

/* Natively: in an engine whose guest makes no such calls. */
static void ignore_signals(const char *argument) {
  (void)argument;
  /* struct sigaction as the kernel takes it */
  static const uint64_t ignored[4] = {(uint64_t)SIG_IGN};
  static const uint64_t all = ~0ull;
  int count = 0;
  for (int signal = 1; signal <= 64; signal++)
    count += invoke(SYS_rt_sigaction, signal, (long)ignored, 0, 8, 0, 0) == 0;
  invoke(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, 0, 8, 0, 0);
  tell("%d ignored", count);
}

/*
 * On a page of a file that other guests map as well (the C library's code) a futex would be common to all of them: a
 * waiter there can be woken by another guest, which learns of its existence.
 */
static const uint32_t *common_word(void) { return (const uint32_t *)((uintptr_t)(void *)qsort & ~(uintptr_t)4095); }

static void wait_in_common(const char *argument) {
  const uint32_t *word = common_word();
  const struct timespec most = {.tv_sec = atoi(argument)};
  long result = invoke(SYS_futex, (long)word, FUTEX_WAIT, (long)*word, (long)&most, 0, 0);
  tell("%s", result == 0 ? "woken by another guest" : "not woken");
}

static void wake_in_common(const char *argument) {
  const struct timespec pause = {.tv_nsec = 10000000};
  for (int left = atoi(argument) * 100; left > 0; left--) {
    for (int operation = FUTEX_WAKE; operation <= FUTEX_WAKE_BITSET; operation += FUTEX_WAKE_BITSET - FUTEX_WAKE)
      if (invoke(SYS_futex, (long)common_word(), operation, 100, 0, 0, ~0l) > 0) {
        tell("another guest was woken");
        return;
      }
    invoke(SYS_nanosleep, (long)&pause, 0, 0, 0, 0, 0);
  }
  tell("no waiter");
}

/* Whatever they may do in another guest: here they end it, never return, or unmap the code that runs. */
static int not_for_survey(long nr) {
  static const long list[] = {SYS_mmap, SYS_mprotect, SYS_munmap, SYS_brk, SYS_rt_sigaction, SYS_rt_sigprocmask,
                              SYS_rt_sigreturn, SYS_select, SYS_mremap, SYS_pause, SYS_exit, SYS_kill, SYS_futex,
                              SYS_exit_group, SYS_rt_sigsuspend, SYS_tkill, SYS_tgkill, SYS_rt_sigtimedwait,
                              SYS_nanosleep, SYS_clock_nanosleep, SYS_ppoll, SYS_poll, SYS_pselect6, SYS_setitimer,
                              SYS_alarm, SYS_epoll_wait, SYS_epoll_pwait, SYS_madvise, SYS_rt_sigqueueinfo,
                              SYS_rt_tgsigqueueinfo, SYS_wait4, SYS_waitid, 441 /* epoll_pwait2 */,
                              /*
                               * uretprobe and uprobe: the kernel asks no filter, and kills a process that calls them by
                               * hand with SIGILL
                               */
                              335, 336};
  for (size_t i = 0; i < sizeof list / sizeof *list; i++)
    if (list[i] == nr) return 1;
  return 0;
}

static uint64_t random_state;

/* xorshift64 (Marsaglia): the same for the same argument. */
static uint64_t random_word(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static long odd_argument(void) {
  static const long odd[] = {0,
                             1,
                             -1,
                             2,
                             3,
                             4096,
                             -4096,
                             0x7fffffff,
                             -0x80000000l,
                             0x100000000,
                             0x7fffffffffffffff,
                             -0x7fffffffffffffff - 1,
                             0x7ffffffff000,
                             -100,
                             8190,
                             8191,
                             0x800000000000};
  uint64_t kind = random_word() % 8;
  if (kind < 4) return odd[random_word() % (sizeof odd / sizeof *odd)];
  if (kind < 6) return BUFFER + (long)(random_word() % sizeof buffer);
  return (long)random_word();
}

/* Every number from 0 to 1023, with arguments that mean nothing. */
static void survey(const char *argument) {
  long rounds = strtol(argument, NULL, 10), made = 0;
  random_state = 0x9e3779b97f4a7c15;
  for (long round = 0; round < rounds; round++)
    for (long nr = 0; nr < 1024; nr++) {
      if (not_for_survey(nr)) continue;
      long a[6];
      for (int i = 0; i < 6; i++) a[i] = odd_argument();
      /* its own output is left open, so that it can report */
      if ((int)a[0] == 1 && (nr == SYS_close || nr == SYS_write || nr == SYS_writev || nr == SYS_pwrite64)) a[0] = 99;
      /* an allowed call would wait for ever, or be a frame */
      if ((nr == SYS_read && a[0] == attack_in) || (nr == SYS_write && a[0] == attack_out)) a[0] = 99;
      if (nr == SYS_close_range || nr == SYS_dup2 || nr == SYS_dup3) a[0] = a[1] = 99;
      invoke(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
      made++;
    }
  tell("%ld made", made);
}

/* Numbers that look to the kernel like calls to restart, and those of other tables. */
static void odd_numbers(const char *argument) {
  (void)argument;
  static const long numbers[] = {-1,         -2,           -512,       -513,       -514,       -515,
                                 -516,       -517,         -4096,      1024,       4095,       0x7fff,
                                 0x3fffffff, -0x80000000l, 0x80000000, 0xffffffff, 0x100000000};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    long result = invoke(numbers[i], 0, 0, 0, 0, 0, 0);
    /* the kernel takes the lower half: that of the last is 0, which is read(0, NULL, 0) */
    if (result != -ENOSYS && result != -EPERM && result != 0) tell("%ld: %ld", numbers[i], result);
  }
  tell("all numbers tried");
}

/* The lower half is a descriptor of the protocol; the kernel takes an int, and the filter must not. */
static void high_halves(const char *argument) {
  (void)argument;
  const long high = 0x100000000;
  TRY({"read", SYS_read, {high | attack_in, BUFFER, 1}}, {"write", SYS_write, {high | attack_out, BUFFER, 1}},
      {"read the other", SYS_read, {attack_out, BUFFER, 1}}, {"read of minus", SYS_read, {attack_in - high, BUFFER, 1}},
      {"pread64", SYS_pread64, {attack_in, BUFFER, 1}}, {"readv", SYS_readv, {attack_in, BUFFER, 1}},
      {"fcntl", SYS_fcntl, {attack_in, F_DUPFD, 0}}, {"dup", SYS_dup, {attack_out}},
      {"dup2", SYS_dup2, {attack_out, 5}}, {"close", SYS_close, {attack_in}},
      {"ioctl", SYS_ioctl, {attack_in, 0x541b, BUFFER}}, {"splice", SYS_splice, {attack_in, 0, attack_out, 0, 1}},
      {"tee", SYS_tee, {attack_in, attack_out, 1}}, {"vmsplice", SYS_vmsplice, {attack_out, BUFFER, 1}},
      {"sendfile", SYS_sendfile, {attack_out, attack_in, 0, 1}},
      {"close_range with high bits", SYS_close_range, {high, high | 9000, 0}});
}

static void x32(const char *argument) {
  (void)argument;
  tell("granted: %ld", invoke(0x40000000 | SYS_getpid, 0, 0, 0, 0, 0, 0));
}

const struct attack_entry call_attacks[] = {{"processes", processes},
                                            {"tracing", tracing},
                                            {"rings", rings},
                                            {"kernel", kernel_features},
                                            {"execution", execution},
                                            {"sockets", sockets},
                                            {"control", control},
                                            {"futexes", futexes},
                                            {"wait-for-ever", wait_for_ever},
                                            {"sleep", sleep_for_ever},
                                            {"ignore-signals", ignore_signals},
                                            {"wait-in-common", wait_in_common},
                                            {"wake-in-common", wake_in_common},
                                            {"survey", survey},
                                            {"odd-numbers", odd_numbers},
                                            {"high-halves", high_halves},
                                            {"x32", x32},
                                            {NULL, NULL}};
