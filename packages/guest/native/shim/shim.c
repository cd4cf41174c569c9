/*
 * Preloaded into a stock interpreter by the keeper. The dynamic loader has done its work under the real kernel; the
 * constructor below then locks the process down for ever, and from there on a system call is a message.
 *
 * Theory of operation: a call that the filter traps raises SIGSYS; the handler sends it to the controller, obeys the
 * controller's operations, and puts the result where the kernel would have put it. A few calls are answered here,
 * because they are about this process's own registers and memory: the signal mask and the growth of memory.
 */
#include "shim.h"

#include <asm/unistd.h>
#include <errno.h>
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

#include "arch_x86_64.h"
#include "channel.h"
#include "filter.h"

static const char *const signatures[] = {
#include "syscall_table.h"
};
#define SIGNATURES (sizeof signatures / sizeof signatures[0])

#define SIGNAL_BIT(n) (1ull << ((n)-1))
/* A trap while SIGSYS is blocked kills the process, and a fault while SIGSEGV is blocked cannot be told. */
#define NEVER_BLOCKED (SIGNAL_BIT(SIGSYS) | SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS))

/* The mask as the guest set it, with the bits that are kept out of the real one. */
static uint64_t guest_mask;

/* rt_sigprocmask(2), on the mask that the return from the handler will restore. */
static long set_signal_mask(ucontext_t *context, const uint64_t a[6]) {
  uint64_t next;
  if (a[3] != sizeof next) return -EINVAL;
  if (a[2] != 0 && shim_copy((void *)a[2], &guest_mask, sizeof guest_mask) != 0) return -EFAULT;
  if (a[1] == 0) return 0;
  if (shim_copy(&next, (const void *)a[1], sizeof next) != 0) return -EFAULT;
  if (a[0] == SIG_BLOCK) guest_mask |= next;
  else if (a[0] == SIG_UNBLOCK) guest_mask &= ~next;
  else if (a[0] == SIG_SETMASK) guest_mask = next;
  else return -EINVAL;
  guest_mask &= ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
  uint64_t effective = guest_mask & ~NEVER_BLOCKED;
  shim_copy(&context->uc_sigmask, &effective, sizeof effective);
  return 0;
}

/* A growth that the kernel refuses is the memory limit: the controller is told before the guest is. */
static void tell_refused(long nr, uint64_t size) {
  uint64_t told[2] = {(uint64_t)nr, size};
  channel_call("sandpiper_nomem(ii)i", told);
}

/* Returns 1 when the call was one of memory that this process may make natively. */
static int grow_memory(long nr, const uint64_t a[6], long *result) {
  const uint64_t free_flags = MAP_FIXED | MAP_NORESERVE | MAP_STACK | MAP_FIXED_NOREPLACE;
  switch (nr) {
    case __NR_mmap:
      if ((a[3] & ~free_flags) != (MAP_PRIVATE | MAP_ANONYMOUS)) return 0;
      if ((a[2] & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC)) != 0) return 0;
      break;
    case __NR_mremap:
      if ((a[3] & ~(uint64_t)(MREMAP_MAYMOVE | MREMAP_FIXED)) != 0) return 0;
      break;
    case __NR_brk:
      break;
    default:
      return 0;
  }
  *result = shim_gate(nr, (long)a[0], (long)a[1], (long)a[2], (long)a[3], (long)a[4], (long)a[5]);
  if (nr == __NR_brk) {
    /* brk(2) says no by answering the old end */
    if (a[0] != 0 && (uint64_t)*result < a[0]) tell_refused(nr, a[0] - (uint64_t)*result);
  } else if (*result == -ENOMEM) {
    tell_refused(nr, nr == __NR_mmap ? a[1] : a[2]);
  }
  return 1;
}

static long answer_call(long nr, const uint64_t a[6], ucontext_t *context) {
  long result;
  if (nr == __NR_rt_sigprocmask) return set_signal_mask(context, a);
  if (grow_memory(nr, a, &result)) return result;
  if (nr >= 0 && (size_t)nr < SIGNATURES && signatures[nr] != NULL) return channel_call(signatures[nr], a);
  uint64_t all[7] = {(uint64_t)nr, a[0], a[1], a[2], a[3], a[4], a[5]};
  return channel_call("unknown(iiiiiii)i", all);
}

static void on_trap(int signal, siginfo_t *info, void *data) {
  (void)signal;
  ucontext_t *context = data;
  if (info->si_code != 1 /* SYS_SECCOMP */) return;
  uint64_t arguments[6];
  arch_call_arguments(context, arguments);
  long result = answer_call(info->si_syscall, arguments, context);
  arch_finish_call(context, info->si_call_addr, result);
}

/* A fault of the shim's own copy is an EFAULT; any other is the program's, and kills it as it would have. */
static void on_fault(int signal, siginfo_t *info, void *data) {
  (void)info;
  ucontext_t *context = data;
  if (arch_recover_copy(context)) return;
  /* With the signal blocked, the kernel ends the process by it when the instruction faults again. */
  sigaddset(&context->uc_sigmask, signal);
}

static _Noreturn void refuse(const char *why) {
  static const char prefix[] = "sandpiper-shim: ";
  if (write(STDERR_FILENO, prefix, sizeof prefix - 1) < 0 || write(STDERR_FILENO, why, strlen(why)) < 0 ||
      write(STDERR_FILENO, "\n", 1) < 0)
    _exit(126);
  _exit(126);
}

static void take_descriptors(void) {
  if (dup2(KEEPER_FD_IN, SHIM_FD_IN) < 0 || dup2(KEEPER_FD_OUT, SHIM_FD_OUT) < 0)
    refuse("the protocol's pipes cannot be moved: the limit of open files is below 8192");
  if (syscall(__NR_close_range, 0u, 1u, 0u) != 0 ||
      syscall(__NR_close_range, 3u, (unsigned)SHIM_FD_IN - 1, 0u) != 0 ||
      syscall(__NR_close_range, (unsigned)SHIM_FD_OUT + 1, ~0u, 0u) != 0)
    refuse("descriptors cannot be closed (close_range)");
}

static void catch_signals(void) {
  /* AT_MINSIGSTKSZ is what a frame with all the vector state takes (signal(7), getauxval(3)). */
  size_t size = getauxval(AT_MINSIGSTKSZ) * 2 + 65536;
  size = (size + 4095) & ~(size_t)4095;
  void *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack_t alternate = {.ss_sp = stack, .ss_size = size};
  if (stack == MAP_FAILED || sigaltstack(&alternate, NULL) != 0) refuse("no stack for signals");
  struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  if (sigaction(SIGSYS, &action, NULL) != 0) refuse("SIGSYS cannot be caught");
  action.sa_sigaction = on_fault;
  if (sigaction(SIGSEGV, &action, NULL) != 0 || sigaction(SIGBUS, &action, NULL) != 0)
    refuse("SIGSEGV cannot be caught");
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The guest must not learn from its environment that it was preloaded. */
static void hide_preload(char **environment) {
  char **to = environment;
  for (char **from = environment; *from != NULL; from++) {
    if (strncmp(*from, "LD_PRELOAD=", 11) == 0) memset(*from, 0, strlen(*from));
    else *to++ = *from;
  }
  *to = NULL;
}

__attribute__((constructor)) static void lock_down(int argc, char **argv, char **environment) {
  (void)argc;
  (void)argv;
  hide_preload(environment);
  take_descriptors();
  catch_signals();
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) refuse("PR_SET_DUMPABLE failed");
  const struct rlimit nothing = {0, 0};
  if (setrlimit(RLIMIT_NOFILE, &nothing) != 0) refuse("RLIMIT_NOFILE cannot be set");
  /* Standard error was kept until here, to say what went wrong. */
  close(STDERR_FILENO);
  if (filter_install() != 0) _exit(SHIM_EXIT_NO_FILTER);
  uint64_t hello[1] = {SHIM_DIALECT};
  channel_call("sandpiper_ready(i)i", hello);
}
