/*
 * The parent of the guests of one cell: starts them, holds them to their limits, kills, reaps and reports.
 *
 *   sandpiper-keeper --dir DIR --shim FILE [--users FIRST-LAST]
 *                    [--cgroup v2:DIR [--cpus THOUSANDTHS] | --cgroup v1:DIR]
 *
 * Theory of operation. The node's main thread started this process and holds its standard input: a line `kill PID`
 * there ends the running guest, `interrupt PID` sends it SIGINT, and end of file means that the node is gone: this
 * process kills the guest, removes DIR and ends. The controller's thread talks over two FIFOs in DIR: frames
 * (control.h) into `control`, lines out of `reports`. The guest talks to the controller over two more, `requests` and
 * `replies`; this process only opens them for both sides, so that neither waits for the other, and closes them once the
 * controller has its ends. What a translated guest writes to its own descriptor 2 goes into `errors`, which never
 * blocks it: what no longer fits is lost. Any other guest has it for late output (shim/late.c).
 *
 * Nothing here depends on the controller: if its thread is stuck or dead, the limits still hold.
 *
 * Commands (all words decimal or text)            Reports
 *   start EXE CPU STARTUP_MS KIND FIXED ARGC ARGS... ENV...
 *                                                   started PID KEEPER STATUS_FD SCHEDSTAT_FD | failed WHY
 *   attached                                        -
 *   parked                                          parked | failed WHY
 *   fork STARTUP_MS                                 started ... | failed WHY
 *   retire                                          -
 *   mark CPU_MS WALL_MS MEMORY STACK                marked | failed WHY
 *   stack BYTES                                     stacked | failed WHY
 *   starts STARTUP_MS                               -
 *   timer WHICH FIRST_NS INTERVAL_NS                -
 *   kill                                            -
 *   finish                                          -
 *   pin TID CPU                                     pinned | failed WHY
 *                                                   ended WHY STATUS STARTUP_CPU CPU WALL BASELINE PEAK WAITED
 *                                                         THROTTLED GROUP
 * KIND is `stock`, `translated` or `parked`, which is a stock guest that becomes the parent of the fork server: at
 * `parked` it is the guest no more, and `fork` makes one of it (shim/fork.c), until it is told to `retire` or dies.
 * FIXED is 1 for the same addresses in every run. The content of a frame may come from a request, and never ends this
 * process: an invalid order is answered with `failed`, and where no answer is expected (`starts`, `timer`) the guest is
 * killed. Where the kernel does not show pending signals (proc(5)), the file `signals` in DIR has the number of those
 * sent to guests. After `finish` the guest, which has asked to end, is reported as it is, killed, and reaped when there is
 * time. Every start that was answered `started` is followed by exactly one `ended`.
 */
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "child.h"
#include "control.h"
#include "die.h"
#include "guest.h"
#include "number.h"
#include "parent.h"
#include "units.h"
#include "user.h"

static const char *const fifo_names[] = {"control", "reports", "requests", "replies", "errors"};
enum { CONTROL, REPORTS, REQUESTS, REPLIES, ERRORS, FIFOS };
static const char signals_name[] = "signals";

static int directory = -1;
static char *directory_path;
static int shim = -1;
static const char *group_place;
static const char *users;
static int control = -1, reports = -1;
/* Input buffers: the next command, and the next line from the node. */
static struct frame_reader commands;
static struct {
  char text[64];
  size_t have;
} line;
/* Both ends of the guest's pipes, between `start` and `attached`. */
static int requests = -1, replies = -1, errors = -1;
static struct guest guest;
/* The parent of the fork server, if there is one, and the socket to it. */
static struct guest parent;
static int parent_socket = -1;

__attribute__((format(printf, 1, 2))) static void report(const char *format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  int n = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  /* Never blocks: the pipe holds far more than the few reports that a controller can leave unread. */
  if (n > 0 && (size_t)n < sizeof text && write(reports, text, (size_t)n) != n)
    die("the reader of the reports is gone");
}

static void close_pipes(void) {
  if (requests >= 0) close(requests);
  if (replies >= 0) close(replies);
  if (errors >= 0) close(errors);
  requests = replies = errors = -1;
}

static int open_fifo(int which, int flags) {
  int fd = openat(directory, fifo_names[which], O_RDWR | O_CLOEXEC | flags);
  if (fd < 0) die_errno(fifo_names[which]);
  return fd;
}

/*
 * New FIFOs for each guest: unread output of the previous guest stays in its pipe until that guest is gone, and would
 * become the first words of the next.
 */
static void open_pipes(void) {
  close_pipes();
  guest_clear();
  for (int i = REQUESTS; i <= ERRORS; i++) {
    if (unlinkat(directory, fifo_names[i], 0) != 0 && errno != ENOENT) die_errno(fifo_names[i]);
    if (mkfifoat(directory, fifo_names[i], 0600) != 0) die_errno(fifo_names[i]);
  }
  requests = open_fifo(REQUESTS, 0);
  replies = open_fifo(REPLIES, 0);
  errors = open_fifo(ERRORS, O_NONBLOCK);
}

/* Ends the parent; its children do not notice. */
static void retire(void) {
  if (parent_socket >= 0) close(parent_socket);
  parent_socket = -1;
  if (parent.pid == 0) return;
  kill(parent.pid, SIGKILL);
  waitpid(parent.pid, NULL, 0);
  guest_forget(&parent);
}

/* Tells where its files in /proc are open: for a controller that can no longer open them (hidepid of proc(5)). */
static void started(void) {
  report("started %d %d %d %d\n", (int)guest.pid, (int)getpid(), guest.status, guest.schedstat);
}

static void start(struct words *words) {
  struct guest_spec spec = {0};
  int64_t cpu, startup_ms, fixed, count;
  const char *kind;
  const char *loader;
  spec.executable = words_take(words);
  if (spec.executable == NULL || (loader = words_take(words)) == NULL ||
      words_take_number(words, -1, CPU_SETSIZE - 1, &cpu) != 0 ||
      words_take_number(words, 1, MAX_MS, &startup_ms) != 0 || (kind = words_take(words)) == NULL ||
      words_take_number(words, 0, 1, &fixed) != 0 || words_take_number(words, 1, FRAME_MAX, &count) != 0 ||
      (uint64_t)count > words->count - words->next) {
    report("failed a start command that makes no sense\n");
    return;
  }
  spec.loader = *loader == 0 ? NULL : loader;
  spec.cpu = (int)cpu;
  spec.startup_ns = startup_ms * MILLISECOND;
  spec.translated = strcmp(kind, "translated") == 0;
  spec.parked = strcmp(kind, "parked") == 0;
  spec.fixed_addresses = fixed != 0;

  /* the words behind are argv and then the environment; each list wants a NULL of its own */
  char **argv = calloc((size_t)count + 1, sizeof *argv);
  if (argv == NULL) {
    report("failed out of memory\n");
    return;
  }
  memcpy(argv, words->word + words->next, (size_t)count * sizeof *argv);
  spec.argv = argv;
  spec.environment = words->word + words->next + count;

  int ends[2] = {-1, -1};
  if (guest.pid != 0) {
    report("failed a guest runs already\n");
  } else if (spec.parked && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    report("failed socketpair: %s\n", strerror(errno));
  } else {
    if (spec.parked) {
      retire();
      parent_socket = ends[0];
    }
    open_pipes();
    const struct guest_files files = {
        .in = replies, .out = requests, .errors = errors, .shim = shim, .socket = ends[1]};
    int error = guest_start(&guest, &spec, &files);
    if (error == 0) {
      started();
    } else {
      close_pipes();
      report("failed fork: %s\n", strerror(-error));
    }
  }
  if (ends[1] >= 0) close(ends[1]);
  free(argv);
}

/* The running guest becomes the parent of later ones. */
static void park(void) {
  if (guest.pid == 0 || guest.why != GUEST_RUNS || parent_socket < 0) {
    report("failed there is nothing to park\n");
    return;
  }
  parent = guest;
  guest.pid = 0;
  close_pipes();
  report("parked\n");
}

static void fork_guest(struct words *words) {
  int64_t startup_ms;
  if (words_take_number(words, 1, MAX_MS, &startup_ms) != 0) {
    report("failed a fork command that makes no sense\n");
    return;
  }
  if (guest.pid != 0 || parent.pid == 0) {
    report("failed %s\n", guest.pid != 0 ? "a guest runs already" : "there is no parent");
    return;
  }
  open_pipes();
  pid_t pid = parent_fork(parent_socket, (int[PARENT_PIPES]){replies, requests, errors});
  int error = pid == 0 ? -ECHILD : guest_adopt(&guest, pid, startup_ms * MILLISECOND);
  if (error == 0) {
    started();
    return;
  }
  close_pipes();
  /* Whatever that process is doing: a new parent replaces this one. */
  retire();
  report("failed fork: %s\n",
         error == -ENOENT ? "/proc hides the child (hidepid), so nothing could watch it" : strerror(-error));
}

static void mark(struct words *words) {
  int64_t cpu_ms, wall_ms, memory, stack;
  if (words_take_number(words, 1, MAX_MS, &cpu_ms) != 0 || words_take_number(words, 1, MAX_MS, &wall_ms) != 0 ||
      words_take_number(words, 1, MAX_BYTES, &memory) != 0 || words_take_number(words, 1, STACK_SPACE, &stack) != 0)
    report("failed the limits make no sense\n");
  else if (guest_mark(&guest, cpu_ms * MILLISECOND, wall_ms * MILLISECOND, memory, stack) == 0) report("marked\n");
  else if (errno == ESRCH) report("failed the guest has ended\n");
  else report("failed the limits cannot be set: %s\n", strerror(errno));
}

/* The guest has set its own limit (setrlimit(2)). */
static void limit_stack_of_guest(struct words *words) {
  int64_t stack;
  if (words_take_number(words, 0, STACK_SPACE, &stack) != 0) report("failed the limits make no sense\n");
  else if (guest_limit_stack(&guest, stack) == 0) report("stacked\n");
  else if (errno == ESRCH) report("failed the guest has ended\n");
  else report("failed the limits cannot be set: %s\n", strerror(errno));
}

static void starts(struct words *words) {
  int64_t startup_ms;
  if (words_take_number(words, 1, MAX_MS, &startup_ms) == 0) guest_starts_now(&guest, startup_ms * MILLISECOND);
  else guest_kill(&guest, END_KILLED);
}

static void timer(struct words *words) {
  int64_t which, first, interval;
  if (words_take_number(words, 0, GUEST_TIMERS - 1, &which) != 0 ||
      words_take_number(words, 0, MAX_TIMER_NS, &first) != 0 ||
      words_take_number(words, 0, MAX_TIMER_NS, &interval) != 0)
    guest_kill(&guest, END_KILLED);
  else guest_set_timer(&guest, (enum guest_timer)which, first, interval);
}

/* A thread of the node that shares its CPU with its guest: both run on one CPU in turn. */
static void pin(struct words *words) {
  int64_t thread, cpu;
  if (words_take_number(words, 1, INT32_MAX, &thread) != 0 || words_take_number(words, 0, CPU_SETSIZE - 1, &cpu) != 0) {
    report("failed a pin command that makes no sense\n");
    return;
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET((size_t)cpu, &set);
  if (sched_setaffinity((pid_t)thread, sizeof set, &set) == 0) report("pinned\n");
  else report("failed pin: %s\n", strerror(errno));
}

/* The next `fork` notices a parent that has died, and the controller then starts a guest cold. */
static void reap_parent(void) {
  if (parent.pid != 0 && waitpid(parent.pid, NULL, WNOHANG) == parent.pid) guest_forget(&parent);
}

/* The ends of the pipes stay open until `attached`, even for a dead guest: opening a FIFO waits for a partner. */
static void report_end(const struct guest_report *r) {
  static const char *const why[] = {"?", "exit", "cpu", "wall", "memory", "startup", "killed", "lost", "oom"};
  report("ended %s %d %lld %lld %lld %lld %lld %lld %lld %d %s\n", why[guest.why], r->status, (long long)r->startup_cpu,
         (long long)r->cpu, (long long)r->wall, (long long)r->baseline, (long long)r->peak, (long long)r->waited,
         (long long)r->throttled, r->moment, cgroup_name());
}

static void reap(void) {
  struct guest_report r;
  if (guest_reap(&guest, &r)) report_end(&r);
}

static void finish(void) {
  struct guest_report r;
  if (guest_finish(&guest, &r)) report_end(&r);
  else guest_kill(&guest, END_KILLED);
}

static void obey(struct words *words) {
  const char *command = words_take(words);
  if (strcmp(command, "start") == 0) start(words);
  else if (strcmp(command, "attached") == 0) close_pipes();
  else if (strcmp(command, "parked") == 0) park();
  else if (strcmp(command, "fork") == 0) fork_guest(words);
  else if (strcmp(command, "retire") == 0) retire();
  else if (strcmp(command, "mark") == 0) mark(words);
  else if (strcmp(command, "stack") == 0) limit_stack_of_guest(words);
  else if (strcmp(command, "starts") == 0) starts(words);
  else if (strcmp(command, "timer") == 0) timer(words);
  else if (strcmp(command, "kill") == 0) guest_kill(&guest, END_KILLED);
  else if (strcmp(command, "finish") == 0) finish();
  else if (strcmp(command, "pin") == 0) pin(words);
  else report("failed an unknown command\n");
}

static void read_control(void) {
  char bytes[65536];
  ssize_t n = read(control, bytes, sizeof bytes);
  if (n < 0 && errno == EINTR) return;
  if (n <= 0) die_errno("control");
  if (frame_append(&commands, bytes, (size_t)n) != 0) die("out of memory");
  struct words words;
  int got;
  while ((got = frame_next(&commands, &words)) != 0) {
    if (got < 0) {
      report("failed a frame that is too long or makes no sense\n");
      continue;
    }
    obey(&words);
    words_free(&words);
  }
}

static void remove_directory(void) {
  for (int i = 0; i < FIFOS; i++) unlinkat(directory, fifo_names[i], 0);
  unlinkat(directory, signals_name, 0);
  rmdir(directory_path);
}

static _Noreturn void leave(void) {
  retire();
  guest_clear();
  guest_kill(&guest, END_KILLED);
  if (guest.pid != 0) waitpid(guest.pid, NULL, 0);
  cgroup_end_aside(0);
  cgroup_remove();
  remove_directory();
  exit(0);
}

static void read_node(void) {
  char byte[64];
  ssize_t n = read(STDIN_FILENO, byte, sizeof byte);
  if (n < 0 && errno == EINTR) return;
  if (n <= 0) leave();
  for (ssize_t i = 0; i < n; i++) {
    if (byte[i] != '\n') {
      if (line.have < sizeof line.text - 1) line.text[line.have++] = byte[i];
      continue;
    }
    line.text[line.have] = 0;
    line.have = 0;
    /* an order names its guest, so a late one does not hit the next */
    const char *name = strchr(line.text, ' ');
    if (name == NULL || guest.pid == 0 || strtol(name, NULL, 10) != guest.pid) continue;
    if (strncmp(line.text, "kill ", 5) == 0) guest_kill(&guest, END_KILLED);
    else if (strncmp(line.text, "interrupt ", 10) == 0) guest_signal(&guest, SIGINT);
  }
}

static void make_fifos(void) {
  for (int i = 0; i < FIFOS; i++)
    if (mkfifoat(directory, fifo_names[i], 0600) != 0) die_errno(fifo_names[i]);
  control = open_fifo(CONTROL, 0);
  reports = open_fifo(REPORTS, 0);
}

/* Where status (proc(5)) does not show the pending signals of a process, the controller learns of them from us. */
static void count_signals(void) {
  char text[4096];
  int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  text[n < 0 ? 0 : n] = 0;
  if (strstr(text, "\nShdPnd:") != NULL) return;
  fd = openat(directory, signals_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) die_errno(signals_name);
  guest_count_signals(fd);
}

static int watch_children(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) die_errno("sigprocmask");
  int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) die_errno("signalfd");
  return fd;
}

static void read_options(int argc, char **argv) {
  static const struct option options[] = {
      {"dir", required_argument, NULL, 'd'},    {"shim", required_argument, NULL, 's'},
      {"cgroup", required_argument, NULL, 'c'}, {"cpus", required_argument, NULL, 'p'},
      {"users", required_argument, NULL, 'u'},  {0}};
  int option;
  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
    if (option == 'd') {
      directory_path = optarg;
      directory = open(optarg, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      if (directory < 0) die_errno(optarg);
    } else if (option == 's') {
      shim = open(optarg, O_RDONLY | O_CLOEXEC);
      if (shim < 0) die_errno(optarg);
    } else if (option == 'c') {
      group_place = optarg;
    } else if (option == 'u') {
      users = optarg;
    } else if (option == 'p') {
      cgroup_cap_cpu(number_in(optarg, NULL, INT64_MAX));
    } else {
      exit(2);
    }
  }
  if (directory < 0 || shim < 0 || optind != argc) die("usage: sandpiper-keeper --dir DIR --shim FILE");
}

int main(int argc, char **argv) {
  read_options(argc, argv);
  /* A terminal's Ctrl-C goes to the whole group; the node decides what it means. */
  signal(SIGINT, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  cgroup_use(group_place);
  make_fifos();
  count_signals();
  user_use(users);
  int children = watch_children();
  if (write(STDOUT_FILENO, "ready\n", 6) != 6) die("the node that started this keeper is gone");

  struct pollfd fds[] = {{STDIN_FILENO, POLLIN, 0}, {control, POLLIN, 0}, {children, POLLIN, 0}};
  int clear = 0;
  for (;;) {
    int64_t wait = guest.pid != 0 ? guest_watch(&guest) : -1;
    struct timespec timeout = {wait / SECOND, wait % SECOND};
    if (ppoll(fds, 3, wait < 0 ? NULL : &timeout, NULL) < 0 && errno != EINTR) die_errno("poll");
    if (fds[2].revents) {
      struct signalfd_siginfo info;
      while (read(children, &info, sizeof info) == sizeof info)
        ;
      cgroup_end_aside(1);
      reap_parent();
      reap();
      clear = 1;
    }
    if (fds[0].revents) read_node();
    if (fds[1].revents & POLLIN) read_control();
    if (clear) guest_clear();
    clear = 0;
  }
}
