/*
 * mutate --list [--bits]       one line for each mutant: its number, the subjects of try-syscall that it concerns, what
 * it
 *                              is; separated by tabs. With --bits those too that free one bit of a value.
 * mutate NUMBER SHIM TO        a copy of a shim that was built of mutants.c, with that mutant of the policy.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf_symbol.h"
#include "mutants.h"
#include "policy_text.h"

static struct mutation list[MAX_MUTATIONS];

/* A child has the filters of a guest and a parent. */
static void print_subjects(unsigned filters) {
  const char *between = "";
  static const struct {
    unsigned of;
    const char *name;
  } subjects[] = {{FILTER_GUEST, "guest"},
                  {FILTER_VIRTUAL_TIME, "virtual-time"},
                  {FILTER_PARENT, "parent"},
                  {FILTER_TRANSLATED, "translated"}};
  for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
    if (!(filters & subjects[i].of)) continue;
    printf("%s%s", between, subjects[i].name);
    between = " ";
  }
}

static void print_change(const struct mutation *m, const struct policy_row *rows) {
  const struct policy_row *row = &rows[m->change == DEFAULT ? 0 : m->row];
  const struct policy_condition *condition = &row->conditions[m->condition];
  if (m->change == DEFAULT) printf("every other call of %s: ", policy_filter_name((enum policy_filter)m->row));
  else printf("%s: ", row->call);
  switch (m->change) {
    case ROW_REMOVED:
      printf("row removed");
      break;
    case ROW_FOR_ANOTHER:
      printf("row also for %s", policy_filter_name((enum policy_filter)m->detail));
      break;
    case RANGE_FIRST:
      printf("begins one later");
      break;
    case RANGE_LAST:
      printf("ends one earlier");
      break;
    case OTHERWISE:
      printf("where its conditions do not hold: ");
      policy_print_action(stdout, m->detail);
      break;
    case ANSWER:
    case DEFAULT:
      policy_print_action(stdout, m->detail);
      break;
    case CONDITION_REMOVED:
      printf("condition removed: ");
      policy_print_condition(stdout, condition);
      break;
    case VALUE_ADDED:
      printf("value %#x added: ", m->detail);
      policy_print_condition(stdout, condition);
      break;
    case VALUE_REMOVED:
      printf("value %#x removed: ", condition->values[m->detail]);
      policy_print_condition(stdout, condition);
      break;
    case BIT_FREED:
      printf("bit %#x may be anything: ", m->detail);
      policy_print_condition(stdout, condition);
  }
}

static void print_all(int bits) {
  size_t count;
  const struct policy_row *rows = policy_rows(&count);
  const size_t mutants = bits ? mutations(list) : (mutations(list), mutations_coarse());
  for (size_t i = 0; i < mutants; i++) {
    const struct mutation *m = &list[i];
    printf("%zu\t", i + 1);
    print_subjects(m->change == DEFAULT ? (unsigned)m->row
                                        : rows[m->row].filters | (m->change == ROW_FOR_ANOTHER ? m->detail : 0));
    printf("\t");
    print_change(m, rows);
    printf("\n");
  }
}

static _Noreturn void fail(const char *what) {
  fprintf(stderr, "mutate: %s: %s\n", what, strerror(errno));
  exit(2);
}

static void copy(const char *from, const char *to, uint64_t place, uint32_t number) {
  static unsigned char bytes[1 << 20];
  FILE *in = fopen(from, "rb");
  if (in == NULL) fail(from);
  const size_t size = fread(bytes, 1, sizeof bytes, in);
  fclose(in);
  if (size == sizeof bytes || place == 0 || place + sizeof number > size) fail("not a shim that was built for this");
  memcpy(bytes + place, &number, sizeof number);
  FILE *out = fopen(to, "wb");
  if (out == NULL || fwrite(bytes, 1, size, out) != size || fclose(out) != 0) fail(to);
}

int main(int argc, char **argv) {
  if (argc >= 2 && strcmp(argv[1], "--list") == 0) {
    print_all(argc == 3 && strcmp(argv[2], "--bits") == 0);
    return 0;
  }
  if (argc != 4) fail("usage: mutate --list [--bits] | mutate NUMBER SHIM TO");
  copy(argv[2], argv[3], elf_symbol_in_file(argv[2], "policy_mutant"), (uint32_t)strtoul(argv[1], NULL, 10));
  return 0;
}
