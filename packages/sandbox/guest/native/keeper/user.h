/*
 * The user of the guests. Where the keeper is root, its guests get a user and group that no other keeper's guests have:
 * so they cannot signal the guests of another cell, nor any keeper.
 */
#ifndef SANDPIPER_USER_H
#define SANDPIPER_USER_H

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/*
 * Takes the first user of `range` ("FIRST-LAST", NULL for the default) that no other keeper uses, and checks that
 * guests can become it. Ends the process with a message when not. Does nothing where the keeper is not root.
 */
void user_use(const char *range);

/* The calling process becomes that user. Between fork and exec. Returns 0, or -1 with errno. */
int user_become(void);

struct guest_limit {
  int resource;
  struct rlimit limit;
  /* Where the host's hard limit is lower and may not be raised, the guest has that: no failure. */
  int host_may_be_lower;
};

/* prlimit(2) on a guest, all of them at once. Returns 0, or -1 with errno when one could not be set. */
int user_limit_guest(pid_t pid, const struct guest_limit *limits, int count);

#endif
