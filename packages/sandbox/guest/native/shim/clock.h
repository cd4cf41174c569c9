/* The simulated clock of a guest in a deterministic run. */
#ifndef SANDPIPER_CLOCK_H
#define SANDPIPER_CLOCK_H

#include <stdint.h>

/*
 * Decides whether this library's time functions ask the controller. Called before the filter. Returns 0, or -1 where
 * they shall and the kernel does not hide the processor's counter.
 */
int clock_take(int virtual_time);

/* The monotonic clock as the controller reads it, to a few milliseconds; nanoseconds. Not with a simulated clock. */
int64_t clock_now(void);

#endif
