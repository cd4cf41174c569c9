/* The policy as text. */
#ifndef SANDPIPER_TEST_POLICY_TEXT_H
#define SANDPIPER_TEST_POLICY_TEXT_H

#include <stdio.h>

#include "shim/policy.h"

/* allow, trap, kill, or the name of an error. */
void policy_print_action(FILE *to, uint32_t action);

/* Named as the subjects of try-syscall. */
const char *policy_filter_name(enum policy_filter filter);

/* One condition, in words. */
void policy_print_condition(FILE *to, const struct policy_condition *condition);

/*
 * A line for each row: filters, call, conditions, action, what else, why; separated by tabs. Then the default of each
 * filter.
 */
void policy_print(FILE *to);

#endif
