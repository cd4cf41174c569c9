/*
 * Control groups, where the host lends them (cgroups(7)): a guest's memory is bounded exactly by the kernel.
 * One interface; version 2, version 1, and none behind it. Sizes in bytes.
 */
#ifndef SANDPIPER_CGROUP_H
#define SANDPIPER_CGROUP_H

#include <stdint.h>

/*
 * Takes `place`: "v2:DIR", "v1:MEMORY_DIR", or NULL for none. Groups that dead keepers left there are removed. Ends the
 * process with a line when groups cannot be made there.
 */
void cgroup_use(const char *place);

/* Guests get so many thousandths of a CPU at most (cpu.max); version 2 only. Called before cgroup_use. */
void cgroup_cap_cpu(int64_t thousandths);

/* "cgroup-v2", "cgroup-v1" or "none". */
const char *cgroup_name(void);

/* Whether the kernel counts all that a guest makes it hold, or nobody but this process looks. */
int cgroup_counts(void);

/* Makes the group of the next guest, unless there is one that is kept. It is not bounded yet. Returns 0, or a negative errno. */
int cgroup_make(void);

/* Whether guests follow each other in one group, which their parent is in as well. */
int cgroup_is_kept(void);

/* The calling process moves there. Returns 0, or -1 with errno. Between fork and exec. */
int cgroup_enter(void);

/* Another process moves there, if it is elsewhere. Returns 0, or -1 with errno. */
int cgroup_take(int64_t pid);

/* The same for one that starts, while nobody waits for it. */
void cgroup_take_aside(int64_t pid);

/* Ends that, or with `if_done` only takes note of its end. */
void cgroup_end_aside(int if_done);

/* Until cgroup_limit it may use `memory` more than it does now. Returns 0, or -1 with errno. */
int cgroup_limit_start(int64_t memory);

/* From now on it may use `memory` more than it does now; the peak counts from here. Returns 0, or -1 with errno. */
int cgroup_limit(int64_t memory);

/* What is seen of a group. */
struct cgroup_usage {
  int64_t peak; /* above what there was at cgroup_limit */
  int killed;   /* the kernel has killed in it for want of memory: its own, or that of a group above, or the host's */
  int full;     /* its own limit was reached since cgroup_limit */
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
