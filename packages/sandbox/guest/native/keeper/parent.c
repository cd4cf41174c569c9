#include "parent.h"

#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "../shim/shim.h"
#include "units.h"

/* A fork takes about a millisecond. */
#define ANSWERS_MS 5000

/*
 * gVisor ignores CLONE_PARENT (clone(2)): there the child is the parent's, and ends. From then on the child forks once
 * more and ends, and its own child becomes ours, because this process is a subreaper (PR_SET_CHILD_SUBREAPER).
 */
static int forks_twice;

/* Returns the process id of the child, or 0 when the parent does not answer. */
static pid_t ask(int socket, const int pipes[PARENT_PIPES]) {
  char order = forks_twice ? SHIM_FORK_TWICE : SHIM_FORK;
  struct iovec vector = {&order, 1};
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(PARENT_PIPES * sizeof(int))];
  } rights = {0};
  struct msghdr message = {
      .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights};
  rights.header = (struct cmsghdr){
      .cmsg_len = CMSG_LEN(PARENT_PIPES * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(&rights.header), pipes, PARENT_PIPES * sizeof(int));
  if (sendmsg(socket, &message, MSG_NOSIGNAL) != 1) return 0;
  struct pollfd answer = {socket, POLLIN, 0};
  int64_t pid;
  if (poll(&answer, 1, ANSWERS_MS) != 1 || recv(socket, &pid, sizeof pid, MSG_DONTWAIT) != sizeof pid) return 0;
  /* It becomes a pid_t, of which -1 would mean every process (kill(2)). */
  return pid > 1 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

static int is_child(pid_t pid) {
  siginfo_t info = {0};
  return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static int becomes_child(pid_t pid) {
  static const struct timespec pause = {0, MILLISECOND / 10};
  for (int tries = 0; tries < ANSWERS_MS * 10; tries++) {
    if (is_child(pid)) return 1;
    nanosleep(&pause, NULL);
  }
  return 0;
}

pid_t parent_fork(int socket, const int pipes[PARENT_PIPES]) {
  pid_t pid = ask(socket, pipes);
  if (pid != 0 && !forks_twice && !is_child(pid)) {
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) return 0;
    forks_twice = 1;
    pid = ask(socket, pipes);
  }
  /* What cannot be waited for could neither be reaped nor safely killed: it ends by itself (shim/fork.c). */
  return pid != 0 && (!forks_twice || becomes_child(pid)) ? pid : 0;
}
