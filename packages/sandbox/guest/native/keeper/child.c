#include "child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../shim/shim.h"
#include "cgroup.h"
#include "number.h"
#include "program.h"
#include "units.h"
#include "user.h"

static void set_limit(int resource, rlim_t value) {
  struct rlimit l = {value, value};
  if (setrlimit(resource, &l) != 0) _exit(GUEST_EXIT_NO_LIMITS);
}

/* While the guest starts: the mark sets another limit, which may be higher. */
static void limit_start(int resource, rlim_t value) {
  struct rlimit l;
  if (getrlimit(resource, &l) != 0) _exit(GUEST_EXIT_NO_LIMITS);
  if (l.rlim_cur > value) l.rlim_cur = value;
  if (setrlimit(resource, &l) != 0) _exit(GUEST_EXIT_NO_LIMITS);
}

/* Until the mark RLIMIT_AS bounds the stack too. A host that allows less gives less. */
static void make_room_for_stack(void) {
  struct rlimit l = {STACK_SPACE, STACK_SPACE};
  if (setrlimit(RLIMIT_STACK, &l) == 0) return;
  if (errno != EPERM || getrlimit(RLIMIT_STACK, &l) != 0) _exit(GUEST_EXIT_NO_LIMITS);
  set_limit(RLIMIT_STACK, l.rlim_max);
}

/*
 * Linux before 5.9 has no close_range(2), and older container filters refuse unknown calls. A limit of open files says
 * nothing of higher descriptors that are already open, so they are looked up.
 */
static void close_from(int first) {
  if (close_range((unsigned)first, ~0u, 0) == 0) return;
  DIR *listing = opendir("/proc/self/fd");
  if (listing == NULL) _exit(GUEST_EXIT_NO_DESCRIPTORS);
  const int own = dirfd(listing);
  for (struct dirent *entry; (errno = 0, entry = readdir(listing)) != NULL;) {
    int64_t fd = number_in(entry->d_name, NULL, INT32_MAX);
    if (fd >= first && fd != own && close((int)fd) != 0) _exit(GUEST_EXIT_NO_DESCRIPTORS);
  }
  if (errno != 0 || closedir(listing) != 0) _exit(GUEST_EXIT_NO_DESCRIPTORS);
}

/* Pipes and shim go to fixed numbers: first above them, so that none overwrites another. */
static void place_descriptors(const struct guest_files *files, int translated) {
  const struct {
    int from, to;
  } moves[] = {{files->in, translated ? STDIN_FILENO : KEEPER_FD_IN},
               {files->out, translated ? STDOUT_FILENO : KEEPER_FD_OUT},
               {files->shim, KEEPER_FD_SHIM},
               {files->errors, translated ? STDERR_FILENO : KEEPER_FD_LATE},
               {files->socket, KEEPER_FD_SOCKET}};
  const int parked = !translated && files->socket >= 0;
  const int count = parked ? 5 : 4;
  int high[5];
  for (int i = 0; i < count; i++)
    if ((high[i] = fcntl(moves[i].from, F_DUPFD, 16)) < 0) _exit(GUEST_EXIT_NO_DESCRIPTORS);
  for (int i = 0; i < count; i++)
    if (dup2(high[i], moves[i].to) < 0) _exit(GUEST_EXIT_NO_DESCRIPTORS);
  if (translated) {
    close(KEEPER_FD_IN);
    close(KEEPER_FD_OUT);
  }
  close_from((parked ? KEEPER_FD_SOCKET : translated ? KEEPER_FD_SHIM : KEEPER_FD_LATE) + 1);
}

/*
 * The loader carries on without a preload that it cannot load, and the guest would run unlocked. So its steps are tried
 * here first, as the same user: the file may be unreadable, or lie on a file system mounted noexec.
 */
static void require_shim(void) {
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", KEEPER_FD_SHIM);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) _exit(GUEST_EXIT_NO_SHIM);
  const void *begin = mmap(NULL, 4, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
  if (begin == MAP_FAILED || memcmp(begin, "\177ELF", 4) != 0) _exit(GUEST_EXIT_NO_SHIM);
  close(fd);
}

void child_die_first(pid_t pid) {
  char path[64] = "/proc/self/oom_score_adj";
  if (pid != 0) snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)pid);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (write(fd, "1000", 4) != 4) errno = 0;
  close(fd);
}

void child_become_guest(const struct guest_spec *spec, const struct guest_files *files, pid_t keeper, int go) {
  char byte;
  if (read(go, &byte, 1) != 1) _exit(GUEST_EXIT_NO_LIMITS);
  setsid();
  if (spec->cpu >= 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)spec->cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) _exit(GUEST_EXIT_NOT_PINNED);
  }
  /* Before the descriptors are placed: the group's descriptor is one of those that are closed. */
  if (!spec->parked && !cgroup_is_kept() && cgroup_enter() != 0) _exit(GUEST_EXIT_NO_GROUP);
  if (!spec->parked) child_die_first(0);
  /* As the user who may read it, and right before it is executed: it may have been replaced. */
  if (!program_takes_preload(spec->executable) || (spec->loader != NULL && !program_is_loader(spec->loader)))
    _exit(GUEST_EXIT_NO_PRELOAD);
  place_descriptors(files, spec->translated);
  set_limit(RLIMIT_CORE, 0);
  set_limit(RLIMIT_FSIZE, 0);
  set_limit(RLIMIT_MEMLOCK, 0);
  make_room_for_stack();
  /* The parent runs no program of a run, and imports only its profile. */
  if (!spec->parked) {
    limit_start(RLIMIT_AS, START_SPACE);
    limit_start(RLIMIT_CPU, START_CPU / SECOND + 2);
  }
  struct rlimit open_files;
  if (getrlimit(RLIMIT_NOFILE, &open_files) != 0) _exit(GUEST_EXIT_NO_LIMITS);
  if (open_files.rlim_max != RLIM_INFINITY && open_files.rlim_max < SHIM_FD_OUT + 1) _exit(GUEST_EXIT_FEW_FILES);
  set_limit(RLIMIT_NOFILE, SHIM_FD_OUT + 1);
  if (user_become() != 0) _exit(GUEST_EXIT_NO_USER);
  /* Set after the change of user, which would clear it; the parent may be gone already. */
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != keeper) _exit(GUEST_EXIT_NO_LIMITS);
  /* For a set-user-ID program the loader would ignore the preload: it would run unlocked, as another user. */
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(GUEST_EXIT_NO_LIMITS);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  signal(SIGPIPE, SIG_DFL);
  if (spec->fixed_addresses && personality(ADDR_NO_RANDOMIZE) < 0) _exit(GUEST_EXIT_NO_FIXED_ADDRESSES);
  require_shim();
  execve(spec->loader != NULL ? spec->loader : spec->executable, spec->argv, spec->environment);
  _exit(errno == E2BIG ? GUEST_EXIT_TOO_LONG : GUEST_EXIT_NOT_EXECUTED);
}
