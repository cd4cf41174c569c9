/*
 * Included before a source of the shim: the shim of a kernel that lacks what gVisor's lacks. What the kernel would
 * ignore is not asked for, and what it would refuse is asked wrongly.
 */
#if defined IGNORES_CLONE_PARENT && !defined __ASSEMBLER__
#include <sched.h>
#undef CLONE_PARENT
#define CLONE_PARENT 0
#endif

#if defined REFUSES_TSC && !defined __ASSEMBLER__
#include <sys/prctl.h>
#undef PR_SET_TSC
#define PR_SET_TSC (-1)
#endif
