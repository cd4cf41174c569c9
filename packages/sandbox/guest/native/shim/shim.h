/* What the parts of the shim agree on. */
#ifndef SANDPIPER_SHIM_H
#define SANDPIPER_SHIM_H

/*
 * Where the two protocol pipes lie. Higher than any descriptor that the virtual kernel hands out (its table
 * ends at 4096), because a native read of the one and write of the other is what the filter lets through.
 */
#define SHIM_FD_IN 8190
#define SHIM_FD_OUT 8191
#define SHIM_FD_KEEPER 8189

/* As many shared mappings of files as the controller allows (MAX_MAPPINGS in its mappings.ts). */
#define SHIM_SHARED_MAPPINGS 64

/* Where the keeper leaves them for the constructor, with the shim's own file beside them. */
#define KEEPER_FD_IN 3
#define KEEPER_FD_OUT 4
#define KEEPER_FD_SHIM 5
/* Of a parent of the fork server: the socket on which the keeper sends the pipes of its children. */
#define KEEPER_FD_SOCKET 6

/*
 * What the keeper says to the constructor is in the environment. A variable of the guest's own comes with this prefix,
 * which the constructor takes off: until then the dynamic loader is at work under the real kernel, and whoever submits a
 * program must not be able to give it orders (LD_AUDIT, LD_DEBUG_OUTPUT).
 */
#define GUEST_VARIABLE "GUEST_"
/* A translated interpreter, which speaks sandbox-2 by itself on its descriptors 0 and 1. */
#define VARIABLE_TRANSLATED "SANDPIPER_TRANSLATED="
/* The guest's time is made up by the controller. */
#define VARIABLE_VIRTUAL_TIME "SANDPIPER_VIRTUAL_TIME="

/* A parent of the fork server: see fork.c. */
#define VARIABLE_PARKED "SANDPIPER_PARKED="

/* What a guest is told of its process id (GUEST_PID of the kernel package). */
#define SHIM_GUEST_PID 2

/* Dialect of sandbox-2 that this shim speaks; the controller refuses another. */
#define SHIM_DIALECT 2

/* What a translated guest dies of when it is refused memory: the controller is in the middle of a call, perhaps. */
#define SHIM_SIGNAL_NO_MEMORY SIGSTKFLT

/* Exit code when the kernel refuses the filter: there is no descriptor left to say it on. */
#define SHIM_EXIT_NO_FILTER 127

#endif
