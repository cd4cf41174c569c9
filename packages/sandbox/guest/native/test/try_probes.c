/*
 * What is tried. For each row of the policy a call that it speaks of, and then the same call with one condition broken
 * at a time, in every bit of the argument; every number in plain and at the gate; and the other modes of the processor.
 * What the answer must be, is not said here: try_expected asks the model.
 */
#include <linux/audit.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim/arch_x86_64.h"
#include "try_syscall.h"

#define LAST_NUMBER 1023

static struct probe *list;
static size_t room, length;

static void add(const struct probe *probe) {
  if (length == room) __builtin_trap();
  list[length++] = *probe;
}

static void add_number(enum way way, uint64_t number) { add(&(struct probe){.way = way, .number = number}); }

/* A call that meets the conditions. Arguments that no condition reads are zero, so that it has little effect. */
static struct probe satisfying(const struct policy_row *row) {
  struct probe probe = {.way = WAY_PLAIN, .number = row->first};
  for (unsigned i = 0; i < POLICY_CONDITIONS; i++) {
    const struct policy_condition *condition = &row->conditions[i];
    if (condition->test == POLICY_GATE) probe.way = WAY_GATE;
    if (condition->test == POLICY_VSYSCALL) probe.way = WAY_VSYSCALL;
    if (condition->test == POLICY_VALUES) probe.arguments[condition->argument] = condition->values[0];
    if (condition->test == POLICY_SELF) probe.of_own_pid |= 1u << condition->argument;
  }
  return probe;
}

static void add_bits(struct probe probe, unsigned argument) {
  const uint64_t whole = probe.arguments[argument];
  add(&probe);
  for (unsigned bit = 0; bit < 64; bit++) {
    probe.arguments[argument] = whole ^ (1ull << bit);
    add(&probe);
  }
  probe.arguments[argument] = ~whole;
  add(&probe);
}

static void add_condition(const struct policy_row *row, const struct policy_condition *condition) {
  struct probe probe = satisfying(row);
  const unsigned argument = condition->argument;
  if (condition->test == POLICY_NOTHING) return;
  if (condition->test == POLICY_GATE || condition->test == POLICY_VSYSCALL) {
    for (probe.way = WAY_PLAIN; probe.way <= WAY_NEAR; probe.way++) add(&probe);
    return;
  }
  add_bits(probe, argument);
  if (condition->test == POLICY_BITS) probe.arguments[argument] = condition->free;
  add_bits(probe, argument);
  if (condition->test != POLICY_VALUES) return;
  for (uint64_t value = 0; value < 64; value++) {
    probe.arguments[argument] = value;
    add(&probe);
  }
  for (unsigned i = 0; i < condition->count; i++) {
    for (uint64_t away = 1; away <= 16; away++) {
      probe.arguments[argument] = condition->values[i] + away;
      add(&probe);
      probe.arguments[argument] = condition->values[i] - away;
      add(&probe);
    }
    probe.arguments[argument] = condition->values[i] | condition->free;
    add_bits(probe, argument);
  }
}

static void add_rows(void) {
  size_t count;
  const struct policy_row *rows = policy_rows(&count);
  for (size_t i = 0; i < count; i++) {
    /* Those of other filters too: a child must not make the calls of a parent. */
    if (rows[i].first != rows[i].last) continue;
    struct probe probe = satisfying(&rows[i]);
    add(&probe);
    for (unsigned c = 0; c < POLICY_CONDITIONS; c++) add_condition(&rows[i], &rows[i].conditions[c]);
  }
}

static void add_other_modes(int thorough) {
  static const uint64_t ends[] = {0, 1, 512, 547, 1023, 0x3fffffff};
  static const uint64_t i386[] = {1, 3, 4, 5, 11, 20, 120, 1023};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) add_number(WAY_PLAIN, SHIM_X32_BIT | ends[i]);
  for (uint64_t n = 0; thorough && n <= LAST_NUMBER; n++) add_number(WAY_PLAIN, SHIM_X32_BIT | n);
  for (size_t i = 0; i < sizeof i386 / sizeof *i386; i++) {
    add_number(WAY_INT80, i386[i]);
    add_number(WAY_FAR32, i386[i]);
  }
  for (enum way way = WAY_PLAIN; way <= WAY_GATE; way++) {
    add_number(way, (uint64_t)-1);
    for (int64_t n = -516; n <= -512; n++) add_number(way, (uint64_t)n);
    /* Only the low half of the register is the number. */
    for (uint64_t n = 0; n < 64; n++) {
      add_number(way, n | 1ull << 32);
      add_number(way, n | 1ull << 31);
    }
  }
}

size_t try_probes(int thorough, struct probe *probes, size_t most) {
  list = probes;
  room = most;
  length = 0;
  add_rows();
  for (uint64_t n = 0; n <= LAST_NUMBER; n++) add_number(WAY_PLAIN, n);
  for (uint64_t n = 0; n <= LAST_NUMBER; n++) add_number(WAY_GATE, n);
  add_other_modes(thorough);
  return length;
}

uint32_t try_expected(const struct subject *subject, const struct probe *probe, const struct caller *caller) {
  struct seccomp_data call = {.nr = (int)probe->number, .arch = AUDIT_ARCH_X86_64};
  for (unsigned i = 0; i < 6; i++)
    call.args[i] = probe->arguments[i] ^ ((probe->of_own_pid >> i) & 1 ? caller->pid : 0);
  if (probe->way == WAY_GATE) call.instruction_pointer = caller->gate;
  if (probe->way == WAY_VSYSCALL) call.instruction_pointer = 0xffffffffff600000;
  if (probe->way == WAY_INT80 || probe->way == WAY_FAR32) call.arch = AUDIT_ARCH_I386;
  const uint32_t action = model_decide(subject->filter, &call, caller);
  return subject->below == 0 ? action : model_stricter(action, model_decide(subject->below, &call, caller));
}
