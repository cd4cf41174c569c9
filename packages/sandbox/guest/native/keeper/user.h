/*
 * Whom guests run as. Where the keeper is root they are a user (and group) of their own, whom no other keeper's guests are: so
 * they can send no signal to the guests of another cell, nor to any keeper.
 */
#ifndef SANDPIPER_USER_H
#define SANDPIPER_USER_H

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/*
 * Takes the first user of `range` ("FIRST-LAST", NULL for the usual one) whom no other keeper has, and tries whether guests
 * can become it. Ends the process with a line when not. Does nothing where the keeper is not root.
 */
void user_use(const char *range);

/* The calling process becomes it. Between fork and exec. Returns 0, or -1 with errno. */
int user_become(void);

/* prlimit(2) on a guest. */
int user_limit_guest(pid_t pid, int resource, const struct rlimit *limit);

#endif
