/* Parses numbers, within bounds that keep their sums and products below 2^63. */
#ifndef SANDPIPER_NUMBER_H
#define SANDPIPER_NUMBER_H

#include <stdint.h>
#include <stdlib.h>

/* Longer than any limit (thirty years); times a million, it is below 2^63. Milliseconds. */
#define MAX_MS 1000000000000ll
/* Limit of timers (alarm(2) takes 32 bits of seconds); plus the host's clock, it is below 2^63. Nanoseconds. */
#define MAX_TIMER_NS 5000000000000000000ll
/* More than any machine has; times four, it is below 2^63. Bytes. */
#define MAX_BYTES (1ll << 60)

/* The number at the start of a text, from 0 to `most`; -1 where it is negative or there is none. */
static inline int64_t number_in(const char *text, char **rest, int64_t most) {
  char *end;
  long long value = strtoll(text, &end, 10);
  int none = end == text;
  if (rest != NULL) *rest = end;
  return none || value < 0 ? -1 : value > most ? most : value;
}

#endif
