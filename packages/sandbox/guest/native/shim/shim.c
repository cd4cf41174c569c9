/*
 * Preloaded into a stock interpreter by the keeper. The dynamic loader has done its work under the real kernel; the
 * constructor below then locks the process down for ever, and from there on a system call is a message.
 *
 * Theory of operation: a call that the filter traps raises SIGSYS; the handler sends it to the controller, obeys the
 * controller's operations, and puts the result where the kernel would have put it. A few calls are answered here:
 * because they are about this process's own registers and memory (the signal mask, the growth of memory), because their
 * answer never changes (answers.c, device.c), because nothing depends on it (late.c), or because the controller has
 * given it beforehand (ahead.c, stats.c). The functions of the C library that programs call most do without the trap (library.c).
 */
#include "shim.h"

#include <asm/unistd.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ahead.h"
#include "answers.h"
#include "arch_x86_64.h"
#include "channel.h"
#include "clock.h"
#include "device.h"
#include "filter.h"
#include "fork.h"
#include "late.h"
#include "library.h"
#include "memory.h"
#include "signals.h"
#include "stack.h"
#include "stats.h"

static const char *const signatures[] = {
#include "syscall_table.h"
};
#define SIGNATURES (sizeof signatures / sizeof signatures[0])

static int translated;
/* What the processor's counter shows in a run with a simulated clock. */
static int virtual_time;
static uint64_t counter;
/* A parent of the fork server, until it is told to park. */
static int parks;

/* What the controller will want to read goes out with the request, so that it need not ask. */
static void show_arguments(long nr, const uint64_t a[6]) {
  switch (nr) {
    case __NR_write:
    case __NR_pwrite64:
      channel_show(a[1], a[2]);
      return;
    case __NR_open:
    case __NR_stat:
    case __NR_lstat:
    case __NR_access:
    case __NR_chdir:
    case __NR_mkdir:
    case __NR_rmdir:
    case __NR_unlink:
    case __NR_readlink:
      channel_show_text(a[0]);
      return;
    case __NR_openat:
    case __NR_newfstatat:
    case __NR_mkdirat:
    case __NR_unlinkat:
    case __NR_readlinkat:
    case __NR_faccessat:
    case __NR_faccessat2:
      channel_show_text(a[1]);
  }
}

long shim_answer(long nr, const uint64_t a[6]) {
  long result;
  if (memory_call(nr, a, &result)) return result;
  if (translated) return -EPERM;
  if (answers_call(nr, a, &result)) return result;
  if (nr == __NR_write && late_write(a, &result)) return result;
  if (nr == __NR_read && ahead_read(a, &result)) return result;
  if (stats_call(nr, a, &result)) return result;
  if (device_call(nr, a, &result)) return result;
  if (nr >= 0 && (size_t)nr < SIGNATURES && signatures[nr] != NULL) {
    show_arguments(nr, a);
    late_note_call(nr, a);
    stats_note_call(nr);
    result = channel_call(signatures[nr], a);
    if (result == 0) signals_note_call(nr, a);
    memory_note_call(nr, a, result);
    device_note_call(nr, a, result);
    return result;
  }
  stats_note_call(nr);
  uint64_t all[7] = {(uint64_t)nr, a[0], a[1], a[2], a[3], a[4], a[5]};
  return channel_call("unknown(iiiiiii)i", all);
}

static long answer_call(long nr, const uint64_t a[6], ucontext_t *context) {
  return nr == __NR_rt_sigprocmask ? signals_set_mask(context, a) : shim_answer(nr, a);
}

static void on_trap(int signal, siginfo_t *info, void *data) {
  (void)signal;
  ucontext_t *context = data;
  if (info->si_code != 1 /* SYS_SECCOMP */) return;
  uint64_t arguments[6];
  arch_call_arguments(context, arguments);
  long result = channel_makes_call() ? -EINVAL : answer_call(info->si_syscall, arguments, context);
  arch_finish_call(context, info->si_call_addr, result);
  signals_deliver(context);
}

/* A fault of the shim's own copy is an EFAULT; any other is the program's, and kills it as it would have. */
static void on_fault(int signal, siginfo_t *info, void *data) {
  ucontext_t *context = data;
  if (arch_recover_copy(context)) return;
  /* A jump to unmapped memory: reading there would repeat the fault. */
  if (virtual_time && info->si_addr != (void *)context->uc_mcontext.gregs[REG_RIP] &&
      arch_read_counter(context, counter += 1000))
    return;
  if (stack_overflowed(info, context)) channel_call("sandpiper_overflow()i", NULL);
  /* With the signal blocked, the kernel kills the process when the instruction faults again. */
  sigaddset(&context->uc_sigmask, signal);
}

static _Noreturn void refuse(const char *why) {
  static const char prefix[] = "sandpiper-shim: ";
  if (write(STDERR_FILENO, prefix, sizeof prefix - 1) < 0 || write(STDERR_FILENO, why, strlen(why)) < 0 ||
      write(STDERR_FILENO, "\n", 1) < 0)
    _exit(SHIM_EXIT_REFUSED);
  _exit(SHIM_EXIT_REFUSED);
}

/*
 * Linux before 5.9 has no close_range(2). The keeper closed all other descriptors and set the limit before it executed
 * the program, so none lies above the limit.
 */
static void close_range_of(unsigned first, unsigned last) {
  if (syscall(__NR_close_range, first, last, 0u) == 0) return;
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max == 0 || limit.rlim_max > SHIM_FD_OUT + 1)
    refuse("descriptors cannot be closed: no close_range, and the limit of open files is not the keeper's");
  /* gVisor takes a last one that may exist. One by one it takes a second there. */
  if (last >= limit.rlim_max) last = (unsigned)limit.rlim_max - 1;
  if (first > last || syscall(__NR_close_range, first, last, 0u) == 0) return;
  for (unsigned fd = first; fd <= last; fd++) close((int)fd);
}

/*
 * The filter binds the thread that installs it and the threads that it starts. A library of the interpreter that
 * started a thread earlier would keep it outside (proc(5): `Threads` of status).
 */
static void require_one_thread(void) {
  char text[4096];
  int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  text[n < 0 ? 0 : n] = 0;
  if (strstr(text, "\nThreads:\t1\n") == NULL)
    refuse("the interpreter has started a thread, which no filter would bind");
}

static void take_descriptors(void) {
  if (dup2(KEEPER_FD_IN, SHIM_FD_IN) < 0 || dup2(KEEPER_FD_OUT, SHIM_FD_OUT) < 0)
    refuse("the protocol's pipes cannot be moved: the limit of open files is below 8192");
  if (!virtual_time && dup2(KEEPER_FD_LATE, SHIM_FD_LATE) < 0) refuse("the pipe of the output cannot be moved");
  if (parks && dup2(KEEPER_FD_SOCKET, SHIM_FD_KEEPER) < 0) refuse("the keeper's socket cannot be moved");
  close_range_of(0, 1);
  close_range_of(3, (parks ? SHIM_FD_KEEPER : virtual_time ? SHIM_FD_IN : SHIM_FD_LATE) - 1);
  close_range_of(SHIM_FD_OUT + 1, ~0u);
}

static void catch_traps(void) {
  /* AT_MINSIGSTKSZ is what a frame with all the vector state takes (signal(7), getauxval(3)). */
  size_t size = getauxval(AT_MINSIGSTKSZ) * 2 + 65536;
  size = (size + 4095) & ~(size_t)4095;
  void *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack_t alternate = {.ss_sp = stack, .ss_size = size};
  if (stack == MAP_FAILED || sigaltstack(&alternate, NULL) != 0) refuse("no stack for signals");
  /* A guest's handler may be called from within and make calls of its own: so signals are not blocked meanwhile. */
  struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  signals_add_from_outside(&action.sa_mask);
  if (sigaction(SIGSYS, &action, NULL) != 0) refuse("SIGSYS cannot be caught");
}

static void catch_signals(void) {
  if (signals_catch() != 0) refuse("the signals of the keeper cannot be caught");
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  signals_add_from_outside(&action.sa_mask);
  if (sigaction(SIGSEGV, &action, NULL) != 0 || sigaction(SIGBUS, &action, NULL) != 0)
    refuse("SIGSEGV cannot be caught");
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Only the guest's own variables are left; it must not even see the others (shim.h). */
static void take_orders(char **environment) {
  const size_t prefix = sizeof GUEST_VARIABLE - 1;
  char **to = environment;
  for (char **from = environment; *from != NULL; from++) {
    if (strncmp(*from, GUEST_VARIABLE, prefix) == 0) {
      *to++ = *from + prefix;
      continue;
    }
    if (strncmp(*from, VARIABLE_TRANSLATED, sizeof VARIABLE_TRANSLATED - 1) == 0) translated = 1;
    if (strncmp(*from, VARIABLE_VIRTUAL_TIME, sizeof VARIABLE_VIRTUAL_TIME - 1) == 0) virtual_time = 1;
    if (strncmp(*from, VARIABLE_PARKED, sizeof VARIABLE_PARKED - 1) == 0) parks = 1;
    memset(*from, 0, strlen(*from));
  }
  *to = NULL;
}

/*
 * The C library stores its thread's number, which in the host's pid name space reveals how many processes were started
 * since another guest looked. The library only compares it with itself. Its location is what the library tells
 * debuggers (nptl_db): the size in bits, the count, the offset in the thread's block.
 */
static void forget_thread_id(void) {
  const uint32_t *field = dlsym(RTLD_DEFAULT, "_thread_db_pthread_tid");
  if (field == NULL || field[0] != 32) return;
  int32_t *known = (int32_t *)((char *)__builtin_thread_pointer() + field[2]);
  if (*known == (int32_t)raw3(__NR_gettid, 0, 0, 0)) *known = SHIM_GUEST_PID;
}

static void say_ready(void) {
  uint64_t hello[1] = {SHIM_DIALECT_VERSION};
  channel_call("sandpiper_ready(i)i", hello);
}

/* A parent receives its children's pipes: the limit is set in the children. */
static void forbid_descriptors(void) {
  const struct rlimit nothing = {0, 0};
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) refuse("PR_SET_DUMPABLE failed");
  if (!parks && setrlimit(RLIMIT_NOFILE, &nothing) != 0) refuse("RLIMIT_NOFILE cannot be set");
}

static void park(void) {
  fork_park();
  stats_forget(); /* a child has files of its own */
  memory_tell_end();
  answers_in_child();
}

static void lock_down_stock(void) {
  take_descriptors();
  catch_traps();
  catch_signals();
  forget_thread_id();
  if (clock_take(virtual_time) != 0) refuse("the processor's counter cannot be hidden (PR_SET_TSC)");
  forbid_descriptors();
  /* Standard error was kept until here for error messages. */
  close(STDERR_FILENO);
  if (parks) {
    fork_prepare();
    channel_park_by(park);
  }
  if (filter_install(parks ? FILTER_PARENT : virtual_time ? FILTER_VIRTUAL_TIME : FILTER_GUEST) != 0)
    _exit(SHIM_EXIT_NO_FILTER);
  if (!virtual_time) answers_begin(parks);
  library_begin();
  say_ready();
}

/*
 * Its protocol stays on descriptors 0 and 1, and its output on 2 belongs to the result. The shim sends only the first
 * word for it: a trap there concerns memory or the signal mask, and is settled here.
 */
static void lock_down_translated(void) {
  close_range_of(3, ~0u);
  forbid_descriptors();
  catch_traps();
  forget_thread_id();
  memory_die_when_refused();
  if (filter_install(FILTER_TRANSLATED) != 0) _exit(SHIM_EXIT_NO_FILTER);
  channel_use(STDIN_FILENO, STDOUT_FILENO);
  say_ready();
}

__attribute__((constructor)) static void lock_down(int argc, char **argv, char **environment) {
  (void)argc;
  (void)argv;
  take_orders(environment);
  stack_take(environment);
  require_one_thread();
  /* The children of a parent have the host's clock. */
  if (parks && virtual_time) refuse("a parent of the fork server has no simulated clock");
  if (translated) lock_down_translated();
  else lock_down_stock();
}
