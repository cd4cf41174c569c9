/*
 * Control groups, where the host delegates them (cgroups(7)): the kernel bounds a guest's memory exactly.
 * One interface over version 2, version 1, and none. Sizes in bytes.
 */
#ifndef SANDPIPER_CGROUP_H
#define SANDPIPER_CGROUP_H

#include <stdint.h>

/*
 * Uses `place`: "v2:DIR", "v1:MEMORY_DIR", or NULL for none. Removes groups that dead keepers left there. Ends the
 * process with a message when groups cannot be made there.
 */
void cgroup_use(const char *place);

/* Caps guests at this many thousandths of a CPU (cpu.max); version 2 only. Called before cgroup_use. */
void cgroup_cap_cpu(int64_t thousandths);

/* "cgroup-v2", "cgroup-v1" or "none". */
const char *cgroup_name(void);

/* Whether the kernel accounts all memory of a guest, or only this process watches it. */
int cgroup_counts(void);

/* Makes the group of the next guest, unless one is kept. It is not bounded yet. Returns 0, or a negative errno. */
int cgroup_make(void);

/* Whether successive guests share one group with their parent. */
int cgroup_is_kept(void);

/* Moves the calling process there. Returns 0, or -1 with errno. Between fork and exec. */
int cgroup_enter(void);

/* Moves another process there, if it is elsewhere. Returns 0, or -1 with errno. */
int cgroup_take(int64_t pid);

/* The same for a guest that is starting, without waiting. */
void cgroup_take_aside(int64_t pid);

/* Ends that move, or with `if_done` only collects it when it is done. */
void cgroup_end_aside(int if_done);

/* Until cgroup_limit, it may use `memory` more than it does now. Returns 0, or -1 with errno. */
int cgroup_limit_start(int64_t memory);

/* From now on, it may use `memory` more than it does now; the peak counts from here. Returns 0, or -1 with errno. */
int cgroup_limit(int64_t memory);

/* The state of a group. */
struct cgroup_usage {
  int64_t peak;      /* above what there was at cgroup_limit */
  int killed;        /* the kernel killed a process in it when it, a group above, or the host was out of memory */
  int full;          /* its own limit was reached since cgroup_limit */
  int64_t throttled; /* nanoseconds that cpu.max has kept it waiting; -1 where it has none */
};

/* Returns 1 when there is a group and it was read, 0 when there is none, -1 when it has gone. */
int cgroup_read(struct cgroup_usage *usage);

/* Returns 0 while the group is there, -1 when it has gone. */
int cgroup_check(void);

/* The guest has been reaped. */
void cgroup_release(void);

/* Removes the group, whose processes have all been reaped. */
void cgroup_remove(void);

#endif
