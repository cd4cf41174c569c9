/*
 * What a guest may do natively, as data. The filter (filter.c) is compiled from these rows when a guest starts; the
 * tests' expected table (test/policy_model.c) and docs/filter.md are derived from the same rows.
 */
#ifndef SANDPIPER_POLICY_H
#define SANDPIPER_POLICY_H

#include <stddef.h>
#include <stdint.h>

/* The process that a filter is for. A row names all those that have it. */
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

/* A condition sees all 64 bits of an argument: those above the 32 that it names must be zero. */
struct policy_condition {
  enum policy_test test;
  uint8_t argument, count;
  uint32_t free;
  uint32_t values[POLICY_MAX_VALUES];
  /* As written in the source, for the documentation. */
  const char *name, *text, *free_text;
};

struct policy_row {
  /* Numbers from first to last. */
  uint32_t first, last;
  const char *call;
  unsigned filters;
  /* All must hold for `action` to be the answer; else it is `otherwise`: SECCOMP_RET_... . */
  struct policy_condition conditions[POLICY_CONDITIONS];
  uint32_t action;
  /* 0: the filter's answer to a call without a row. */
  uint32_t otherwise;
  const char *why;
};

/* No number is in two rows of one filter. */
const struct policy_row *policy_rows(size_t *count);

/* That filter's answer to a call without a row. */
uint32_t policy_default(enum policy_filter filter);

#endif
