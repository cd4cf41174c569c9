/* The messages between the two sides of try-syscall, and the probes. */
#ifndef SANDPIPER_TEST_TRY_SYSCALL_H
#define SANDPIPER_TEST_TRY_SYSCALL_H

#include <stddef.h>
#include <stdint.h>

#include "policy_model.h"

/* From where a call is made. */
enum way {
  WAY_PLAIN,    /* the instruction syscall */
  WAY_GATE,     /* the same, at the shim's gate */
  WAY_TWIN,     /* the same, at an address of which only the upper half differs from the gate's */
  WAY_NEAR,     /* the same, at an address of which only the lower half differs */
  WAY_INT80,    /* int 0x80, which is i386's */
  WAY_FAR32,    /* the same, after a far jump into 32-bit code */
  WAY_VSYSCALL, /* the kernel's vsyscall page */
  WAYS,
};
/* Not a probe: asks the parent's filter for a call that it traps, so that the controller can have it park. */
#define WAY_PARK WAYS

struct probe {
  uint64_t way, number, arguments[6];
  /* Arguments that are the caller's own process id with one bit changed each. */
  uint64_t of_own_pid;
};

/* A process under test: its filter, and the one below it if it is a forked child. */
struct subject {
  const char *name;
  enum policy_filter filter, below;
};

/* Fills `probes`, at most `room` of them, and returns how many. */
size_t try_probes(int thorough, struct probe *probes, size_t room);

/* The policy's answer to it. */
uint32_t try_expected(const struct subject *subject, const struct probe *probe, const struct caller *caller);

/*
 * The locked-down side; never returns. It writes the request `next(i)i` with the last result to `out`, reads the next
 * probe in its memory layout from `in`, and makes that call.
 */
_Noreturn void try_guest(int in, int out, uint64_t gate_offset);

/* Makes a call in another way than this architecture's usual one. Does not return where that way does not exist. */
long try_other_way(enum way way, uint64_t number);

#endif
