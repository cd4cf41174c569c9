/*
 * Stands in for a PyPy translated with --sandbox in the tests of the engine rpython: it starts like one, opens the
 * program that its argv names, and obeys that, one command a line (the tables here and in translated_hostile.c). All
 * that a program does goes over the wire, except the commands of translated_hostile.c.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "sandbox2.h"
#include "translated_guest.h"

/* What a guest says of itself (RPY_SANDBOX_DUMP=1). Tests change version and platform in a copy of the binary. */
static const char description[] =
    "Version: 20001\n"
    "Platform: linux2\n"
    "Funcs: _exit(i)v _pypy_init_free(p)v _pypy_init_home()p access(pi)i close(i)i closedir(p)i fork()i fstat64(ip)i "
    "get_environ()p getenv(p)p gettimeofday(pp)i lstat64(pp)i mkdir(pi)i open(pii)i opendir(p)p read(ipi)i readdir(p)p "
    "rename(pp)i rmdir(p)i select(ipppp)i stat64(pp)i time(p)i uname(p)i unlink(p)i write(ipi)i\n";

static char **guest_environ;
static char **guest_argv;

int say(int fd, const char *data, size_t size) {
  while (size > 0) {
    int64_t n = (int64_t)CALL("write(ipi)i", I(fd), P(data), I(size));
    if (n <= 0) return -1;
    data += n;
    size -= (size_t)n;
  }
  return 0;
}

int sayf(int fd, const char *format, ...) {
  char text[MAX_LINE + 64];
  va_list arguments;
  va_start(arguments, format);
  int n = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return say(fd, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

const char *error_name(int error) {
  const char *name = strerrorname_np(error);
  return name == NULL ? "?" : name;
}

char *word(char **rest) {
  char *first = *rest;
  char *space = strchrnul(first, ' ');
  *rest = *space == 0 ? space : space + 1;
  *space = 0;
  return first;
}

int64_t number(char **rest) { return strtoll(word(rest), NULL, 0); }

static int open_file(const char *path, int flags) { return (int)CALL("open(pii)i", P(path), I(flags), I(0666)); }

static int close_file(int fd) { return (int)CALL("close(i)i", I(fd)); }

static int copy(int from, int to) {
  char piece[4096];
  for (;;) {
    int64_t n = (int64_t)CALL("read(ipi)i", I(from), P(piece), I(sizeof piece));
    if (n <= 0) return (int)n;
    if (say(to, piece, (size_t)n) != 0) return -1;
  }
}

/* ---- what a program may do */

static int print(char *rest) { return sayf(1, "%s\n", rest); }
static int print_error(char *rest) { return sayf(2, "%s\n", rest); }

static int show_argv(char *rest) {
  (void)rest;
  for (char **arg = guest_argv; *arg != NULL; arg++)
    if (sayf(1, "%s\n", *arg) != 0) return -1;
  return 0;
}

static int show_environ(char *rest) {
  (void)rest;
  for (char **one = guest_environ; *one != NULL; one++)
    if (sayf(1, "%s\n", *one) != 0) return -1;
  return 0;
}

static int show_variable(char *rest) {
  const char *value = (const char *)CALL("getenv(p)p", P(rest));
  return sayf(1, "%s\n", value == NULL ? "(none)" : value);
}

static int copy_stdin(char *rest) {
  (void)rest;
  return copy(0, 1);
}

static int write_with(int flags, char *rest) {
  int fd = open_file(word(&rest), O_WRONLY | O_CREAT | flags);
  if (fd < 0) return -1;
  int failed = say(fd, rest, strlen(rest));
  int error = errno;
  close_file(fd);
  errno = error;
  return failed;
}

static int write_file(char *rest) { return write_with(O_TRUNC, rest); }
static int append_file(char *rest) { return write_with(O_APPEND, rest); }

/* Writes this many MiB of zeroes. */
static int fill_file(char *rest) {
  static const char piece[65536];
  int fd = open_file(word(&rest), O_WRONLY | O_CREAT);
  if (fd < 0) return -1;
  for (int64_t left = number(&rest) * 16; left > 0; left--)
    if (say(fd, piece, sizeof piece) != 0) return -1;
  return close_file(fd);
}

/* Makes this many empty files, until one is refused. */
static int make_tiny_files(char *rest) {
  char path[64];
  for (int64_t i = 0, count = number(&rest); i < count; i++) {
    snprintf(path, sizeof path, "tiny-%lld", (long long)i);
    int fd = open_file(path, O_WRONLY | O_CREAT);
    if (fd < 0) return -1;
    close_file(fd);
  }
  return 0;
}

static int cat_file(char *rest) {
  int fd = open_file(rest, O_RDONLY);
  if (fd < 0) return -1;
  int failed = copy(fd, 1);
  close_file(fd);
  return failed;
}

/* Opens it and leaves it open. */
static int hold_file(char *rest) { return open_file(rest, O_RDONLY) < 0 ? -1 : 0; }

static int list_folder(char *rest) {
  uint64_t folder = CALL("opendir(p)p", P(rest));
  if (folder == 0) return -1;
  for (;;) {
    const struct dirent *entry = (const struct dirent *)CALL("readdir(p)p", folder);
    if (entry == NULL) break;
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) sayf(1, "%s\n", entry->d_name);
  }
  return (int)CALL("closedir(p)i", folder);
}

/* Makes a new file in a folder for each entry that it reads there. */
static int change_folder(char *rest) {
  char path[MAX_LINE];
  int seen = 0;
  for (int i = 0; i < 20; i++) {
    snprintf(path, sizeof path, "%s/old-%d", rest, i);
    close_file(open_file(path, O_WRONLY | O_CREAT));
  }
  uint64_t folder = CALL("opendir(p)p", P(rest));
  while (folder != 0 && seen < 10000 && CALL("readdir(p)p", folder) != 0) {
    snprintf(path, sizeof path, "%s/new-%d", rest, seen++);
    close_file(open_file(path, O_WRONLY | O_CREAT));
  }
  sayf(1, "%d seen\n", seen);
  return (int)CALL("closedir(p)i", folder);
}

static int stat_file(char *rest) {
  struct stat status;
  if ((int)CALL("stat64(pp)i", P(rest), P(&status)) != 0) return -1;
  return sayf(1, "%s %o %lld\n", S_ISDIR(status.st_mode) ? "folder" : "file", status.st_mode & 07777,
              S_ISDIR(status.st_mode) ? 0ll : (long long)status.st_size);
}

static int rename_file(char *rest) {
  const char *from = word(&rest);
  return (int)CALL("rename(pp)i", P(from), P(rest));
}

static int unlink_file(char *rest) { return (int)CALL("unlink(p)i", P(rest)); }
static int make_folder(char *rest) { return (int)CALL("mkdir(pi)i", P(rest), I(0777)); }
static int remove_folder(char *rest) { return (int)CALL("rmdir(p)i", P(rest)); }

static int show_time(char *rest) {
  (void)rest;
  return sayf(1, "%lld\n", (long long)CALL("time(p)i", 0));
}

static int show_uname(char *rest) {
  (void)rest;
  struct utsname names;
  if ((int)CALL("uname(p)i", P(&names)) != 0) return -1;
  return sayf(1, "%s %s\n", names.sysname, names.nodename);
}

static int sleep_ms(char *rest) {
  int64_t ms = number(&rest);
  struct timeval time = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
  return (int)CALL("select(ipppp)i", 0, 0, 0, 0, P(&time)) < 0 ? -1 : 0;
}

static int end_natively(char *rest) { exit((int)number(&rest)); }

static int end_by_wire(char *rest) {
  CALL("_exit(i)v", I(number(&rest)));
  return 0;
}

/* Any call, known or not: numbers, or text after `s:`, or `b` for a block of 4096 bytes. */
static int raw_call(char *rest) {
  static char block[4096];
  const char *signature = word(&rest);
  uint64_t arguments[32] = {0};
  for (size_t i = 0; *rest != 0 && i < 32; i++) {
    char *argument = word(&rest);
    if (strncmp(argument, "s:", 2) == 0) arguments[i] = P(argument + 2);
    else if (strcmp(argument, "b") == 0) arguments[i] = P(block);
    else arguments[i] = (uint64_t)strtoll(argument, NULL, 0);
  }
  errno = 0;
  int64_t result = (int64_t)sandbox_call(signature, arguments);
  return sayf(1, "%lld %s\n", (long long)result, errno == 0 ? "-" : error_name(errno));
}

/* ---- commands about commands */

static command attempt, repeat, forever;

static const struct guest_command commands[] = {
    {"print", print},
    {"error", print_error},
    {"argv", show_argv},
    {"environ", show_environ},
    {"getenv", show_variable},
    {"stdin", copy_stdin},
    {"write", write_file},
    {"append", append_file},
    {"fill", fill_file},
    {"tiny", make_tiny_files},
    {"change", change_folder},
    {"cat", cat_file},
    {"hold", hold_file},
    {"list", list_folder},
    {"stat", stat_file},
    {"rename", rename_file},
    {"unlink", unlink_file},
    {"mkdir", make_folder},
    {"rmdir", remove_folder},
    {"time", show_time},
    {"uname", show_uname},
    {"sleep", sleep_ms},
    {"exit", end_natively},
    {"_exit", end_by_wire},
    {"raw", raw_call},
    {"try", attempt},
    {"repeat", repeat},
    {"forever", forever},
    {0},
};

static int run(const char *line) {
  char copied[MAX_LINE];
  snprintf(copied, sizeof copied, "%s", line);
  char *rest = copied;
  const char *name = word(&rest);
  const struct guest_command *const tables[] = {commands, hostile_commands};
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
    for (const struct guest_command *one = tables[i]; one->name != NULL; one++)
      if (strcmp(one->name, name) == 0) return one->run(rest);
  errno = ENOSYS;
  return -1;
}

/* Says how the command ended, and goes on. */
static int attempt(char *rest) {
  int failed = run(rest);
  return sayf(1, "%s\n", failed ? error_name(errno) : "ok");
}

static int repeat(char *rest) {
  for (int64_t count = number(&rest); count > 0; count--)
    if (run(rest) != 0) return -1;
  return 0;
}

static int forever(char *rest) {
  while (run(rest) == 0)
    ;
  return -1;
}

/* ---- start and end */

static int complain(const char *what, const char *why) {
  sayf(2, "%s: %s\n", what, why);
  return 1;
}

/* PyPy's calls before its program: the same ones, and it stops without its library. */
static int start(void) {
  struct utsname names;
  struct timeval now;
  struct stat status;
  char path[MAX_LINE];
  CALL("getenv(p)p", P("PYPY_GC_NURSERY"));
  CALL("uname(p)i", P(&names));
  CALL("gettimeofday(pp)i", P(&now), 0);
  guest_environ = (char **)CALL("get_environ()p", 0);
  char *home = (char *)CALL("_pypy_init_home()p", 0);
  if (guest_environ == NULL || home == NULL) return complain("debug", "no environment or no home");
  if ((int)CALL("stat64(pp)i", P(home), P(&status)) != 0 || (int)CALL("access(pi)i", P(home), I(X_OK)) != 0 ||
      (int)CALL("lstat64(pp)i", P(home), P(&status)) != 0 || !S_ISREG(status.st_mode))
    return complain(home, error_name(errno));
  snprintf(path, sizeof path, "%.*s/lib_pypy", (int)(strrchr(home, '/') - home), home);
  CALL("_pypy_init_free(p)v", P(home));
  if ((int)CALL("stat64(pp)i", P(path), P(&status)) != 0 || !S_ISDIR(status.st_mode))
    return complain("debug", "WARNING: Library path not found, using compiled-in sys.path");
  return 0;
}

static char *read_program(const char *path) {
  struct stat status;
  int fd = open_file(path, O_RDONLY);
  if (fd < 0 || (int)CALL("fstat64(ip)i", I(fd), P(&status)) != 0) return NULL;
  char *text = calloc(1, (size_t)status.st_size + 1);
  int64_t have = 0, n = 1;
  while (text != NULL && have < status.st_size && n > 0) {
    n = (int64_t)CALL("read(ipi)i", I(fd), P(text + have), I(status.st_size - have));
    if (n > 0) have += n;
  }
  close_file(fd);
  return text;
}

int main(int argc, char **argv) {
  const char *dump = getenv("RPY_SANDBOX_DUMP");
  if (dump != NULL && strcmp(dump, "1") == 0) {
    sandbox_send(description, sizeof description - 1);
    return 0;
  }
  guest_argv = argv;
  if (start() != 0) return 1;
  if (argc < 2) return complain("usage", "PROGRAM");
  char *text = read_program(argv[1]);
  if (text == NULL) return complain(argv[1], error_name(errno)) + 1;
  char *rest = text;
  for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
    if (*line == 0) continue;
    if (run(line) != 0) return complain(line, error_name(errno));
  }
  return 0;
}
