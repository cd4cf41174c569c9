/* The parked parent of the fork server: see fork.c. */
#ifndef SANDPIPER_FORK_H
#define SANDPIPER_FORK_H

/* Remembers the keeper, which must be the parent of every child. Called before the filter is on. */
void fork_prepare(void);

/* Waits for the keeper's orders and returns only in each child, with the child's own pipes and filter. */
void fork_park(void);

#endif
