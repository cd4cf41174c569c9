/*
 * Compiles the rows of the policy into a program of the kernel's packet filter (seccomp(2),
 * Documentation/networking/filter.rst). The accumulator holds the call's number at the start of each row.
 */
#include "filter.h"

#include <asm/unistd.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>

#include "arch_x86_64.h"

#define MAX_INSTRUCTIONS 512

static struct sock_filter program[MAX_INSTRUCTIONS];
static unsigned length;

#define DATA(field) ((uint32_t)offsetof(struct seccomp_data, field))
#define LOW(index) (DATA(args) + 8u * (index))
#define HIGH(index) (LOW(index) + 4u)

static void emit(uint16_t code, uint32_t k, uint8_t jt, uint8_t jf) {
  if (length == MAX_INSTRUCTIONS) __builtin_trap();
  program[length++] = (struct sock_filter){code, jt, jf, k};
}

static void load(uint32_t offset) { emit(BPF_LD | BPF_W | BPF_ABS, offset, 0, 0); }
static void answer(uint32_t action) { emit(BPF_RET | BPF_K, action, 0, 0); }

/* Each of these continues when its condition holds; when not, the call gets `otherwise`. */
static void require_one_of(const uint32_t *values, unsigned count, uint32_t otherwise) {
  for (unsigned i = 0; i < count; i++) emit(BPF_JMP | BPF_JEQ | BPF_K, values[i], (uint8_t)(count - i), 0);
  answer(otherwise);
}

static void require_equal(uint32_t value, uint32_t otherwise) { require_one_of(&value, 1, otherwise); }

static void require_no_bits(uint32_t mask, uint32_t otherwise) {
  emit(BPF_JMP | BPF_JSET | BPF_K, mask, 0, 1);
  answer(otherwise);
}

/* The low half of an argument; its high half must be zero. */
static void load_argument(unsigned index, uint32_t otherwise) {
  load(HIGH(index));
  require_equal(0, otherwise);
  load(LOW(index));
}

static void require_gate(uint32_t otherwise) {
  uintptr_t gate = (uintptr_t)shim_gate_return;
  load(DATA(instruction_pointer));
  require_equal((uint32_t)gate, otherwise);
  load(DATA(instruction_pointer) + 4u);
  require_equal((uint32_t)(gate >> 32), otherwise);
}

/* No instruction of a process lies in the upper half of the addresses; the vsyscall page appears to call from there. */
static void require_vsyscall(uint32_t otherwise) {
  load(DATA(instruction_pointer) + 4u);
  require_equal(~0u, otherwise);
}

static void require(const struct policy_condition *condition, uint32_t otherwise) {
  switch (condition->test) {
    case POLICY_NOTHING:
      return;
    case POLICY_GATE:
      require_gate(otherwise);
      return;
    case POLICY_VSYSCALL:
      require_vsyscall(otherwise);
      return;
    case POLICY_SELF:
      load_argument(condition->argument, otherwise);
      require_equal((uint32_t)raw3(__NR_getpid, 0, 0, 0), otherwise);
      return;
    case POLICY_BITS:
      load_argument(condition->argument, otherwise);
      require_no_bits(~condition->free, otherwise);
      return;
    case POLICY_VALUES:
      load_argument(condition->argument, otherwise);
      if (condition->free != 0) emit(BPF_ALU | BPF_AND | BPF_K, ~condition->free, 0, 0);
      require_one_of(condition->values, condition->count, otherwise);
      return;
  }
  __builtin_trap();
}

static void compile_row(const struct policy_row *row, uint32_t otherwise) {
  unsigned start = length, last = length;
  if (row->first == row->last) {
    emit(BPF_JMP | BPF_JEQ | BPF_K, row->first, 0, 0);
  } else {
    emit(BPF_JMP | BPF_JGE | BPF_K, row->first, 0, 0);
    last = length;
    emit(BPF_JMP | BPF_JGT | BPF_K, row->last, 0, 0);
  }
  for (unsigned i = 0; i < POLICY_CONDITIONS; i++) require(&row->conditions[i], otherwise);
  answer(row->action);
  /* another number: continue with the next row */
  unsigned past = length - start - 1;
  if (past > UINT8_MAX) __builtin_trap();
  program[start].jf = (uint8_t)past;
  if (last != start) program[last].jt = (uint8_t)(length - last - 1);
}

static void compile(enum policy_filter filter) {
  size_t count;
  const struct policy_row *rows = policy_rows(&count);
  length = 0;
  /* Another architecture numbers its calls differently: no row applies to them. */
  load(DATA(arch));
  require_equal(SHIM_AUDIT_ARCH, SECCOMP_RET_KILL_PROCESS);
  load(DATA(nr));
  for (size_t i = 0; i < count; i++) {
    if ((rows[i].filters & filter) == 0) continue;
    compile_row(&rows[i], rows[i].otherwise != 0 ? rows[i].otherwise : policy_default(filter));
  }
  answer(policy_default(filter));
}

int filter_install(enum policy_filter filter) {
  compile(filter);
  struct sock_fprog fprog = {.len = (unsigned short)length, .filter = program};
  /* By the gate, as a parent's filter allows it only there. */
  long error = shim_gate(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
  if (error == 0) error = shim_gate(__NR_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (long)&fprog, 0, 0, 0);
  /* It holds this process's number, which the guest must not learn. */
  for (volatile uint32_t *k = &program[0].k; k <= &program[MAX_INSTRUCTIONS - 1].k; k += sizeof *program / sizeof *k)
    *k = 0;
  return (int)error;
}
