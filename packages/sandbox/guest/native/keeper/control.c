#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEADER sizeof(uint32_t)

static uint32_t frame_length(const struct frame_reader *reader) {
  uint32_t length;
  memcpy(&length, reader->bytes, sizeof length);
  return length;
}

int frame_append(struct frame_reader *reader, const char *data, size_t size) {
  size_t skipped = reader->skip < size ? reader->skip : size;
  reader->skip -= skipped;
  data += skipped;
  size -= skipped;
  if (size == 0) return 0;
  char *grown = realloc(reader->bytes, reader->have + size);
  if (grown == NULL) return -1;
  memcpy(grown + reader->have, data, size);
  reader->bytes = grown;
  reader->have += size;
  return 0;
}

/* The rest of a dropped frame may not have arrived yet. */
static void drop(struct frame_reader *reader, size_t size) {
  size_t there = size < reader->have ? size : reader->have;
  reader->skip = size - there;
  reader->have -= there;
  memmove(reader->bytes, reader->bytes + there, reader->have);
}

int frame_next(struct frame_reader *reader, struct words *words) {
  if (reader->have < HEADER) return 0;
  uint32_t length = frame_length(reader);
  if (length == 0 || length > FRAME_MAX) {
    drop(reader, HEADER + (size_t)length);
    return -1;
  }
  if (reader->have < HEADER + length) return 0;

  size_t count = 0;
  for (size_t i = 0; i < length; i++) count += reader->bytes[HEADER + i] == 0;
  /* one block: the pointers, a NULL behind them, and the text that they point into */
  char **word = reader->bytes[HEADER + length - 1] == 0 ? malloc((count + 1) * sizeof *word + length) : NULL;
  if (word == NULL) {
    drop(reader, HEADER + (size_t)length);
    return -1;
  }
  char *text = (char *)(word + count + 1);
  memcpy(text, reader->bytes + HEADER, length);
  for (size_t i = 0; i < count; i++) {
    word[i] = text;
    text += strlen(text) + 1;
  }
  word[count] = NULL;
  *words = (struct words){.word = word, .count = count, .next = 0};
  drop(reader, HEADER + (size_t)length);
  return 1;
}

void words_free(struct words *words) {
  free(words->word);
  *words = (struct words){0};
}

const char *words_take(struct words *words) { return words->next < words->count ? words->word[words->next++] : NULL; }

int words_take_number(struct words *words, int64_t low, int64_t high, int64_t *number) {
  const char *word = words_take(words);
  if (word == NULL || *word == 0) return -1;
  char *end;
  errno = 0;
  long long value = strtoll(word, &end, 10);
  if (errno != 0 || *end != 0 || value < low || value > high) return -1;
  *number = value;
  return 0;
}
