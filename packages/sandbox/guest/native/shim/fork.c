/*
 * The fork server. A guest that was started for it (VARIABLE_PARKED) imports what its profile names and then asks for
 * its program; instead of a result the controller tells it to park. From then on it only waits for the keeper, on a
 * socket: each message brings the pipes of a child. The child is forked with CLONE_PARENT, so that the keeper reaps
 * it, and asks its own controller for the program once more. The parent never runs a line of untrusted code.
 *
 * A kernel that ignores CLONE_PARENT makes the child the parent's, and the keeper then asks for SHIM_FORK_TWICE: the
 * child forks again and ends, and the kernel gives its child to the keeper. A child that does not become the keeper's
 * ends before it has a program: nothing would hold its limits.
 *
 * The calls made here are let through from the gate only, and only by the first filter; the child puts the filter of
 * every other guest on top before anything else (seccomp(2): the strictest of all filters wins).
 */
#include "fork.h"

#include <asm/unistd.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arch_x86_64.h"
#include "filter.h"
#include "shim.h"

/* Of a child: its controller's answers, its requests, its late output. */
#define PIPES 3

/* How often a child's child looks whose it is: for some seconds. */
#define LOOKS (1 << 22)

static long keeper;

void fork_prepare(void) {
  keeper = raw3(__NR_getppid, 0, 0, 0);
  /* A child that forked again is reaped by the kernel (sigaction(2)); any other is the keeper's. */
  signal(SIGCHLD, SIG_IGN);
}

static _Noreturn void end(int code) {
  for (;;) shim_gate(__NR_exit_group, code, 0, 0, 0, 0, 0);
}

static long gate(long nr, long a, long b, long c) { return shim_gate(nr, a, b, c, 0, 0, 0); }

/* Returns the order and the descriptors, or -1 when the keeper is gone. */
static int receive_order(int pipes[PIPES]) {
  char order;
  struct iovec vector = {&order, 1};
  _Alignas(struct cmsghdr) unsigned char control[CMSG_SPACE(PIPES * sizeof(int))];
  struct msghdr message = {
      .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  long n;
  do n = gate(__NR_recvmsg, SHIM_FD_KEEPER, (long)&message, 0);
  while (n == -EINTR);
  const struct cmsghdr *header = (const struct cmsghdr *)control;
  if (n != 1 || message.msg_controllen < CMSG_LEN(PIPES * sizeof(int)) || header->cmsg_type != SCM_RIGHTS) return -1;
  const int *received = (const int *)CMSG_DATA(header);
  for (int i = 0; i < PIPES; i++) pipes[i] = received[i];
  return order;
}

/*
 * The child's program can read all of this: nothing may distinguish one run from another, or reveal a shared parent.
 * The volatile stores happen although the compiler sees no reader.
 */
static void wipe(volatile void *at, size_t size) {
  for (volatile unsigned char *byte = at; size > 0; size--) *byte++ = 0;
}

static void become_child(int pipes[PIPES]) {
  static const int places[PIPES] = {SHIM_FD_IN, SHIM_FD_OUT, SHIM_FD_LATE};
  const struct rlimit nothing = {0, 0};
  for (int i = 0; i < PIPES; i++)
    if (gate(__NR_dup3, pipes[i], places[i], 0) < 0 || gate(__NR_close, pipes[i], 0, 0) != 0) end(SHIM_EXIT_NO_FILTER);
  /* The death of the keeper is not inherited (PR_SET_PDEATHSIG); it may be dead already. */
  if (gate(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL, 0) != 0 || gate(__NR_getppid, 0, 0, 0) != keeper ||
      gate(__NR_close, SHIM_FD_KEEPER, 0, 0) != 0 || gate(__NR_setrlimit, RLIMIT_NOFILE, (long)&nothing, 0) != 0 ||
      filter_install(FILTER_GUEST) != 0)
    end(SHIM_EXIT_NO_FILTER);
  wipe(&keeper, sizeof keeper);
  wipe(pipes, PIPES * sizeof *pipes);
}

static int64_t fork_once(void) { return gate(__NR_clone, CLONE_PARENT | SIGCHLD, 0, 0); }

static int tell_keeper(const int64_t *pid) {
  return shim_gate(__NR_sendto, SHIM_FD_KEEPER, (long)pid, sizeof *pid, MSG_NOSIGNAL, 0, 0) == sizeof *pid;
}

/* Returns in the child's child, which the keeper is told of, and whose parent is the keeper. */
static void fork_again(void) {
  int64_t pid = fork_once();
  if (pid != 0) {
    tell_keeper(&pid);
    end(0);
  }
  for (int looks = 0; looks < LOOKS && gate(__NR_getppid, 0, 0, 0) != keeper; looks++) continue;
}

void fork_park(void) {
  int pipes[PIPES], order;
  int64_t pid;
  /* They are the same FIFOs that the children will use: while the parent holds them, no reader sees a child's end. */
  gate(__NR_close, SHIM_FD_IN, 0, 0);
  gate(__NR_close, SHIM_FD_OUT, 0, 0);
  gate(__NR_close, SHIM_FD_LATE, 0, 0);
  while ((order = receive_order(pipes)) >= 0) {
    pid = fork_once();
    if (pid == 0) {
      if (order == SHIM_FORK_TWICE) fork_again();
      become_child(pipes);
      return;
    }
    for (int i = 0; i < PIPES; i++) gate(__NR_close, pipes[i], 0, 0);
    if ((order == SHIM_FORK || pid < 0) && !tell_keeper(&pid)) break;
    /* The next child is a copy of this process. */
    wipe(&pid, sizeof pid);
  }
  end(0);
}
