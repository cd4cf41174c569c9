/* What stat(2) will say of files that the program is about to look at, sent ahead by the controller: see stats.c. */
#ifndef SANDPIPER_STATS_H
#define SANDPIPER_STATS_H

#include <stddef.h>
#include <stdint.h>

/* The most that is sent at once, bytes. */
#define STATS_MOST 32768

/* Room for `size` bytes; NULL where that is too many. What was there before is forgotten. */
unsigned char *stats_fill(uint64_t size);

/* The room is filled, and `calls` may be answered from it. Returns 0 where it does not hold what it should. */
int stats_filled(uint64_t calls);

/* stat(2), lstat(2), fstatat(2). Returns 1 and the result where the controller need not be asked. */
int stats_call(long nr, const uint64_t a[6], long *result);

/* A call is sent to the controller: most may change a file, a folder, or a link on the way. */
void stats_note_call(long nr);

/* What is ahead may no longer be true. */
void stats_forget(void);

/* How many calls were answered here since it was last asked; told with the next request. */
uint32_t stats_tell(void);

#endif
