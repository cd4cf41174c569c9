/*
 * The fuzzed guest's memory: pages that are readable and writable, read-only, or inaccessible, so that the fuzzer knows
 * the answer for any address and size beforehand. Everything outside counts as unmapped.
 */
#ifndef SANDPIPER_FUZZ_ARENA_H
#define SANDPIPER_FUZZ_ARENA_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "source.h"

#define ARENA_PAGE 4096ul
/* One letter a page: w can be written, r only read, - neither. Long enough for transfers beyond the shim's buffers. */
static const char arena_pages[] =
    "-www"
    "r"
    "-"
    "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww"
    "-";
#define ARENA_PAGES (sizeof arena_pages - 1)
#define ARENA_SIZE (ARENA_PAGES * ARENA_PAGE)

static unsigned char *arena;

static void arena_reset(void) {
  if (arena == NULL) {
    arena = mmap(NULL, ARENA_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (arena == MAP_FAILED) abort();
    for (size_t i = 0; i < ARENA_PAGES; i++)
      if (arena_pages[i] != '-' && mprotect(arena + i * ARENA_PAGE, ARENA_PAGE, PROT_READ | PROT_WRITE) != 0) abort();
    for (size_t i = 0; i < ARENA_PAGES; i++) {
      if (arena_pages[i] != 'r') continue;
      unsigned char *page = arena + i * ARENA_PAGE;
      memset(page, 'r', ARENA_PAGE);
      page[ARENA_PAGE / 2] = 0;
      if (mprotect(page, ARENA_PAGE, PROT_READ) != 0) abort();
    }
  }
  for (size_t i = 0; i < ARENA_PAGES; i++) {
    if (arena_pages[i] != 'w') continue;
    memset(arena + i * ARENA_PAGE, 'a' + (int)(i % 26), ARENA_PAGE);
    arena[i * ARENA_PAGE + 100] = 0;
  }
}

/* How many bytes from an address on can be read, or written; at most `size`. */
static size_t arena_reach(uint64_t address, uint64_t size, int write) {
  uint64_t at = address, done = 0;
  while (done < size) {
    if (at < (uintptr_t)arena || at >= (uintptr_t)arena + ARENA_SIZE) break;
    char page = arena_pages[(at - (uintptr_t)arena) / ARENA_PAGE];
    if (page == '-' || (write && page == 'r')) break;
    uint64_t step = ARENA_PAGE - (at & (ARENA_PAGE - 1));
    if (step > size - done) step = size - done;
    at += step;
    done += step;
  }
  return done;
}

/* Never mapped: the first page, the last below the kernel, non-canonical ones, the kernel's. */
static int arena_owns(uint64_t address) {
  return address < 65536 || address >= (1ull << 47) - ARENA_PAGE ||
         (address >= (uintptr_t)arena && address < (uintptr_t)arena + ARENA_SIZE);
}

static uint64_t arena_address(struct source *s) {
  /* clang-format off */
  static const uint64_t nowhere[] = {0, 1, 4095, 4096, 65535, (1ull << 47) - 4096, (1ull << 47) - 1, 1ull << 47,
                                     0x8000000000000000, 0xffffffff81000000, ~0ull - 7, ~0ull};
  /* clang-format on */
  unsigned kind = take_choice(s, 8);
  if (kind == 0) return nowhere[take_choice(s, sizeof nowhere / sizeof *nowhere)];
  if (kind == 1) return (uintptr_t)arena + take_number(s, 3) % ARENA_SIZE;
  uint64_t page = take_choice(s, ARENA_PAGES);
  if (kind < 5) return (uintptr_t)arena + page * ARENA_PAGE + take_byte(s);
  return (uintptr_t)arena + page * ARENA_PAGE + ARENA_PAGE - 1 - take_byte(s) % 32;
}

#endif
