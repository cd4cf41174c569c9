#include "smaps.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "number.h"
#include "units.h"

/* An interpreter has a hundred mappings, of some 600 bytes each. */
#define MAX_READS 256
/* Of one mapping; the sum of all lines that are read stays below 2^63. */
#define MAX_KIB (1ll << 30)

struct figures {
  int64_t resident, anonymous;
  int mappings, told;
};

static void take_line(struct figures *figures, const char *line) {
  int64_t kib;
  if (strncmp(line, "Rss:", 4) == 0 && (kib = number_in(line + 4, NULL, MAX_KIB)) >= 0) {
    figures->resident += kib * KIB;
    figures->mappings++;
  } else if (strncmp(line, "Anonymous:", 10) == 0 && (kib = number_in(line + 10, NULL, MAX_KIB)) >= 0) {
    figures->anonymous += kib * KIB;
    figures->told++;
  }
}

static void take_all(struct figures *figures, int fd) {
  char text[4096], *line, *end;
  size_t have = 0;
  for (int reads = 0; reads < MAX_READS && have < sizeof text - 1; reads++) {
    const ssize_t n = read(fd, text + have, sizeof text - 1 - have);
    if (n <= 0) return;
    have += (size_t)n;
    text[have] = 0;
    for (line = text; (end = strchr(line, '\n')) != NULL; line = end + 1) take_line(figures, line);
    have = strlen(line);
    memmove(text, line, have + 1);
  }
}

int64_t smaps_file_pages(pid_t pid) {
  struct figures figures = {0};
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/smaps", (int)pid);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  take_all(&figures, fd);
  close(fd);
  if (figures.told != figures.mappings || figures.resident < figures.anonymous) return 0;
  return figures.resident - figures.anonymous;
}
