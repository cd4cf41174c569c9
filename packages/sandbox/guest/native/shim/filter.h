/* The seccomp filter of a guest, compiled from the rows of policy.c. */
#ifndef SANDPIPER_FILTER_H
#define SANDPIPER_FILTER_H

#include "policy.h"

/* Installs that filter on top of existing ones, for ever. By the gate. Returns 0, or a negative errno. */
int filter_install(enum policy_filter filter);

#endif
