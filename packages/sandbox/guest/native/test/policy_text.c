#include "policy_text.h"

#include <linux/seccomp.h>
#include <string.h>

static const struct {
  enum policy_filter filter;
  const char *name;
} filters[] = {
    {FILTER_GUEST, "guest"},
    {FILTER_VIRTUAL_TIME, "virtual-time"},
    {FILTER_PARENT, "parent"},
    {FILTER_TRANSLATED, "translated"},
};
#define FILTERS (sizeof filters / sizeof *filters)

const char *policy_filter_name(enum policy_filter filter) {
  for (size_t f = 0; f < FILTERS; f++)
    if (filters[f].filter == filter) return filters[f].name;
  return "?";
}

void policy_print_action(FILE *to, uint32_t action) {
  const uint32_t kind = action & SECCOMP_RET_ACTION_FULL;
  if (kind == SECCOMP_RET_ALLOW) fprintf(to, "allow");
  else if (kind == SECCOMP_RET_TRAP) fprintf(to, "trap");
  else if (kind == SECCOMP_RET_ERRNO) fprintf(to, "%s", strerrorname_np((int)(action & SECCOMP_RET_DATA)));
  else fprintf(to, "kill");
}

void policy_print_condition(FILE *to, const struct policy_condition *condition) {
  char name[32] = "";
  for (size_t i = 0; condition->name != NULL && condition->name[i] != 0 && i < sizeof name - 1; i++)
    name[i] = condition->name[i] == '_' ? ' ' : (char)(condition->name[i] | 0x20);
  switch (condition->test) {
    case POLICY_NOTHING:
      return;
    case POLICY_GATE:
      fprintf(to, "at the gate");
      return;
    case POLICY_VSYSCALL:
      fprintf(to, "from the vsyscall page");
      return;
    case POLICY_SELF:
      fprintf(to, "%s is its own", name);
      return;
    case POLICY_BITS:
      fprintf(to, "%s has no bit but %s", name, condition->text);
      return;
    case POLICY_VALUES:
      fprintf(to, condition->count == 1 ? "%s is %s" : "%s is one of %s", name, condition->text);
      if (condition->free != 0) fprintf(to, ", with or without %s", condition->free_text);
  }
}

void policy_print(FILE *to) {
  size_t count;
  const struct policy_row *rows = policy_rows(&count);
  for (size_t i = 0; i < count; i++) {
    const char *between = "";
    for (size_t f = 0; f < FILTERS; f++) {
      if (!(rows[i].filters & filters[f].filter)) continue;
      fprintf(to, "%s%s", between, filters[f].name);
      between = ",";
    }
    fprintf(to, "\t%s\t", rows[i].call);
    between = "";
    for (unsigned c = 0; c < POLICY_CONDITIONS && rows[i].conditions[c].test != POLICY_NOTHING; c++) {
      fprintf(to, "%s", between);
      policy_print_condition(to, &rows[i].conditions[c]);
      between = "; ";
    }
    fprintf(to, "\t");
    policy_print_action(to, rows[i].action);
    fprintf(to, "\t");
    if (rows[i].otherwise != 0) policy_print_action(to, rows[i].otherwise);
    fprintf(to, "\t%s\n", rows[i].why);
  }
  for (size_t f = 0; f < FILTERS; f++) {
    fprintf(to, "%s\tevery other\t\t", filters[f].name);
    policy_print_action(to, policy_default(filters[f].filter));
    fprintf(to, "\t\t\n");
  }
}
