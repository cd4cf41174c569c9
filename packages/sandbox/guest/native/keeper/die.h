/* One way to give up: a line that says why, and exit 1. The guests die with the keeper (PR_SET_PDEATHSIG). */
#ifndef SANDPIPER_DIE_H
#define SANDPIPER_DIE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define die(...)                         \
  do {                                   \
    fputs("sandpiper-keeper: ", stderr); \
    fprintf(stderr, __VA_ARGS__);        \
    fputc('\n', stderr);                 \
    exit(1);                             \
  } while (0)

#define die_errno(what) die("%s: %s", what, strerror(errno))

#endif
