/* Bytes of a file that the controller has sent ahead: see ahead.c. */
#ifndef SANDPIPER_AHEAD_H
#define SANDPIPER_AHEAD_H

#include <stddef.h>
#include <stdint.h>

/* The most that is sent ahead, bytes. */
#define AHEAD_MOST 4096

/* Room for `size` bytes of descriptor `fd`, from its position on; NULL where that is too many. */
unsigned char *ahead_fill(uint64_t fd, uint64_t size);

/* read(2). Returns 1 and the result where the controller need not be asked. */
int ahead_read(const uint64_t a[6], long *result);

/* What is ahead may no longer be true; what was taken of it stays to be told. */
void ahead_forget(void);

/* Bytes and calls that were answered here; told with the next request. */
struct ahead_taken {
  uint32_t bytes, calls;
};

/* What no request has told of yet. Nothing is ahead afterwards: any call may change the file, or the position. */
struct ahead_taken ahead_end(void);

#endif
