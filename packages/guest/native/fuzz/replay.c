/* Runs a fuzzer's function once over each input of a corpus (.txt), or over a file that is one input: needs no clang. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay.h"

#define LARGEST (1 << 20)

static unsigned replayed;
static const char *current = "?";

/* A finding ends the process by abort(3): which input was it? */
static void tell(int signal) {
  (void)signal;
  if (write(STDERR_FILENO, "replaying ", 10) < 0 || write(STDERR_FILENO, current, strlen(current)) < 0 ||
      write(STDERR_FILENO, "\n", 1) < 0)
    _exit(1);
  _exit(1);
}

/* In a block of exactly that size, so that a read behind the end is seen. */
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

/* Lines of a name and bytes in hexadecimal; those that begin with # say something to people. */
static void run_line(char *text) {
  char *name = strtok(text, " \n"), *hex = strtok(NULL, " \n");
  if (name == NULL || name[0] == '#') return;
  size_t size = hex == NULL ? 0 : strlen(hex) / 2;
  uint8_t *bytes = malloc(size + (size == 0));
  if (bytes == NULL) abort();
  for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
  run(name, bytes, size);
  free(bytes);
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
  for (int i = 1; i < argc; i++) {
    size_t length = strlen(argv[i]);
    int is_corpus = length > 4 && strcmp(argv[i] + length - 4, ".txt") == 0;
    if ((is_corpus ? run_corpus : run_file)(argv[i]) == 0) continue;
    fprintf(stderr, "%s cannot be read\n", argv[i]);
    return 1;
  }
  printf("%s: %u inputs replayed\n", strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0], replayed);
  return replayed == 0;
}
