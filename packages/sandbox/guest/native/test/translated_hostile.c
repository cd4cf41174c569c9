/*
 * The commands of the stand-in for a translated PyPy that do not go over the wire as a program's: what a translation
 * cannot prevent (`message`, `abort`, `spin`, `grow`), and what a hostile guest would try (`native`, `survey`,
 * `garbage`, `lie`).
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "attacks.h"
#include "sandbox2.h"
#include "translated_guest.h"

/* ---- what a translation cannot prevent */

static int message(char *rest) {
  for (int64_t count = number(&rest); count > 0; count--) {
    /* in one piece, unchanged; what does not fit is lost */
    char line[MAX_LINE];
    int n = snprintf(line, sizeof line, "%s\n", rest);
    if (write(STDERR_FILENO, line, (size_t)n) < 0 && errno != EAGAIN) return -1;
  }
  return 0;
}

static _Noreturn void die_of(const char *why) {
  fprintf(stderr, "%s\n", why);
  abort();
}

/* A real guest does not ask the controller either: the function is not in its translation. */
static int forbidden_fork(char *rest) {
  (void)rest;
  die_of("reached forbidden function 'fork'");
}

static int abort_now(char *rest) { die_of(rest); }

static int spin(char *rest) {
  volatile unsigned long i = 0;
  while (rest != NULL) i++;
  return 0;
}

/* Computes this many microseconds, less than a tick of the kernel, and sleeps across the tick. */
static int doze(char *rest) {
  struct timeval nap = {.tv_usec = 300};
  struct timespec begun, now;
  const int64_t computes = number(&rest) * 1000;
  clock_gettime(CLOCK_MONOTONIC, &begun); /* by the vDSO, without a call */
  do clock_gettime(CLOCK_MONOTONIC, &now);
  while ((now.tv_sec - begun.tv_sec) * 1000000000 + now.tv_nsec - begun.tv_nsec < computes);
  return (int)CALL("select(ipppp)i", 0, 0, 0, 0, P(&nap)) < 0 ? -1 : 0;
}

static int grow(char *rest) {
  size_t size = (size_t)number(&rest) << 20;
  char *block = malloc(size);
  if (block == NULL) return -1;
  for (size_t i = 0; i < size; i += 4096) ((volatile char *)block)[i] = 1;
  return 0;
}

/* ---- what a hostile one would try */

static int hang(char *rest) {
  (void)rest;
  char byte;
  for (;;)
    if (read(STDIN_FILENO, &byte, 1) <= 0) return -1;
}

/* Bytes, in hexadecimal. */
static int garbage(char *rest) {
  unsigned char byte;
  for (; sscanf(rest, "%2hhx", &byte) == 1; rest += 2) sandbox_send(&byte, 1);
  return hang(rest);
}

/* The begin of a request, and no more. */
static int half(char *rest) {
  (void)rest;
  sandbox_send(
      "\x0a"
      "getp",
      5);
  exit(0);
}

static int twice(char *rest) {
  static const char request[] = "\x09getpid()i\x09getpid()i";
  sandbox_send(request, sizeof request - 1);
  return hang(rest);
}

static int lie(char *rest) {
  sandbox_lie(number(&rest));
  return 0;
}

static void show_result(const char *name, long result) {
  sayf(1, "%s %s\n", name, result >= 0 ? "ok" : error_name(errno));
}

/* The separate ones do nothing even where no filter refuses them, but have another answer then. */
static int native(char *rest) {
  const char *name = word(&rest);
  const long self = syscall(SYS_getpid);
  const struct {
    const char *name;
    long call[5];
  } calls[] = {
      {"openat", {SYS_openat, AT_FDCWD, (long)"/etc/passwd", O_RDONLY}},
      {"open", {SYS_open, (long)"/etc/passwd", O_RDONLY}},
      {"create", {SYS_openat, AT_FDCWD, (long)"/tmp/x", O_WRONLY | O_CREAT, 0666}},
      {"stat", {SYS_stat, (long)"/", (long)rest}},
      {"socket", {SYS_socket, 2, 1}},
      {"fork", {SYS_fork}},
      {"clone", {SYS_clone, SIGCHLD}},
      {"execve", {SYS_execve, (long)"/bin/true"}},
      {"kill", {SYS_kill, self, SIGTERM}},
      {"kill-init", {SYS_tgkill, 1, 1, SIGABRT}},
      {"kill-self", {SYS_tgkill, self, self, SIGKILL}},
      {"read-other", {SYS_read, 3, (long)rest, 1}},
      {"write-other", {SYS_write, 3, (long)rest, 1}},
      {"write-stdin", {SYS_write, 0, (long)rest, 1}},
      {"map-file", {SYS_mmap, 0, 4096, 1, 2}},
      {"dup", {SYS_dup, 0}},
      {"ptrace", {SYS_ptrace, 0}},
      {"prctl", {SYS_prctl, 4, 1}},
      {"x32", {0x40000000 | SYS_getpid}},

      {"open-file", {SYS_open, (long)rest, O_RDONLY}},
      {"openat-file", {SYS_openat, AT_FDCWD, (long)rest, O_RDONLY}},
      {"clone-wrongly", {SYS_clone, CLONE_THREAD}},
      {"execve-nothing", {SYS_execve, (long)""}},
      {"signal-nothing", {SYS_kill, self, 0}},
      {"io-uring-nothing", {SYS_io_uring_setup, 0}},
  };
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    if (strcmp(calls[i].name, name) != 0) continue;
    const long *c = calls[i].call;
    show_result(name, syscall(c[0], c[1], c[2], c[3], c[4]));
    return 0;
  }
  errno = EINVAL;
  return -1;
}

/* Prints the numbers of the calls that the filter does not refuse, made with empty arguments. */
static int survey(char *rest) {
  (void)rest;
  for (long nr = 0; nr < 1024; nr++) {
    if (nr == SYS_rt_sigreturn || nr == SYS_exit || nr == SYS_exit_group) continue;
    if (nr == 335 || nr == 336) continue; /* uretprobe and uprobe, of which the kernel asks no filter: docs/filter.md */
    if (syscall(nr, 0, 0, 0, 0, 0, 0) >= 0 || (errno != EPERM && errno != ENOENT)) sayf(1, "%ld\n", nr);
  }
  return 0;
}

/* An attack of attacks.h, by name; its lines go over the wire. */
static void say_line(const char *line) { say(1, line, strlen(line)); }

static int run_attack(char *rest) {
  const char *name = word(&rest);
  attack_setup(STDIN_FILENO, STDOUT_FILENO, say_line);
  errno = EINVAL;
  return attack(name, rest);
}

/* Deeper than any stack. */
static int recurse(char *rest) {
  volatile char here[4096];
  here[0] = *rest;
  return here[0] == 1 ? 0 : recurse(rest) + here[0];
}

const struct guest_command hostile_commands[] = {
    {"message", message}, {"fork", forbidden_fork}, {"abort", abort_now}, {"spin", spin},
    {"doze", doze},       {"grow", grow},           {"hang", hang},       {"garbage", garbage},
    {"half", half},       {"twice", twice},         {"lie", lie},         {"native", native},
    {"survey", survey},   {"attack", run_attack},   {"recurse", recurse}, {0},
};
