#include "policy_model.h"

#include <linux/audit.h>

static int holds(const struct policy_condition *condition, const struct seccomp_data *call,
                 const struct caller *caller) {
  const uint64_t argument = call->args[condition->argument];
  const uint64_t rest = argument & ~(uint64_t)condition->free;
  switch (condition->test) {
    case POLICY_NOTHING:
      return 1;
    case POLICY_BITS:
      return rest == 0;
    case POLICY_SELF:
      return argument == caller->pid;
    case POLICY_GATE:
      return call->instruction_pointer == caller->gate;
    case POLICY_VSYSCALL:
      return call->instruction_pointer >= 0xffffffff00000000;
    case POLICY_VALUES:
      for (unsigned i = 0; i < condition->count; i++)
        if (rest == condition->values[i]) return 1;
      return 0;
  }
  return 0;
}

uint32_t model_decide(enum policy_filter filter, const struct seccomp_data *call, const struct caller *caller) {
  if (call->arch != AUDIT_ARCH_X86_64) return SECCOMP_RET_KILL_PROCESS;
  size_t count;
  const struct policy_row *rows = policy_rows(&count);
  const uint32_t number = (uint32_t)call->nr;
  for (size_t i = 0; i < count; i++) {
    const struct policy_row *row = &rows[i];
    if (!(row->filters & filter) || number < row->first || number > row->last) continue;
    int all = 1;
    for (unsigned c = 0; c < POLICY_CONDITIONS; c++) all &= holds(&row->conditions[c], call, caller);
    if (all) return row->action;
    return row->otherwise != 0 ? row->otherwise : policy_default(filter);
  }
  return policy_default(filter);
}

uint32_t model_stricter(uint32_t newer, uint32_t older) {
  const int32_t by_newer = (int32_t)(newer & SECCOMP_RET_ACTION_FULL),
                by_older = (int32_t)(older & SECCOMP_RET_ACTION_FULL);
  return by_older < by_newer ? older : newer;
}
