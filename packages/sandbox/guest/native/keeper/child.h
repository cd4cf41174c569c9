/* Between fork and exec: the keeper's child becomes a guest, or exits with the reason why it could not. */
#ifndef SANDPIPER_CHILD_H
#define SANDPIPER_CHILD_H

#include <sys/types.h>

#include "guest.h"
#include "units.h"

/* Why a guest was not executed. The controller has a sentence for each (NOT_EXECUTED, src/keeper-client.ts). */
#define GUEST_EXIT_NO_PRELOAD 116         /* it would run without the shim (program.h) */
#define GUEST_EXIT_TOO_LONG 117           /* its arguments and variables are too long */
#define GUEST_EXIT_NO_GROUP 118           /* it is outside its control group */
#define GUEST_EXIT_NO_SHIM 119            /* the shim is missing */
#define GUEST_EXIT_NO_LIMITS 120          /* a limit or a flag of the process cannot be set, or the keeper is gone */
#define GUEST_EXIT_NO_DESCRIPTORS 121     /* its descriptors cannot be placed or closed */
#define GUEST_EXIT_NO_USER 122            /* it cannot become the user of the guests */
#define GUEST_EXIT_NOT_PINNED 123         /* it cannot be pinned to its CPU */
#define GUEST_EXIT_FEW_FILES 124          /* the hard limit of open files is too low */
#define GUEST_EXIT_NO_FIXED_ADDRESSES 125 /* personality(2) is refused */
#define GUEST_EXIT_NOT_EXECUTED 127       /* execve(2) failed; 126 is SHIM_EXIT_REFUSED (shim.h) */

/*
 * What an interpreter may take until its program begins, many times what it needs (0.1 s, 16 MiB, 70 MiB of address
 * space): nothing of the run executes before the mark, but the run's variables may make the start longer.
 */
#define START_CPU (3 * SECOND)
#define START_MEMORY (256 * MIB)
#define START_SPACE (512 * MIB)

/*
 * The largest stack that a run may have (LIMITS of the contracts). The kernel lays out the addresses for it when it
 * executes the guest, and the mark sets the run's own limit. `unlimited` would give another layout (mmap_is_legacy).
 */
#define STACK_SPACE (64 * GIB)

/* Waits for a byte on `go`, then executes the guest. `keeper` is the process whose end is the guest's end. */
_Noreturn void child_become_guest(const struct guest_spec *spec, const struct guest_files *files, pid_t keeper, int go);

/*
 * When its group or the host is out of memory, the kernel shall end this process (0: the caller), not the parent in the
 * same group (proc(5), oom_score_adj). Where we may not write that, the parent may die with it, and is replaced.
 */
void child_die_first(pid_t pid);

#endif
