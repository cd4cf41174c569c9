#include "user.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "die.h"
#include "number.h"

/*
 * Numbers that neither Debian (policy, 9.2.2) nor systemd ("Users, Groups, UIDs and GIDs on systemd Systems") assigns,
 * and that are below 65536, the number of users that many containers have. Docs: SANDPIPER_GUEST_UIDS.
 */
#define FIRST_USER 60706
#define LAST_USER 61183
/* The kernel's overflow user, nobody. */
#define NOBODY 65534
/* -1 would mean "unchanged" (setresuid(2)). */
#define MAX_USER 4294967294ll

/* 0: the keeper's own user. */
static uid_t guest_user;

/*
 * Takes an address that is free again when the keeper ends, however it ends. Abstract ones leave no file behind
 * (unix(7)), and no other user can remove them.
 */
static int claim(uid_t user) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "sandpiper-guest-user-%u", user);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die_errno("socket");
  if (bind(fd, (const struct sockaddr *)&address,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) == 0)
    return 1; /* it stays open as long as this process lives */
  if (errno != EADDRINUSE) die_errno("bind");
  close(fd);
  return 0;
}

static int has_capability(int number) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &header, data) != 0) return 0;
  return (data[number / 32].effective >> (number % 32)) & 1;
}

static int set_real(uid_t user, gid_t group) {
  return setresgid(group, (gid_t)-1, (gid_t)-1) != 0 || setresuid(user, (uid_t)-1, (uid_t)-1) != 0 ? -1 : 0;
}

/* In a child process, as the change cannot be undone. */
static void try_to_become(void) {
  pid_t pid = fork();
  if (pid < 0) die_errno("fork");
  if (pid == 0) _exit(user_become() == 0 ? 0 : errno == EINVAL ? 2 : 1);
  int status;
  if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) die("the user of the guests could not be tried");
  if (WEXITSTATUS(status) == 2)
    die("user %u is not mapped in this user namespace: choose a mapped range with SANDPIPER_GUEST_UIDS, or run as an "
        "ordinary user",
        guest_user);
  if (WEXITSTATUS(status) != 0)
    die("root without CAP_SETUID and CAP_SETGID cannot give guests a user of their own: add both, or run as an "
        "ordinary user");
}

void user_use(const char *range) {
  if (geteuid() != 0) return;
  int64_t first = FIRST_USER, last = LAST_USER;
  if (range != NULL) {
    char *rest;
    first = number_in(range, &rest, MAX_USER);
    last = *rest == '-' ? number_in(rest + 1, &rest, MAX_USER) : first;
    if (first < 1 || last < first || *rest != 0) die("SANDPIPER_GUEST_UIDS must be FIRST-LAST, two numbers from 1 on");
  }
  for (int64_t user = first; user <= last && guest_user == 0; user++)
    if (user != NOBODY && claim((uid_t)user)) guest_user = (uid_t)user;
  if (guest_user == 0)
    die("all users from %lld to %lld are taken, one for each cell: choose a wider range with SANDPIPER_GUEST_UIDS",
        (long long)first, (long long)last);
  try_to_become();
  /*
   * Without CAP_KILL only the guests' user may kill them, also when this process dies (PR_SET_PDEATHSIG is a signal
   * from the parent): so that becomes our real user for good. Its own guests may then signal it; those of other cells
   * may not.
   */
  if (!has_capability(CAP_KILL) && set_real(guest_user, guest_user) != 0) die_errno("setresuid");
}

int user_become(void) {
  if (guest_user == 0) return 0;
  return setresgid(guest_user, guest_user, guest_user) != 0 || setgroups(0, NULL) != 0 ||
                 setresuid(guest_user, guest_user, guest_user) != 0
             ? -1
             : 0;
}

/*
 * prlimit(2) on another user's process needs CAP_SYS_RESOURCE, which even root may lack in a container, or that user as
 * the caller's real user. It is our real user only meanwhile: processes of that user may send signals here.
 */
int user_limit_guest(pid_t pid, const struct guest_limit *limits, int count) {
  uid_t user = 0;
  gid_t group = 0;
  int is_guest_user = 0, error = 0;
  for (int i = 0; i < count && error == 0;) {
    if (prlimit(pid, limits[i].resource, &limits[i].limit, NULL) == 0) {
      i++;
    } else if (errno == EPERM && guest_user != 0 && !is_guest_user) {
      user = getuid();
      group = getgid();
      if (set_real(guest_user, guest_user) != 0) return -1;
      is_guest_user = 1;
    } else if (errno == EPERM && limits[i].host_may_be_lower) {
      i++;
    } else {
      error = errno;
    }
  }
  if (is_guest_user && set_real(user, group) != 0) die_errno("setresuid");
  errno = error;
  return error == 0 ? 0 : -1;
}
