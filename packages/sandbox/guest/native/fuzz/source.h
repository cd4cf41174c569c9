/*
 * The fuzzer's bytes as decisions: numbers, choices, hostile values. When they are used up, every decision is 0, and
 * callers that check `source_empty` end. So each input is one sequence of decisions, and a short input a short
 * sequence.
 */
#ifndef SANDPIPER_FUZZ_SOURCE_H
#define SANDPIPER_FUZZ_SOURCE_H

#include <stddef.h>
#include <stdint.h>

struct source {
  const uint8_t *at;
  size_t left;
};

static inline int source_empty(const struct source *s) { return s->left == 0; }

static inline uint8_t take_byte(struct source *s) {
  if (s->left == 0) return 0;
  s->left--;
  return *s->at++;
}

static inline uint64_t take_number(struct source *s, unsigned bytes) {
  uint64_t value = 0;
  for (unsigned i = 0; i < bytes; i++) value |= (uint64_t)take_byte(s) << (8 * i);
  return value;
}

/* One of 0 .. count-1, count at most 256. */
static inline unsigned take_choice(struct source *s, unsigned count) { return take_byte(s) % count; }

/* A 64-bit number as an attacker would choose it: an edge plus or minus a little, a small one, any. */
static inline uint64_t take_hostile(struct source *s) {
  /* clang-format off */
  static const uint64_t edges[] = {
      0, 1, 8, 4095, 4096, 65528, 65536, 1u << 20, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, (1ull << 47) - 1,
      1ull << 47, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffff80000000, ~0ull};
  /* clang-format on */
  switch (take_choice(s, 4)) {
    case 0:
      return take_byte(s);
    case 1:
      return edges[take_choice(s, sizeof edges / sizeof *edges)];
    case 2:
      return edges[take_choice(s, sizeof edges / sizeof *edges)] + (uint64_t)(int8_t)take_byte(s);
    default:
      return take_number(s, 1 + take_choice(s, 8));
  }
}

#endif
