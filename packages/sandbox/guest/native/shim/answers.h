/* Calls that the shim answers itself: see answers.c. */
#ifndef SANDPIPER_ANSWERS_H
#define SANDPIPER_ANSWERS_H

#include <stdint.h>

/* From here on constants are answered, and random bytes come from a store unless this process has children to come. */
void answers_begin(int has_children);

/* In a child of the fork server: its random bytes may be stored from here on. */
void answers_in_child(void);

/* Whether random bytes come from the store. */
int answers_store(void);

/* Random bytes. Returns 1 and the result where the store has them, and 0 where the controller must be asked. */
int answers_random(uint64_t to, uint64_t size, long *result);

/* Returns 1 and the result where the controller need not be asked. */
int answers_call(long nr, const uint64_t a[6], long *result);

#endif
