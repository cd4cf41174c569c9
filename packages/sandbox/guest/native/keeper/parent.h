/* The keeper's side of the fork server (shim/fork.c). */
#ifndef SANDPIPER_PARENT_H
#define SANDPIPER_PARENT_H

#include <sys/types.h>

/* A guest's ends: its controller's answers, its requests, its late output. */
#define PARENT_PIPES 3

/*
 * Asks the parent at the other end of the socket for a child with these pipes, which is a child of this process then.
 * Returns its process id, or 0 when there is none.
 */
pid_t parent_fork(int socket, const int pipes[PARENT_PIPES]);

#endif
