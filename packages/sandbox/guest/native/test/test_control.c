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
  size_t size = frame(bytes,
                      "mark\0"
                      "100\0"
                      "-5",
                      12);
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

/* The frame after a dropped one is a frame like any other. */
static void dropped(const char *bad, size_t size) {
  char bytes[64];
  size_t good = frame(bytes, "kill", 5);
  for (size_t piece = 1; piece <= 65536; piece *= 4) {
    struct frame_reader reader = {0};
    struct words words;
    unsigned refused = 0, whole = 0;
    for (size_t at = 0; at < size + good;) {
      const char *from = at < size ? bad + at : bytes + (at - size);
      size_t left = at < size ? size - at : size + good - at;
      size_t n = left < piece ? left : piece;
      assert(frame_append(&reader, from, n) == 0);
      at += n;
      for (int got; (got = frame_next(&reader, &words)) != 0;) {
        if (got < 0) {
          refused++;
          continue;
        }
        assert(words.count == 1 && strcmp(words_take(&words), "kill") == 0);
        words_free(&words);
        whole++;
      }
    }
    assert(refused == 1 && whole == 1);
    free(reader.bytes);
  }
}

static void out_of_bounds(void) {
  uint32_t length = FRAME_MAX + 1;
  char *bad = calloc(1, sizeof length + length);
  assert(bad != NULL);
  memcpy(bad, &length, sizeof length);
  dropped(bad, sizeof length + length);
  free(bad);
  char bytes[16];
  dropped(bytes, frame(bytes, "abc", 3));
  dropped(bytes, frame(bytes, "", 0));
}

int main(void) {
  whole_and_in_pieces();
  out_of_bounds();
  puts("control: ok");
  return 0;
}
