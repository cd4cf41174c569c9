/*
 * The keeper under a fuzzer: its real sources, with the kernel's calls replaced (fake_kernel.h). Commands come in
 * frames of any words and pieces, lines come from the node, guests end, the parent of the fork server answers anything,
 * and the files of control groups and of /proc hold anything.
 *
 * What must hold, besides what the sanitizers check: a signal and a limit reach only the keeper's own guests; every
 * report is one whole line; each `started` is followed by exactly one `ended` or `parked`; no frame ends the keeper,
 * whatever it contains.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "replay.h"
#include "source.h"

#define CHECK(truth)                                                        \
  do {                                                                      \
    if (!(truth)) {                                                         \
      fprintf(stdout, "FINDING: %s (%s:%d)\n", #truth, __FILE__, __LINE__); \
      fflush(stdout);                                                       \
      abort();                                                              \
    }                                                                       \
  } while (0)

#include "fake_kernel.h"

#include "../keeper/control.c"
#undef HEADER
#include "../keeper/cgroup.c"
#include "../keeper/program.c"
#include "../keeper/user.c"
#include "../keeper/child.c"
#include "../keeper/smaps.c"
#include "../keeper/guest.c"
#include "../keeper/parent.c"
#define main keeper_main
#include "../keeper/keeper.c"
#undef main

/* A valid frame most of the time: an existing command with the words that it takes. */
static size_t command_frame(unsigned char *to, size_t room) {
  static const char *const commands[] = {"start", "attached", "parked", "fork", "retire", "mark", "starts",
                                         "timer", "kill",     "finish", "pin",  "",       "stack"};
  /* clang-format off */
  static const char *const words[] = {"/usr/bin/pypy3", "stock", "translated", "parked", "0", "1", "-1", "2", "20000",
                                      "1000", "", "9223372036854775807", "9223372036854775", "-9223372036854775808",
                                      "99999999999999999999", "0x10", " 7", "+3", "1e9", "pypy3", "A=B", "4294967296",
                                      "1025"};
  /* clang-format on */
  size_t size = 4;
  const char *command = commands[take_byte(&input) % (sizeof commands / sizeof *commands)];
  memcpy(to + size, command, strlen(command) + 1);
  size += strlen(command) + 1;
  /* What `start` takes, in its order, each replaced now and then. */
  static const char *const start[] = {"/usr/bin/pypy3", "", "-1", "20000", "stock", "0", "1", "pypy3", "A=B"};
  unsigned count = take_byte(&input) % 10;
  for (unsigned i = 0; i < count; i++) {
    unsigned choice = take_byte(&input);
    const char *word = words[choice % (sizeof words / sizeof *words)];
    char number[32];
    if (command[0] == 's' && command[4] == 't' && command[5] == 0 && choice < 200) {
      word = i == 4 && choice % 3 == 0 ? "parked" : start[i < 9 ? i : 8];
    } else if (choice > 220) {
      snprintf(number, sizeof number, "%lld", (long long)take_hostile(&input));
      word = number;
    }
    size_t length = strlen(word) + 1;
    if (size + length > room) break;
    memcpy(to + size, word, length);
    size += length;
  }
  unsigned spoil = take_byte(&input);
  if (spoil == 255) to[size - 1] = 'x';
  uint32_t length = (uint32_t)size - 4;
  if (spoil == 254) length = (uint32_t)take_hostile(&input);
  if (spoil == 253) length--;
  memcpy(to, &length, sizeof length);
  return size;
}

static void send_commands(void) {
  static unsigned char frames[4096];
  size_t size = 0;
  for (unsigned n = 1 + take_byte(&input) % 3; n > 0; n--)
    size += command_frame(frames + size, sizeof frames - size - 512);
  give(frames, size);
  while (given_left > 0) read_control();
}

static void send_raw(void) {
  static unsigned char bytes[256];
  size_t size = 1 + take_byte(&input) % 64;
  for (size_t i = 0; i < size; i++) bytes[i] = take_byte(&input);
  give(bytes, size);
  while (given_left > 0) read_control();
}

static void send_line(void) {
  static char text[256];
  static const char *const orders[] = {"kill", "interrupt", "kil", "", "kill  ", "interrupt -"};
  size_t size;
  unsigned kind = take_byte(&input);
  if (kind < 200)
    size = (size_t)snprintf(text, sizeof text, "%s %lld\n", orders[kind % 6],
                            kind % 2 == 0 ? (long long)guest.pid : (long long)take_hostile(&input));
  else
    for (size = 0; size < 100; size++) text[size] = (char)take_byte(&input);
  give(text, size);
  while (given_left > 0) read_node();
}

static void one_step(void) {
  unsigned kind = take_byte(&input);
  fake_time += take_number(&input, 1 + kind % 4) * 1000;
  if (kind < 130) send_commands();
  else if (kind < 140) send_raw();
  else if (kind < 160) send_line();
  else if (kind < 200) {
    if (guest.pid != 0) {
      int64_t wait = guest_watch(&guest);
      struct timespec timeout = {wait / 1000000000, wait % 1000000000};
      CHECK(wait >= 0 && timeout.tv_nsec >= 0);
    }
  } else {
    child_ended = 1;
    cgroup_end_aside(1);
    reap_parent();
    reap();
    guest_clear();
  }
  CHECK(guest.pid >= 0 && parent.pid >= 0);
  CHECK((live == 1) == (guest.pid != 0));
}

static void begin(void) {
  fake_begin();
  memset(&guest, 0, sizeof guest);
  memset(&parent, 0, sizeof parent);
  parent_socket = requests = replies = errors = -1;
  control = FD_CONTROL;
  reports = FD_REPORTS;
  directory = FD_DIRECTORY;
  shim = FD_SHIM;
  directory_path = "/nowhere";
  cleared_later = mover = forks_twice = 0;
  memset(&commands, 0, sizeof commands);
  line.have = 0;
  kind = NONE;
  place = group = peak_file = -1;
  mover = 0;
  count = 0;
  cpu_thousandths = 0;
}

static __attribute__((noinline)) void one_life(void) {
  unsigned knobs = take_byte(&input);
  if (knobs & 1) {
    cgroup_cap_cpu(knobs & 2 ? 0 : (int64_t)take_hostile(&input));
    cgroup_use(knobs & 4 ? "v1:/memory" : "v2:/group");
  }
  for (int i = 0; i < 100 && !source_empty(&input); i++) one_step();
  leave();
}

/* Separate, and without sanitizer state in its frame: a jump back would find that changed. */
__attribute__((noinline, no_sanitize("address"))) static void live_once(void) {
  if (setjmp(way_out) == 0) one_life();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input = (struct source){data, size};
  begin();
  live_once();
  fake_end();
  return 0;
}
