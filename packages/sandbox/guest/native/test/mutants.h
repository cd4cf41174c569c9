/*
 * The policy with one element removed or loosened, for scripts/test-mutations. A shim that is built from mutants.c
 * instead of policy.c has the policy that `policy_mutant` names, a number in its own file that `mutants` writes.
 */
#ifndef SANDPIPER_TEST_MUTANTS_H
#define SANDPIPER_TEST_MUTANTS_H

#include "shim/policy.h"

enum change {
  ROW_REMOVED,
  ROW_FOR_ANOTHER, /* the row holds for the filter `detail` as well */
  RANGE_FIRST,     /* begins one number later */
  RANGE_LAST,      /* ends one number earlier */
  ANSWER,          /* `detail` instead */
  OTHERWISE,
  DEFAULT, /* `detail` of the filter `row` */
  CONDITION_REMOVED,
  VALUE_ADDED,
  VALUE_REMOVED, /* the one at `detail` */
  BIT_FREED,
};

struct mutation {
  enum change change;
  size_t row;
  unsigned condition;
  uint32_t detail;
};

#define MAX_MUTATIONS 8192

/* All there are, in an order that does not change; those that touch one bit of a value come last. */
size_t mutations(struct mutation list[MAX_MUTATIONS]);

/* How many of them are no single bits. */
size_t mutations_coarse(void);

#endif
