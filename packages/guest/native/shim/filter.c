/*
 * What a guest may do natively: talk on its two pipes, compute, manage private anonymous memory, end.
 * All else is trapped and answered by the controller (SECCOMP_RET_TRAP), or refused right here.
 *
 * Memory may grow only from the shim's gate (one instruction address), so that the shim sees a refusal and tells the
 * controller; so with the end of a mapping and of the process, before which the controller may have to fetch what was
 * written to a shared mapping of a file. That is bookkeeping, not a boundary: a guest that jumps to the gate gains nothing, because the same
 * checks of the arguments hold there and RLIMIT_AS and the keeper's watch hold everywhere.
 */
#include "filter.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "arch_x86_64.h"
#include "shim.h"

#define MAX_INSTRUCTIONS 256

static struct sock_filter program[MAX_INSTRUCTIONS];
static unsigned length;
/* What a call gets that no rule lets through. */
static uint32_t otherwise = SECCOMP_RET_TRAP;

#define DATA(field) ((uint32_t)offsetof(struct seccomp_data, field))
#define LOW(index) (DATA(args) + 8u * (index))
#define HIGH(index) (LOW(index) + 4u)

static void emit(uint16_t code, uint32_t k, uint8_t jt, uint8_t jf) {
  if (length == MAX_INSTRUCTIONS) __builtin_trap();
  program[length++] = (struct sock_filter){code, jt, jf, k};
}

static void load(uint32_t offset) { emit(BPF_LD | BPF_W | BPF_ABS, offset, 0, 0); }
static void answer(uint32_t action) { emit(BPF_RET | BPF_K, action, 0, 0); }

/* Each of these goes on when the condition holds; when not, the call gets what `otherwise` says. */
static void require_equal(uint32_t value) {
  emit(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
  answer(otherwise);
}
static void require_no_bits(uint32_t mask) {
  emit(BPF_JMP | BPF_JSET | BPF_K, mask, 0, 1);
  answer(otherwise);
}
static void require_argument(unsigned index, uint32_t value) {
  load(HIGH(index));
  require_equal(0);
  load(LOW(index));
  require_equal(value);
}
static void require_mask(unsigned index, uint32_t allowed) {
  load(HIGH(index));
  require_equal(0);
  load(LOW(index));
  require_no_bits(~allowed);
}
static void require_one_of(unsigned index, uint32_t keep, const uint32_t *values, unsigned count) {
  load(HIGH(index));
  require_equal(0);
  load(LOW(index));
  emit(BPF_ALU | BPF_AND | BPF_K, keep, 0, 0);
  for (unsigned i = 0; i < count; i++)
    emit(BPF_JMP | BPF_JEQ | BPF_K, values[i], (uint8_t)(count - i), 0);
  answer(otherwise);
}
static void require_gate(void) {
  uintptr_t gate = (uintptr_t)shim_gate_return;
  load(DATA(instruction_pointer));
  require_equal((uint32_t)gate);
  load(DATA(instruction_pointer) + 4u);
  require_equal((uint32_t)(gate >> 32));
}

/* A rule is what stands between begin and end; the number is in the accumulator when it begins and after it. */
static unsigned begin(uint32_t number) {
  emit(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 0);
  return length - 1;
}
static void end(unsigned start, uint32_t action) {
  answer(action);
  program[start].jf = (uint8_t)(length - start - 1);
}
static void always(uint32_t number, uint32_t action) { end(begin(number), action); }

/* Every filter begins so: another architecture or mode is no mistake of a program. */
static void demand_architecture(void) {
  load(DATA(arch));
  emit(BPF_JMP | BPF_JEQ | BPF_K, SHIM_AUDIT_ARCH, 1, 0);
  answer(SECCOMP_RET_KILL_PROCESS);
  load(DATA(nr));
  emit(BPF_JMP | BPF_JGE | BPF_K, SHIM_X32_BIT, 0, 2);
  emit(BPF_JMP | BPF_JGT | BPF_K, SHIM_X32_LAST, 1, 0);
  answer(SECCOMP_RET_KILL_PROCESS);
}

/* Private anonymous memory, and no more of a file than nothing. */
static void allow_growth(void) {
  unsigned rule;

  rule = begin(__NR_mmap);
  require_gate();
  require_mask(2, PROT_READ | PROT_WRITE | PROT_EXEC);
  load(HIGH(3));
  require_equal(0);
  load(LOW(3));
  emit(BPF_ALU | BPF_AND | BPF_K, ~(uint32_t)(MAP_FIXED | MAP_NORESERVE | MAP_STACK | MAP_FIXED_NOREPLACE), 0, 0);
  require_equal(MAP_PRIVATE | MAP_ANONYMOUS);
  end(rule, SECCOMP_RET_ALLOW);

  rule = begin(__NR_mremap);
  require_gate();
  require_mask(3, MREMAP_MAYMOVE | MREMAP_FIXED);
  end(rule, SECCOMP_RET_ALLOW);

  rule = begin(__NR_brk);
  require_gate();
  end(rule, SECCOMP_RET_ALLOW);
}

static void allow_memory(int through_gate) {
  static const uint32_t advices[] = {MADV_NORMAL, MADV_RANDOM,   MADV_SEQUENTIAL, MADV_WILLNEED,
                                     MADV_DONTNEED, MADV_FREE, MADV_HUGEPAGE,   MADV_NOHUGEPAGE};
  unsigned rule;

  rule = begin(__NR_munmap);
  if (through_gate) require_gate();
  end(rule, SECCOMP_RET_ALLOW);

  rule = begin(__NR_mprotect);
  require_mask(2, PROT_READ | PROT_WRITE | PROT_EXEC);
  end(rule, SECCOMP_RET_ALLOW);

  rule = begin(__NR_madvise);
  require_one_of(2, ~0u, advices, 8);
  end(rule, SECCOMP_RET_ALLOW);

}

static void allow_ends(int through_gate) {
  static const uint32_t futex_operations[] = {FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET};
  unsigned rule = begin(__NR_futex);
  require_one_of(1, ~(uint32_t)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME), futex_operations, 4);
  end(rule, SECCOMP_RET_ALLOW);

  always(__NR_rt_sigreturn, SECCOMP_RET_ALLOW);
  always(__NR_restart_syscall, SECCOMP_RET_ALLOW);
  always(__NR_exit, SECCOMP_RET_ALLOW);
  rule = begin(__NR_exit_group);
  if (through_gate) require_gate();
  end(rule, SECCOMP_RET_ALLOW);
}

/*
 * What a parent of the fork server does besides, from the gate only and before any untrusted instruction exists: see
 * fork.c. In its children the next filter refuses all of it.
 */
static void allow_forking(void) {
  static const uint32_t by_gate[] = {__NR_dup3, __NR_close, __NR_prctl, __NR_getppid, __NR_setrlimit};
  unsigned rule;

  otherwise = SECCOMP_RET_ERRNO | EAGAIN;
  rule = begin(__NR_clone);
  require_gate();
  require_argument(0, CLONE_PARENT | SIGCHLD);
  require_argument(1, 0);
  end(rule, SECCOMP_RET_ALLOW);
  otherwise = SECCOMP_RET_TRAP;

  rule = begin(__NR_recvmsg);
  require_gate();
  require_argument(0, SHIM_FD_KEEPER);
  end(rule, SECCOMP_RET_ALLOW);

  rule = begin(__NR_sendto);
  require_gate();
  require_argument(0, SHIM_FD_KEEPER);
  end(rule, SECCOMP_RET_ALLOW);

  for (unsigned i = 0; i < sizeof by_gate / sizeof *by_gate; i++) {
    rule = begin(by_gate[i]);
    require_gate();
    end(rule, SECCOMP_RET_ALLOW);
  }
}

static void build(int own_clock, int parks) {
  static const uint32_t cpu_clocks[] = {2, 3}; /* CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID */
  unsigned rule;

  demand_architecture();

  rule = begin(__NR_read);
  require_argument(0, SHIM_FD_IN);
  end(rule, SECCOMP_RET_ALLOW);

  rule = begin(__NR_write);
  require_argument(0, SHIM_FD_OUT);
  end(rule, SECCOMP_RET_ALLOW);

  allow_growth();
  allow_memory(1);
  allow_ends(1);

  if (own_clock) {
    rule = begin(__NR_clock_gettime);
    require_one_of(0, ~0u, cpu_clocks, 2);
    end(rule, SECCOMP_RET_ALLOW);
  }

  if (parks) allow_forking();
  else always(__NR_clone, SECCOMP_RET_ERRNO | EAGAIN);
  always(__NR_clone3, SECCOMP_RET_ERRNO | EAGAIN);
  always(__NR_fork, SECCOMP_RET_ERRNO | EAGAIN);
  always(__NR_vfork, SECCOMP_RET_ERRNO | EAGAIN);

  answer(otherwise);
}

/*
 * A translated interpreter has no code that opens or asks for anything; its C library has (tzset reads /etc/localtime),
 * and goes on when it is told that nothing is there. abort(3) raises its signal by tgkill(2) to itself, and so does the
 * shim when memory is refused. Trapped are only the growth of memory, for that, and the signal mask, which must not hold
 * the trap's own signal.
 */
static void build_translated(void) {
  static const uint32_t outputs[] = {STDOUT_FILENO, STDERR_FILENO};
  static const uint32_t lookups[] = {__NR_open,   __NR_openat, __NR_newfstatat, __NR_stat,     __NR_lstat,
                                     __NR_access, __NR_faccessat, __NR_readlink, __NR_readlinkat};
  static const uint32_t deaths[] = {SIGABRT, SHIM_SIGNAL_NO_MEMORY};
  const uint32_t self = (uint32_t)raw3(__NR_getpid, 0, 0, 0);
  unsigned rule;

  demand_architecture();
  allow_growth();
  always(__NR_rt_sigprocmask, SECCOMP_RET_TRAP);
  otherwise = SECCOMP_RET_ERRNO | EPERM;

  rule = begin(__NR_read);
  require_argument(0, STDIN_FILENO);
  end(rule, SECCOMP_RET_ALLOW);

  rule = begin(__NR_write);
  require_one_of(0, ~0u, outputs, 2);
  end(rule, SECCOMP_RET_ALLOW);

  allow_memory(0);
  allow_ends(0);

  rule = begin(__NR_tgkill);
  require_argument(0, self);
  require_argument(1, self);
  require_one_of(2, ~0u, deaths, 2);
  end(rule, SECCOMP_RET_ALLOW);

  always(__NR_getpid, SECCOMP_RET_ALLOW);
  always(__NR_gettid, SECCOMP_RET_ALLOW);
  for (unsigned i = 0; i < sizeof lookups / sizeof *lookups; i++) always(lookups[i], SECCOMP_RET_ERRNO | ENOENT);

  answer(otherwise);
}

static int install(void) {
  struct sock_fprog fprog = {.len = (unsigned short)length, .filter = program};
  /* By the gate, as the filter of a parent lets no other do it. */
  long error = shim_gate(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
  if (error == 0) error = shim_gate(__NR_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (long)&fprog, 0, 0, 0);
  return (int)error;
}

int filter_install(int own_clock, int parks) {
  build(own_clock, parks);
  return install();
}

int filter_install_child(int own_clock) {
  length = 0;
  build(own_clock, 0);
  return install();
}

int filter_install_translated(void) {
  build_translated();
  return install();
}
