/* The simulated clock of a guest in a deterministic run. */
#ifndef SANDPIPER_CLOCK_H
#define SANDPIPER_CLOCK_H

/* Decides whether this library's time functions ask the controller. Called before the filter. */
void clock_take(int virtual_time);

#endif
