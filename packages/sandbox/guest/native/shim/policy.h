/*
 * What a guest may do natively, as data. The filter (filter.c) is compiled from these rows when a guest starts; the
 * expected table of the tests (test/policy_model.c) and docs/filter.md are made of the same rows.
 */
#ifndef SANDPIPER_POLICY_H
#define SANDPIPER_POLICY_H

#include <stddef.h>
#include <stdint.h>

/* Which process a filter is for. A row names all that have it. */
enum policy_filter {
  FILTER_GUEST = 1,        /* a stock interpreter, started or forked */
  FILTER_VIRTUAL_TIME = 2, /* the same in a deterministic run */
  FILTER_PARENT = 4,       /* the parent of the fork server; its children have FILTER_GUEST on top */
  FILTER_TRANSLATED = 8,   /* a PyPy translated with --sandbox */
};

enum policy_test {
  POLICY_NOTHING,  /* the end of the conditions */
  POLICY_VALUES,   /* the argument, without the bits `free`, is one of `values` */
  POLICY_BITS,     /* the argument has no bit that is not in `free` */
  POLICY_SELF,     /* the argument is the caller's own process id */
  POLICY_GATE,     /* the call is made by the shim's gate (arch_x86_64.S) */
  POLICY_VSYSCALL, /* the call is made by the kernel's vsyscall page */
};

#define POLICY_CONDITIONS 3
#define POLICY_MAX_VALUES 8

/* Of an argument, a condition sees all 64 bits: those above the 32 that it names are zero. */
struct policy_condition {
  enum policy_test test;
  uint8_t argument, count;
  uint32_t free;
  uint32_t values[POLICY_MAX_VALUES];
  /* As the source has it, for people. */
  const char *name, *text, *free_text;
};

struct policy_row {
  /* Numbers from first to last. */
  uint32_t first, last;
  const char *call;
  unsigned filters;
  /* All of them; where they hold, `action` is the answer, and else `otherwise` is: SECCOMP_RET_... . */
  struct policy_condition conditions[POLICY_CONDITIONS];
  uint32_t action;
  /* 0: what the filter says to a call that no row names. */
  uint32_t otherwise;
  const char *why;
};

/* No number is in two rows of one filter. */
const struct policy_row *policy_rows(size_t *count);

/* The answer to a call that no row of that filter names. */
uint32_t policy_default(enum policy_filter filter);

#endif
