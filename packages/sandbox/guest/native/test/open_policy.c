/* Replaces policy.c in a shim whose filter wrongly allows one call. Programs run under it as usual. */
#define policy_rows true_rows
#include "../shim/policy.c"
#undef policy_rows

const struct policy_row *policy_rows(size_t *count);

#include <string.h>

#define ROWS (sizeof rows / sizeof *rows)

const struct policy_row *policy_rows(size_t *count) {
  static struct policy_row all[ROWS + 1] = {
      {.first = LET_THROUGH, .last = LET_THROUGH, .filters = EVERY, .action = ALLOW}};
  memcpy(all + 1, rows, sizeof rows);
  *count = ROWS + 1;
  return all;
}
