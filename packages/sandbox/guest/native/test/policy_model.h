/* What the policy's rows say of a call, worked out without the filter: the expected table of try_syscall.c. */
#ifndef SANDPIPER_TEST_POLICY_MODEL_H
#define SANDPIPER_TEST_POLICY_MODEL_H

#include <linux/seccomp.h>

#include "shim/policy.h"

/* What differs from process to process. */
struct caller {
  uint64_t gate;
  uint32_t pid;
};

/* SECCOMP_RET_... by that filter alone. */
uint32_t model_decide(enum policy_filter filter, const struct seccomp_data *call, const struct caller *caller);

/* Of two filters the stricter answer holds; of equally strict ones, the newer filter's (seccomp(2)). */
uint32_t model_stricter(uint32_t newer, uint32_t older);

#endif
