/* What the parts of the shim agree on. */
#ifndef SANDPIPER_SHIM_H
#define SANDPIPER_SHIM_H

#include <stdint.h>

/*
 * The numbers of the two protocol pipes. They are higher than any descriptor that the virtual kernel hands out (its
 * table ends at 4096), because the filter allows native reads of one and writes to the other.
 */
#define SHIM_FD_IN 8190
#define SHIM_FD_OUT 8191
/* Output that waits for the controller (late.c). */
#define SHIM_FD_LATE 8189
#define SHIM_FD_KEEPER 8188

/* As many shared mappings of files as the controller allows (MAX_MAPPINGS in its mappings.ts). */
#define SHIM_SHARED_MAPPINGS 64

/* Where the keeper leaves them for the constructor, with the shim's own file beside them. */
#define KEEPER_FD_IN 3
#define KEEPER_FD_OUT 4
#define KEEPER_FD_SHIM 5
#define KEEPER_FD_LATE 6
/* For a parent of the fork server: the socket on which the keeper sends its children's pipes. */
#define KEEPER_FD_SOCKET 7

/* What the keeper asks of that parent, the one byte of each message: a child, or a child's child (fork.c). */
#define SHIM_FORK 0
#define SHIM_FORK_TWICE 1

/*
 * The keeper passes its settings to the constructor in the environment. The guest's own variables carry this prefix,
 * which the constructor removes: until then the dynamic loader works under the real kernel, and a submitted program
 * must not be able to control it (LD_AUDIT, LD_DEBUG_OUTPUT).
 */
#define GUEST_VARIABLE "GUEST_"
/* A translated interpreter, which speaks sandbox-2 itself on its descriptors 0 and 1. */
#define VARIABLE_TRANSLATED "SANDPIPER_TRANSLATED="
/* The controller simulates the guest's clock. */
#define VARIABLE_VIRTUAL_TIME "SANDPIPER_VIRTUAL_TIME="

/* A parent of the fork server: see fork.c. */
#define VARIABLE_PARKED "SANDPIPER_PARKED="

/* The process id that a guest sees (GUEST_PID of the kernel package). */
#define SHIM_GUEST_PID 2
/* Its parent's (PARENT_PID of the kernel package), and its user and group (GUEST_UID of the vfs package). */
#define SHIM_GUEST_PARENT 1
#define SHIM_GUEST_USER 1000

/* Version of the dialect `linux` that this shim speaks; the controller refuses any other. */
#define SHIM_DIALECT_VERSION 3

/* The signal that kills a translated guest when memory is refused: the controller may be midway through a call. */
#define SHIM_SIGNAL_NO_MEMORY SIGSTKFLT

/* Exit code when a pipe to the controller fails in the middle of a call. */
#define SHIM_EXIT_CHANNEL_BROKEN 125
/* Exit code when the constructor refuses to start; it has said why on the standard error. */
#define SHIM_EXIT_REFUSED 126
/* Exit code when the kernel refuses the filter: there is no descriptor left to report it on. */
#define SHIM_EXIT_NO_FILTER 127

/* Answers a call as Linux would, negative errno on failure. For calls outside of a trap. */
long shim_answer(long nr, const uint64_t arguments[6]);

#endif
