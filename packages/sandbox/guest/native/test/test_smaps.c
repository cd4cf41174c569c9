/* Counts pages of files in this process, as it maps, reads and writes to a file of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "keeper/smaps.h"
#include "keeper/units.h"

#define SIZE (8 * MIB)
#define WRITTEN (2 * MIB)
/* What else this process may have touched meanwhile. */
#define SLACK (256 * KIB)

static void expect(const char *what, int64_t seen, int64_t wanted) {
  if (llabs(seen - wanted) <= SLACK) return;
  fprintf(stderr, "smaps: %s: %lld bytes, not %lld\n", what, (long long)seen, (long long)wanted);
  exit(1);
}

int main(void) {
  FILE *file = tmpfile();
  if (file == NULL || ftruncate(fileno(file), SIZE) != 0) return 2;
  const int64_t before = smaps_file_pages(getpid());
  volatile char *at = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fileno(file), 0);
  if (at == MAP_FAILED) return 2;
  expect("mapped", smaps_file_pages(getpid()) - before, 0);
  for (int64_t i = 0; i < SIZE; i += 4096) (void)at[i];
  expect("read", smaps_file_pages(getpid()) - before, SIZE);
  for (int64_t i = 0; i < WRITTEN; i += 4096) at[i] = 1;
  expect("written to", smaps_file_pages(getpid()) - before, SIZE - WRITTEN);
  expect("of no process", smaps_file_pages(1 << 30), 0);
  puts("smaps: ok");
  return 0;
}
