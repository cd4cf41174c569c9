/* What the parts of the shim agree on. */
#ifndef SANDPIPER_SHIM_H
#define SANDPIPER_SHIM_H

/*
 * Where the two protocol pipes lie. Higher than any descriptor that the virtual kernel hands out (its table
 * ends at 4096), because a native read of the one and write of the other is what the filter lets through.
 */
#define SHIM_FD_IN 8190
#define SHIM_FD_OUT 8191

/* Where the keeper leaves them for the constructor, with the shim's own file beside them. */
#define KEEPER_FD_IN 3
#define KEEPER_FD_OUT 4
#define KEEPER_FD_SHIM 5

/* Dialect of sandbox-2 that this shim speaks; the controller refuses another. */
#define SHIM_DIALECT 1

/* Exit code when the kernel refuses the filter: there is no descriptor left to say it on. */
#define SHIM_EXIT_NO_FILTER 127

#endif
