#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "die.h"
#include "number.h"
#include "units.h"

/* A guest is one process with one thread; a few more are allowed for starting and ending ones. */
#define MAX_PROCESSES "16"
#define PREFIX "sandpiper-"
/* A million CPUs. */
#define MAX_CPU_THOUSANDTHS 1000000000ll

static enum { NONE, V1, V2 } kind;
static int place = -1; /* the directory that the groups are made in */
static pid_t mover;    /* see cgroup_take_aside; 0: there is none */
static int group = -1; /* the group of the guest that runs, or of the next */
static char name[64];
static unsigned count;
static int64_t baseline;
static int64_t kills_before;
/* The kernel charges up to 64 pages at a time. */
#define NEAR_LIMIT (64 * 4096)
static int64_t hits_before; /* how often its limit was reached, at cgroup_limit; -1: unknown */
static int peak_file = -1;
static int64_t cpu_thousandths; /* 0: no cap */

const char *cgroup_name(void) { return kind == V2 ? "cgroup-v2" : kind == V1 ? "cgroup-v1" : "none"; }

int cgroup_counts(void) { return kind != NONE; }

static int put_in(int directory, const char *file, const char *text) {
  int fd = openat(directory, file, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t n = write(fd, text, strlen(text));
  int error = errno;
  close(fd);
  errno = error;
  return n == (ssize_t)strlen(text) ? 0 : -1;
}

static int put(const char *file, const char *text) { return put_in(group, file, text); }

static int put_number(const char *file, int64_t number) {
  char text[32];
  snprintf(text, sizeof text, "%lld", (long long)number);
  return put(file, text);
}

/* The number after `key` in a file of `key number` lines; without a key the whole file is the number. -1 on failure. */
static int64_t get(const char *file, const char *key) {
  char text[4096];
  int fd = openat(group, file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return -1;
  text[n] = 0;
  if (key == NULL) return number_in(text, NULL, MAX_BYTES);
  for (char *line = text; line != NULL; line = strchr(line, '\n')) {
    if (*line == '\n') line++;
    size_t length = strlen(key);
    if (strncmp(line, key, length) == 0 && line[length] == ' ') return number_in(line + length, NULL, MAX_BYTES);
  }
  return -1;
}

/* Groups are named after their keeper: this removes those of dead keepers. */
static void remove_stale(void) {
  DIR *listing = fdopendir(dup(place));
  if (listing == NULL) return;
  for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
    if (strncmp(entry->d_name, PREFIX, sizeof PREFIX - 1) != 0) continue;
    int64_t keeper = number_in(entry->d_name + sizeof PREFIX - 1, NULL, INT64_MAX);
    if (keeper > 0 && keeper <= INT32_MAX && kill((pid_t)keeper, 0) != 0 && errno == ESRCH)
      unlinkat(place, entry->d_name, AT_REMOVEDIR);
  }
  closedir(listing);
}

void cgroup_cap_cpu(int64_t thousandths) { cpu_thousandths = thousandths; }

void cgroup_use(const char *text) {
  if (cpu_thousandths < 0 || cpu_thousandths > MAX_CPU_THOUSANDTHS) die("--cpus wants thousandths of a CPU");
  if (cpu_thousandths > 0 && (text == NULL || strncmp(text, "v2:", 3) != 0)) die("--cpus wants --cgroup v2:DIR");
  if (text == NULL) return;
  if (strncmp(text, "v2:", 3) == 0) kind = V2;
  else if (strncmp(text, "v1:", 3) == 0) kind = V1;
  else die("--cgroup wants v1:DIR or v2:DIR");
  place = open(text + 3, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (place < 0) die_errno(text);
  remove_stale();
  int error = cgroup_make();
  if (error != 0) {
    errno = -error;
    die_errno(text);
  }
  cgroup_release();
}

static int64_t kills(void) { return get(kind == V2 ? "memory.events" : "memory.oom_control", "oom_kill"); }

/*
 * How often the group's own limit was reached. Only that says whose fault a kill is: `oom_kill` also counts kills in it
 * that a limit above, or the whole host, has caused.
 */
static int64_t limit_hits(void) { return kind == V2 ? get("memory.events", "oom") : get("memory.failcnt", NULL); }

/*
 * memory.failcnt of version 1 misses page tables (seen with Linux 6.18: none counted, usage exactly at the limit when
 * the group was out of memory). So a group that came this close to its limit counts as having reached it.
 */
static int is_full(void) {
  if (hits_before < 0 || limit_hits() > hits_before) return 1;
  if (kind != V1) return 0;
  int64_t most = get("memory.max_usage_in_bytes", NULL), limit = get("memory.limit_in_bytes", NULL);
  return most >= 0 && limit >= 0 && most >= limit - NEAR_LIMIT;
}

/* Lifts the previous guest's bounds from a group. Returns 0, or -1. */
static int widen(void) {
  if (kind == V2) return put("memory.max", "max");
  /* Memory and swap together may not be below memory alone. */
  if (put("memory.memsw.limit_in_bytes", "-1") != 0 && errno != ENOENT) return -1;
  return put("memory.limit_in_bytes", "-1");
}

static int close_group(int error) {
  if (peak_file >= 0) close(peak_file);
  if (group >= 0) close(group);
  group = peak_file = -1;
  unlinkat(place, name, AT_REMOVEDIR);
  return -error;
}

/*
 * Removing a group keeps the kernel busy for milliseconds, so successive guests share one, and their parent is in it
 * too: its children are there from their first moment. The counts of a CPU cap must not carry over to the next guest:
 * with a cap, each guest has its own group.
 *
 * This process is in none of them. When a group is out of memory, the kernel ends a process there; if that process is
 * slow to go (its page tables are released last), the next allocation makes the kernel end another.
 */
int cgroup_is_kept(void) { return kind != NONE && cpu_thousandths == 0; }

int cgroup_make(void) {
  if (kind == NONE) return 0;
  if (group >= 0) {
    hits_before = limit_hits();
    if (widen() == 0 && (kills_before = kills()) >= 0) return 0;
    /* It is gone, or not in the state it should be: the next start makes a new one. */
    cgroup_remove();
  }
  snprintf(name, sizeof name, PREFIX "%d-%u", (int)getpid(), ++count);
  if (mkdirat(place, name, 0755) != 0) return -errno;
  group = openat(place, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (group < 0) return close_group(errno);
  if (kind == V2) {
    if (put("pids.max", MAX_PROCESSES) != 0) return close_group(errno);
    /* Where the host has no swap there is no such file. */
    if (put("memory.swap.max", "0") != 0 && errno != ENOENT) return close_group(errno);
    if (cpu_thousandths > 0) {
      /* Quota and period, microseconds. */
      char cap[48];
      snprintf(cap, sizeof cap, "%lld 100000", (long long)cpu_thousandths * 100);
      if (put("cpu.max", cap) != 0) return close_group(errno);
    }
    peak_file = openat(group, "memory.peak", O_RDWR | O_CLOEXEC);
    if (peak_file < 0) peak_file = openat(group, "memory.peak", O_RDONLY | O_CLOEXEC);
  } else if (put("memory.swappiness", "0") != 0) {
    return close_group(errno);
  }
  kills_before = kills();
  hits_before = limit_hits();
  return kills_before < 0 ? close_group(EIO) : 0;
}

/* A few processes at most, each on a line. */
static int holds(int64_t pid) {
  char text[512], *line = text;
  int fd = openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  text[n < 0 ? 0 : n] = 0;
  for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
    if (strtoll(line, NULL, 10) == pid) return 1;
  return 0;
}

int cgroup_enter(void) { return cgroup_take(getpid()); }

int cgroup_take(int64_t pid) {
  if (kind == NONE || (cgroup_is_kept() && holds(pid))) return 0;
  return put_number("cgroup.procs", pid);
}

/*
 * Moving a process between groups may wait for an RCU grace period (percpu_rwsem), 8 to 16 ms one time in ten. A guest
 * takes ten times as long to start, and its program has not begun: so a separate process does the waiting.
 */
void cgroup_take_aside(int64_t pid) {
  cgroup_end_aside(0);
  if ((mover = fork()) == 0) _exit(put_number("cgroup.procs", pid) == 0 ? 0 : 1);
  if (mover < 0) mover = 0; /* then the guest is moved when its program begins */
}

void cgroup_end_aside(int if_done) {
  if (mover == 0) return;
  if (!if_done) kill(mover, SIGKILL);
  if (waitpid(mover, NULL, if_done ? WNOHANG : 0) != 0) mover = 0;
}

/* Memory and swap together stay unbounded: cgroup_limit would have to raise that first. swappiness is 0. */
int cgroup_limit_start(int64_t memory) {
  if (kind == NONE) return 0;
  int64_t now = get(kind == V2 ? "memory.current" : "memory.usage_in_bytes", NULL);
  hits_before = limit_hits();
  if (now >= 0) return put_number(kind == V2 ? "memory.max" : "memory.limit_in_bytes", now + memory);
  errno = EIO;
  return -1;
}

int cgroup_limit(int64_t memory) {
  if (kind == NONE) return 0;
  baseline = get(kind == V2 ? "memory.current" : "memory.usage_in_bytes", NULL);
  if (baseline < 0) return -1;
  int64_t limit = baseline + memory;
  hits_before = limit_hits();
  if (kind == V2) {
    if (put_number("memory.max", limit) != 0) return -1;
    /* A write resets the peak for the writer since Linux 6.12. Before that the peak includes the start: useless. */
    if (peak_file >= 0 && write(peak_file, "reset\n", 6) != 6) {
      close(peak_file);
      peak_file = -1;
    }
    return 0;
  }
  if (put_number("memory.limit_in_bytes", limit) != 0) return -1;
  /* With swap accounting, memory and swap together; it may not be below the other. */
  if (put_number("memory.memsw.limit_in_bytes", limit) != 0 && errno != ENOENT) return -1;
  return put("memory.max_usage_in_bytes", "0");
}

static int64_t peak_of_group(void) {
  if (kind == V1) return get("memory.max_usage_in_bytes", NULL);
  char text[32];
  ssize_t n = peak_file < 0 ? -1 : pread(peak_file, text, sizeof text - 1, 0);
  if (n <= 0) return -1;
  text[n] = 0;
  return number_in(text, NULL, MAX_BYTES);
}

int cgroup_check(void) {
  if (kind == NONE) return 0;
  return get(kind == V2 ? "memory.current" : "memory.usage_in_bytes", NULL) < 0 ? -1 : 0;
}

int cgroup_read(struct cgroup_usage *usage) {
  if (kind == NONE || group < 0) return 0;
  if (cgroup_check() != 0) return -1;
  int64_t peak = peak_of_group();
  /* -1: the kernel does not report it, and the keeper's own figure stands. */
  if (peak >= 0) peak = peak > baseline ? peak - baseline : 0;
  *usage = (struct cgroup_usage){.peak = peak, .killed = kills() > kills_before, .full = is_full(), .throttled = -1};
  if (kind == V2 && cpu_thousandths > 0) {
    int64_t microseconds = get("cpu.stat", "throttled_usec");
    usage->throttled = microseconds < 0 || microseconds > INT64_MAX / MICROSECOND ? -1 : microseconds * MICROSECOND;
  }
  return 1;
}

void cgroup_release(void) {
  if (!cgroup_is_kept()) cgroup_remove();
}

void cgroup_remove(void) {
  if (kind == NONE || group < 0) return;
  if (peak_file >= 0) close(peak_file);
  close(group);
  group = peak_file = -1;
  /* The last of its processes was reaped; the kernel may take a moment more to see it empty. */
  const struct timespec moment = {0, MILLISECOND};
  for (int i = 0; i < 200 && unlinkat(place, name, AT_REMOVEDIR) != 0 && errno == EBUSY; i++) nanosleep(&moment, NULL);
}
