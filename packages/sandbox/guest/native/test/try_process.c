#include "try_process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "elf_symbol.h"
#include "shim/shim.h"

/* A call that neither returns nor ends the process for this long is blocked. */
#define BLOCKED_MS 5000
#define NOBODY 65534

static int shim = -1, children_fd = -1;
static uint64_t gate_offset, fork_gate;

/* The process that makes the calls, and our ends of its pipes. 0: none. */
static struct {
  pid_t pid;
  int requests, replies;
  /* The address of its gate, from its first message. */
  uint64_t gate;
  int asks;
} guest;
/* For a forked guest, its parent and the socket to it. */
static struct {
  pid_t pid;
  int socket;
} parent;
static struct outcome seen;
static int ended;

__attribute__((format(printf, 1, 2))) static _Noreturn void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("try-syscall: ", stderr);
  vfprintf(stderr, format, arguments);
  fputs("\n", stderr);
  va_end(arguments);
  exit(2);
}

void process_use_shim(const char *path) {
  shim = open(path, O_RDONLY | O_CLOEXEC);
  if (shim < 0) fail("%s: %s", path, strerror(errno));
  gate_offset = elf_symbol(path, "shim_gate");
  if (gate_offset == 0) fail("%s has no shim_gate", path);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, NULL);
  signal(SIGPIPE, SIG_IGN);
  children_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (children_fd < 0) fail("signalfd: %s", strerror(errno));
}

/* ---- start: what the keeper does (keeper/guest.c) */

static _Noreturn void become_guest(const struct subject *subject, int in, int out, int socket) {
  const int translated = subject->filter == FILTER_TRANSLATED;
  /* Any pipe does for the late output: nothing is written to it here. */
  const int from[] = {in, out, shim, socket, out};
  const int to[] = {translated ? 0 : KEEPER_FD_IN, translated ? 1 : KEEPER_FD_OUT, KEEPER_FD_SHIM, KEEPER_FD_SOCKET,
                    KEEPER_FD_LATE};
  int high[5];
  for (int i = 0; i < 5; i++) high[i] = from[i] < 0 ? -1 : fcntl(from[i], F_DUPFD, 16);
  for (int i = 0; i < 5; i++)
    if (high[i] >= 0 && dup2(high[i], to[i]) < 0) _exit(121);
  close_range(KEEPER_FD_SOCKET + 1, ~0u, 0);
  const struct rlimit files = {SHIM_FD_OUT + 1, SHIM_FD_OUT + 1}, none = {0, 0};
  if (setrlimit(RLIMIT_NOFILE, &files) != 0 || setrlimit(RLIMIT_CORE, &none) != 0) _exit(120);
  if (geteuid() == 0 &&
      (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0))
    _exit(122);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(120);
  sigset_t nothing;
  sigemptyset(&nothing);
  sigprocmask(SIG_SETMASK, &nothing, NULL);
  if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(123);
  char offset[32], kind[64];
  snprintf(offset, sizeof offset, "%llu", (unsigned long long)gate_offset);
  snprintf(kind, sizeof kind, "%s1",
           translated                                           ? VARIABLE_TRANSLATED
           : subject->filter == FILTER_VIRTUAL_TIME             ? VARIABLE_VIRTUAL_TIME
           : subject->filter == FILTER_PARENT || subject->below ? VARIABLE_PARKED
                                                                : "SANDPIPER_NOTHING=");
  char *const argv[] = {"try-syscall", translated ? "--translated" : "--guest", offset, NULL};
  char *const environment[] = {kind, "LD_PRELOAD=/proc/self/fd/5", "LD_BIND_NOW=1", NULL};
  execve("/proc/self/exe", argv, environment);
  _exit(127);
}

/* The guest's ends are given, ours are kept. */
static void open_pipes(int *in, int *out) {
  int to_guest[2], from_guest[2];
  if (pipe2(to_guest, O_CLOEXEC) != 0 || pipe2(from_guest, O_CLOEXEC) != 0) fail("pipe: %s", strerror(errno));
  *in = to_guest[0];
  *out = from_guest[1];
  guest.replies = to_guest[1];
  guest.requests = from_guest[0];
}

static pid_t start(const struct subject *subject, int socket) {
  int in, out;
  open_pipes(&in, &out);
  const pid_t pid = fork();
  if (pid < 0) fail("fork: %s", strerror(errno));
  if (pid == 0) become_guest(subject, in, out, socket);
  close(in);
  close(out);
  int status;
  /* execve of a traced process stops it */
  if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
    fail("the guest did not start: status %x", (unsigned)status);
  const long options = PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;
  if (ptrace(PTRACE_SETOPTIONS, pid, NULL, options) != 0) fail("ptrace: %s", strerror(errno));
  ptrace(PTRACE_CONT, pid, NULL, 0);
  return pid;
}

/* ---- what happens to it */

static void on_new_process(pid_t maker) {
  unsigned long pid = 0;
  ptrace(PTRACE_GETEVENTMSG, maker, NULL, &pid);
  /* The child of a parent that was asked to fork: it shall live. */
  if (maker == parent.pid) return;
  seen.children++;
  kill((pid_t)pid, SIGKILL);
}

static void on_stop(pid_t pid, int status) {
  int signal = WSTOPSIG(status);
  if (status >> 16 != 0) {
    on_new_process(pid);
    signal = 0;
  } else if (signal == SIGSTOP || signal == SIGTRAP) {
    signal = 0; /* a new process that the kernel has attached us to */
  } else if (signal == SIGSYS && pid == guest.pid) {
    siginfo_t info;
    if (ptrace(PTRACE_GETSIGINFO, pid, NULL, &info) == 0 && info.si_code == 1 /* SYS_SECCOMP */) {
      seen.traps++;
      seen.trapped_number = info.si_syscall;
    }
  }
  ptrace(PTRACE_CONT, pid, NULL, signal);
}

static void on_end(pid_t pid, int status) {
  if (pid == parent.pid) parent.pid = 0;
  if (pid != guest.pid) return;
  ended = 1;
  seen.end = WIFSIGNALED(status) ? OUTCOME_DIED : OUTCOME_EXITED;
  seen.value = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  close(guest.requests);
  close(guest.replies);
  guest.pid = 0;
}

static void look_after_processes(void) {
  struct signalfd_siginfo drained;
  int status;
  pid_t pid;
  while (read(children_fd, &drained, sizeof drained) > 0) continue;
  while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
    if (WIFSTOPPED(status)) on_stop(pid, status);
    else on_end(pid, status);
  }
}

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits until there is something to read; 0 when the guest has ended, or the time is over. */
static int await(int fd, int64_t deadline) {
  for (;;) {
    look_after_processes();
    if (ended) return 0;
    struct pollfd waits[] = {{fd, POLLIN, 0}, {children_fd, POLLIN, 0}};
    const int64_t left = deadline - now_ms();
    if (left <= 0 || poll(waits, 2, (int)left) < 0) return 0;
    if (waits[0].revents & POLLIN) return 1;
  }
}

/* ---- what it says: the controller's side of sandbox-2 */

static void reply(const void *data, size_t size) {
  if (write(guest.replies, data, size) != (ssize_t)size && errno != EPIPE) fail("write: %s", strerror(errno));
}

static void reply_result(int64_t value) {
  unsigned char bytes[9] = {'i'};
  memcpy(bytes + 1, &value, sizeof value);
  reply(bytes, sizeof bytes);
}

static int take(void *to, size_t size, int64_t deadline) {
  for (size_t have = 0; have < size;) {
    if (!await(guest.requests, deadline)) return 0;
    const ssize_t n = read(guest.requests, (char *)to + have, size - have);
    if (n <= 0) return 0;
    have += (size_t)n;
  }
  return 1;
}

/* What a request shows beforehand (shim/channel.c): a letter, an address, a size, and the bytes. */
static int skip_note(int64_t deadline) {
  unsigned char head[13], bytes[4096];
  uint32_t size;
  if (!take(head, sizeof head, deadline)) return 0;
  memcpy(&size, head + 9, sizeof size);
  if (head[0] != 'A' || size > sizeof bytes) fail("a note that makes no sense: %c", head[0]);
  return take(bytes, size, deadline);
}

/* The name of a request, and its first argument. Returns 0 when none comes. */
static int take_request(char name[256], int64_t *first, int64_t deadline) {
  unsigned char length;
  int64_t words[8] = {0};
  do
    if (!take(&length, 1, deadline) || (length == 0 && !skip_note(deadline))) return 0;
  while (length == 0);
  if (!take(name, length, deadline)) return 0;
  name[length] = 0;
  const char *open = strchr(name, '(');
  const size_t size = open == NULL ? 0 : 8 * strcspn(open + 1, ")");
  if (size > sizeof words) fail("a request that makes no sense: %s", name);
  if (!take(words, size, deadline)) return 0;
  *first = words[0];
  return 1;
}

/* Answers it until it has nothing to do. Returns 0 when that does not come. */
static int serve(int64_t *result) {
  const int64_t deadline = now_ms() + BLOCKED_MS;
  char name[256];
  while (take_request(name, result, deadline)) {
    if (strcmp(name, "next(i)i") == 0) return 1;
    reply_result(strcmp(name, "sandpiper_ready(i)i") == 0 ? 0 : -ENOSYS);
  }
  return 0;
}

/* ---- the fork server: what the keeper does (keeper.c) */

/* The guest asks for something, is told to park instead, and is the parent from then on. */
static void park(void) {
  char name[256];
  int64_t first;
  reply(&(struct probe){.way = WAY_PARK}, sizeof(struct probe));
  if (!take_request(name, &first, now_ms() + BLOCKED_MS)) fail("the parent does not ask");
  reply("P", 1);
  close(guest.requests);
  close(guest.replies);
  parent.pid = guest.pid;
  guest.pid = 0;
}

static void fork_guest(void) {
  int in, out;
  open_pipes(&in, &out);
  char byte = 0;
  struct iovec vector = {&byte, 1};
  _Alignas(struct cmsghdr) unsigned char rights[CMSG_SPACE(3 * sizeof(int))] = {0};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = rights, .msg_controllen = sizeof rights};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(3 * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(header), (int[]){in, out, out}, 3 * sizeof(int));
  int64_t pid = 0;
  if (sendmsg(parent.socket, &message, MSG_NOSIGNAL) != 1 || !await(parent.socket, now_ms() + BLOCKED_MS) ||
      recv(parent.socket, &pid, sizeof pid, 0) != sizeof pid || pid <= 0)
    fail("the parent does not fork");
  guest.pid = (pid_t)pid;
  close(in);
  close(out);
}

/* ---- all of it */

/* Afterwards the guest waits for a probe. */
static void require_guest(const struct subject *subject) {
  int64_t first;
  if (guest.pid != 0) return;
  ended = 0;
  if (subject->below != 0 && parent.pid != 0) {
    fork_guest();
    if (!serve(&first)) fail("%s: the forked guest does not get ready", subject->name);
    guest.gate = fork_gate;
    return;
  }
  int ends[2] = {-1, -1};
  if (subject->below != 0 || subject->filter == FILTER_PARENT) {
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) fail("socketpair: %s", strerror(errno));
    if (parent.socket > 0) close(parent.socket);
    parent.socket = ends[0];
  }
  guest.pid = start(subject, ends[1]);
  if (ends[1] >= 0) close(ends[1]);
  if (!serve(&first))
    fail("%s: the guest does not get ready: %s %ld", subject->name, seen.end == OUTCOME_DIED ? "signal" : "exit code",
         seen.value);
  guest.gate = (uint64_t)first;
  if (subject->below == 0) return;
  fork_gate = guest.gate;
  park();
  require_guest(subject);
}

struct caller process_caller(const struct subject *subject) {
  require_guest(subject);
  return (struct caller){.gate = guest.gate, .pid = (uint32_t)guest.pid};
}

static void kill_guest(void) {
  if (guest.pid == 0) return;
  kill(guest.pid, SIGKILL);
  while (!ended) {
    struct pollfd wait = {children_fd, POLLIN, 0};
    poll(&wait, 1, BLOCKED_MS);
    look_after_processes();
  }
}

struct outcome process_try(const struct subject *subject, const struct probe *probe) {
  require_guest(subject);
  struct probe resolved = *probe;
  for (unsigned i = 0; i < 6; i++)
    if ((probe->of_own_pid >> i) & 1) resolved.arguments[i] ^= (uint64_t)guest.pid;
  seen = (struct outcome){0};
  reply(&resolved, sizeof resolved);
  int64_t result;
  if (serve(&result)) {
    seen.end = OUTCOME_RETURNED;
    seen.value = result;
  } else {
    /* Its pipe may have closed before its end is seen. */
    const int64_t deadline = now_ms() + BLOCKED_MS;
    while (!ended && await(children_fd, deadline)) continue;
    if (!ended) {
      const struct outcome blocked = seen;
      kill_guest();
      seen = blocked;
      seen.end = OUTCOME_BLOCKED;
    }
  }
  return seen;
}

void process_end(void) {
  ended = 0;
  kill_guest();
  if (parent.pid != 0) {
    kill(parent.pid, SIGKILL);
    while (parent.pid != 0) {
      struct pollfd wait = {children_fd, POLLIN, 0};
      poll(&wait, 1, BLOCKED_MS);
      look_after_processes();
    }
  }
  if (parent.socket > 0) close(parent.socket);
  parent.socket = 0;
}
