/*
 * Commands from the controller's thread: a frame is a 32-bit little-endian length and that many bytes, which are
 * strings that each end with a NUL. The first is the command's name. Reports go back as lines of text.
 */
#ifndef SANDPIPER_CONTROL_H
#define SANDPIPER_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX (4u << 20)

struct frame_reader {
  char *bytes;
  size_t have;
  size_t skip; /* bytes still to drop of a frame that is too long */
};

struct words {
  char **word;
  size_t count;
  size_t next;
};

/* Appends received bytes. Returns 0, or -1 when there is no memory. */
int frame_append(struct frame_reader *reader, const char *data, size_t size);

/*
 * Takes the next whole frame apart. Returns 1 and fills `words` (free with words_free), 0 when none is complete, -1
 * when one was dropped because it is empty, longer than FRAME_MAX or does not end with a NUL: later frames are still
 * read.
 */
int frame_next(struct frame_reader *reader, struct words *words);
void words_free(struct words *words);

/* The next word, or NULL when there is none left. */
const char *words_take(struct words *words);

/* The next word as a decimal number from `low` to `high`. Returns 0, or -1 when it is not such a number. */
int words_take_number(struct words *words, int64_t low, int64_t high, int64_t *number);

#endif
