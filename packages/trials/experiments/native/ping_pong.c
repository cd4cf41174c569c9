/*
 * The floor of a call that another process answers: a word there and a word back over two pipes, on one CPU.
 *
 *   ping-pong ROUNDS     prints nanoseconds per round trip
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
  int there[2], back[2];
  long rounds = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
  if (rounds <= 0 || pipe(there) != 0 || pipe(back) != 0) return 2;
  uint64_t word = 0;
  if (fork() == 0) {
    close(there[1]);
    while (read(there[0], &word, sizeof word) == sizeof word)
      if (write(back[1], &word, sizeof word) != sizeof word) return 1;
    return 0;
  }
  struct timespec begin, end;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  for (long i = 0; i < rounds; i++)
    if (write(there[1], &word, sizeof word) != sizeof word || read(back[0], &word, sizeof word) != sizeof word) return 1;
  clock_gettime(CLOCK_MONOTONIC, &end);
  printf("%.0f\n", ((end.tv_sec - begin.tv_sec) * 1e9 + (end.tv_nsec - begin.tv_nsec)) / (double)rounds);
  return 0;
}
