/*
 * Runs a fuzzer's function once over each input of a corpus (.txt), or over a file that is one input: needs no clang.
 *
 *   replay-NAME [--mutations COUNT SEED] FILE...
 *
 * With --mutations, that many inputs are made from the corpus by small changes, without the coverage guidance of
 * libFuzzer: a short check in every run of the tests.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay.h"

#define LARGEST (1 << 20)

#define MAX_INPUTS 4096

static unsigned replayed;
static struct {
  uint8_t *bytes;
  size_t size;
} inputs[MAX_INPUTS];
static unsigned known;
static const char *current = "?";

/* A finding ends the process by abort(3): which input was it? */
static void tell(int signal) {
  (void)signal;
  if (write(STDERR_FILENO, "replaying ", 10) < 0 || write(STDERR_FILENO, current, strlen(current)) < 0 ||
      write(STDERR_FILENO, "\n", 1) < 0)
    _exit(1);
  _exit(1);
}

/* In a block of exactly that size, so that a read behind the end is detected. */
static void run(const char *name, const uint8_t *bytes, size_t size) {
  uint8_t *exact = malloc(size + (size == 0));
  if (exact == NULL) abort();
  memcpy(exact, bytes, size);
  current = name;
  LLVMFuzzerTestOneInput(exact, size);
  free(exact);
  replayed++;
}

static int digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

/* Lines of a name and bytes in hexadecimal; lines that begin with # are comments. */
static void run_line(char *text) {
  char *name = strtok(text, " \n"), *hex = strtok(NULL, " \n");
  if (name == NULL || name[0] == '#') return;
  size_t size = hex == NULL ? 0 : strlen(hex) / 2;
  uint8_t *bytes = malloc(size + (size == 0));
  if (bytes == NULL) abort();
  for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
  run(name, bytes, size);
  if (known == MAX_INPUTS) {
    free(bytes);
    return;
  }
  inputs[known].bytes = bytes;
  inputs[known++].size = size;
}

/* xorshift64 (Marsaglia, 2003). */
static uint64_t state;
static uint64_t random_below(uint64_t count) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state % count;
}

/* The head of one input and the tail of another, with a few bytes changed. */
static void run_mutations(uint64_t count, uint64_t seed) {
  static uint8_t bytes[2 * LARGEST];
  static char name[64];
  state = seed * 0x9e3779b97f4a7c15u + 1;
  for (uint64_t i = 0; known > 0 && i < count; i++) {
    uint64_t a = random_below(known), b = random_below(known);
    size_t head = random_below(inputs[a].size + 1), skip = random_below(inputs[b].size + 1);
    size_t tail = inputs[b].size - skip;
    memcpy(bytes, inputs[a].bytes, head);
    memcpy(bytes + head, inputs[b].bytes + skip, tail);
    size_t size = head + tail;
    for (uint64_t changes = random_below(6); size > 0 && changes > 0; changes--)
      bytes[random_below(size)] = (uint8_t)random_below(256);
    snprintf(name, sizeof name, "mutation %llu of seed %llu", (unsigned long long)i, (unsigned long long)seed);
    run(name, bytes, size);
  }
}

static int run_corpus(const char *path) {
  FILE *file = fopen(path, "r");
  if (file == NULL) return -1;
  char *text = NULL;
  size_t room = 0;
  while (getline(&text, &room, file) > 0) run_line(text);
  free(text);
  fclose(file);
  return 0;
}

static int run_file(const char *path) {
  static uint8_t bytes[LARGEST];
  FILE *file = fopen(path, "rb");
  if (file == NULL) return -1;
  size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  run(path, bytes, size);
  return 0;
}

int main(int argc, char **argv) {
  signal(SIGABRT, tell);
  uint64_t count = 0, seed = 0;
  int first = 1;
  if (argc > 3 && strcmp(argv[1], "--mutations") == 0) {
    count = strtoull(argv[2], NULL, 10);
    seed = strtoull(argv[3], NULL, 10);
    first = 4;
  }
  for (int i = first; i < argc; i++) {
    size_t length = strlen(argv[i]);
    int is_corpus = length > 4 && strcmp(argv[i] + length - 4, ".txt") == 0;
    if ((is_corpus ? run_corpus : run_file)(argv[i]) == 0) continue;
    fprintf(stderr, "%s is not readable\n", argv[i]);
    return 1;
  }
  run_mutations(count, seed);
  printf("%s: %u inputs ran\n", strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0], replayed);
  return replayed == 0;
}
