/* Frames of the keeper's control channel: whole, in pieces, out of bounds. Built with sanitizers. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../keeper/control.h"

static size_t frame(char *to, const char *payload, uint32_t size) {
  memcpy(to, &size, sizeof size);
  memcpy(to + sizeof size, payload, size);
  return sizeof size + size;
}

static void whole_and_in_pieces(void) {
  char bytes[64];
  size_t size = frame(bytes, "mark\0" "100\0" "-5", 12);
  for (size_t piece = 1; piece <= size; piece++) {
    struct frame_reader reader = {0};
    struct words words;
    int got = 0;
    for (size_t at = 0; at < size; at += piece) {
      assert(got == 0);
      assert(frame_append(&reader, bytes + at, size - at < piece ? size - at : piece) == 0);
      got = frame_next(&reader, &words);
    }
    assert(got == 1 && words.count == 3);
    int64_t number;
    assert(strcmp(words_take(&words), "mark") == 0);
    assert(words_take_number(&words, 1, 100, &number) == 0 && number == 100);
    assert(words_take_number(&words, 0, 100, &number) == -1);
    assert(words_take(&words) == NULL);
    words_free(&words);
    free(reader.bytes);
  }
}

static void out_of_bounds(void) {
  struct frame_reader reader = {0};
  uint32_t size = FRAME_MAX + 1;
  assert(frame_append(&reader, (char *)&size, sizeof size) == -1);
  free(reader.bytes);
  reader = (struct frame_reader){0};
  char bytes[16];
  struct words words;
  assert(frame_append(&reader, bytes, frame(bytes, "abc", 3)) == 0);
  assert(frame_next(&reader, &words) == -1);
  free(reader.bytes);
}

int main(void) {
  whole_and_in_pieces();
  out_of_bounds();
  puts("control: ok");
  return 0;
}
