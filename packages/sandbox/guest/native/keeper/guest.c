#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "child.h"
#include "die.h"
#include "number.h"
#include "smaps.h"
#include "units.h"
#include "user.h"

/* How often the memory of a running guest is checked. The address-space limit holds between two checks. */
#define WATCH_NS (4 * MILLISECOND)
/* Address space beyond twice the memory limit, for what a program reserves and does not touch. */
#define RESERVABLE (4096 * MIB)
/* How often its control group is checked to exist. */
#define CHECK_GROUP_NS (100 * MILLISECOND)

/* What counts as the interpreter's own at the mark, not the program's. */
#define EMPTY_START (48 * MIB)
#define EMPTY_TABLES (2 * MIB)
/* How rarely a guest is checked that waits for its run without using CPU time. */
#define IDLE_WATCH_NS SECOND

/*
 * At a limit of time a guest is told by SIGXCPU, as setrlimit(2) has it, and may go on for a moment: enough to flush
 * what it has printed.
 */
#define MOMENT_CPU (50 * MILLISECOND)
#define MOMENT_WALL (200 * MILLISECOND)

/* No alarm fires more often: this process, not the guest, would be busy with it. */
#define MIN_INTERVAL_NS MILLISECOND

int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * SECOND + t.tv_nsec;
}

static int64_t cpu_of(const struct guest *guest) {
  struct timespec t;
  if (clock_gettime(guest->clock, &t) != 0) return 0;
  return t.tv_sec * SECOND + t.tv_nsec;
}

/*
 * Sizes from statm (proc(5)), in bytes. Only the process's own memory counts; pages of files, such as the code of the
 * interpreter on first use, are shared by all guests.
 */
static int memory_of(struct guest *guest, int64_t *space, int64_t *own) {
  char text[128];
  ssize_t n = pread(guest->statm, text, sizeof text - 1, 0);
  if (n <= 0) return -1;
  text[n] = 0;
  char *rest;
  int64_t page = sysconf(_SC_PAGESIZE);
  int64_t most = MAX_BYTES / page;
  int64_t total = number_in(text, &rest, most);
  int64_t resident = number_in(rest, &rest, most);
  int64_t of_files = number_in(rest, NULL, most);
  if (total < 0 || resident <= 0 || of_files < 0) return -1; /* it has ended */
  *space = total * page;
  guest->of_files = of_files * page;
  *own = resident * page - guest->of_files;
  return 0;
}

/*
 * How long it could have run but had no CPU: the second figure of schedstat (Documentation/scheduler/sched-stats.rst),
 * which an ended process keeps until it is reaped.
 */
static int64_t waited(const struct guest *guest) {
  char text[128];
  ssize_t n = guest->schedstat < 0 ? -1 : pread(guest->schedstat, text, sizeof text - 1, 0);
  if (n <= 0) return -1;
  text[n] = 0;
  char *rest;
  number_in(text, &rest, INT64_MAX);
  return number_in(rest, NULL, INT64_MAX);
}

/* A figure of status (proc(5)), bytes; -1 when it has ended. `key` begins its line: "\nVmHWM:". */
static int64_t status_figure(const struct guest *guest, const char *key) {
  char text[4096];
  ssize_t n = guest->status < 0 ? -1 : pread(guest->status, text, sizeof text - 1, 0);
  if (n <= 0) return -1;
  text[n] = 0;
  const char *line = strstr(text, key);
  return line == NULL ? -1 : number_in(line + strlen(key), NULL, MAX_BYTES / KIB) * KIB;
}

/*
 * Page tables are the guest's memory too: a page that it only read costs no page of its own, but up to two pages of
 * kernel tables. So is its swapped-out memory, which is no longer resident. A control group counts both by itself.
 */
static int64_t tables_of(const struct guest *guest) {
  if (cgroup_counts()) return 0;
  int64_t tables = status_figure(guest, "\nVmPTE:"), swapped = status_figure(guest, "\nVmSwap:");
  return (tables < 0 ? 0 : tables) + (swapped < 0 ? 0 : swapped);
}

/* Returns 0, or a negative errno. */
static int watch_from_now(struct guest *guest, pid_t pid, int64_t startup_ns) {
  *guest = (struct guest){.pid = pid, .why = GUEST_RUNS, .started = now_ns(), .look_ns = WATCH_NS};
  guest->deadline = guest->started + startup_ns;
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
  guest->statm = open(path, O_RDONLY | O_CLOEXEC);
  snprintf(path, sizeof path, "/proc/%d/schedstat", (int)pid);
  guest->schedstat = open(path, O_RDONLY | O_CLOEXEC);
  snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  guest->status = open(path, O_RDONLY | O_CLOEXEC);
  if (guest->statm >= 0 && guest->status >= 0 && clock_getcpuclockid(pid, &guest->clock) == 0) return 0;
  int error = errno;
  guest_forget(guest);
  return -error;
}

int guest_start(struct guest *guest, const struct guest_spec *spec, const struct guest_files *files) {
  pid_t keeper = getpid();
  guest_clear();
  int made = spec->parked && !cgroup_is_kept() ? 0 : cgroup_make();
  if (made != 0) return made;
  int go[2];
  if (!spec->parked && cgroup_limit_start(START_MEMORY) != 0) {
    int error = errno;
    cgroup_release();
    return -error;
  }
  pid_t pid = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, go) == 0 ? fork() : -2;
  if (pid < 0) {
    int error = errno;
    if (pid == -1) {
      close(go[0]);
      close(go[1]);
    }
    cgroup_release();
    return -error;
  }
  if (pid == 0) {
    close(go[0]);
    child_become_guest(spec, files, keeper, go[1]);
  }
  close(go[1]);
  /*
   * A guest is not dumpable, so its folder in /proc may be hidden later (hidepid of proc(5)): opens its files before.
   */
  int error = watch_from_now(guest, pid, spec->startup_ns);
  if (error == 0 && write(go[0], "", 1) != 1) error = -errno;
  close(go[0]);
  if (error == 0 && cgroup_is_kept()) cgroup_take_aside(pid);
  if (error != 0) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    cgroup_release();
    if (guest->pid != 0) guest_forget(guest);
  }
  guest->parks = spec->parked;
  /* A translated guest cannot catch a signal. The calls of a deterministic run must not depend on time. */
  guest->has_moment = !spec->translated && !spec->fixed_addresses;
  return error;
}

int guest_adopt(struct guest *guest, pid_t pid, int64_t startup_ns) {
  guest_clear();
  int error = cgroup_make();
  if (error != 0) return error;
  if (cgroup_take(pid) != 0) error = -errno;
  child_die_first(pid);
  if (error == 0) error = watch_from_now(guest, pid, startup_ns);
  if (error != 0) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    cgroup_release();
    return error;
  }
  guest->forked = guest->has_moment = 1;
  return 0;
}

void guest_forget(struct guest *guest) {
  if (guest->statm >= 0) close(guest->statm);
  if (guest->schedstat >= 0) close(guest->schedstat);
  if (guest->status >= 0) close(guest->status);
  guest->pid = 0;
}

void guest_starts_now(struct guest *guest, int64_t startup_ns) {
  if (guest->pid == 0 || guest->marked) return;
  guest->started = now_ns();
  guest->deadline = guest->started + startup_ns;
  guest->look_ns = WATCH_NS;
}

/*
 * The memory limit covers the touched pages of the stack; this one bounds its address space. RLIMIT_AS is set before, so
 * what is refused here is no lack of rights.
 */
static struct guest_limit stack_limit(int64_t soft, int64_t hard) {
  return (struct guest_limit){RLIMIT_STACK, {(rlim_t)soft, (rlim_t)hard}, .host_may_be_lower = 1};
}

int guest_limit_stack(struct guest *guest, int64_t stack) {
  if (guest->pid == 0 || !guest->marked) {
    errno = ESRCH;
    return -1;
  }
  struct guest_limit limit = stack_limit(stack < guest->stack ? stack : guest->stack, guest->stack);
  return user_limit_guest(guest->pid, &limit, 1);
}

int guest_mark(struct guest *guest, int64_t cpu_ns, int64_t wall_ns, int64_t memory, int64_t stack) {
  int64_t space, own;
  if (guest->pid == 0 || memory_of(guest, &space, &own) != 0) {
    errno = ESRCH;
    return -1;
  }
  /*
   * Only touched memory counts. The address space bounds what two checks of the watch could miss, far above the limit:
   * PyPy reserves 1.25 GiB for sys.setrecursionlimit(10**6) and touches none of it.
   */
  rlim_t address_space = (rlim_t)(space + 2 * memory + RESERVABLE);
  guest->startup_cpu = cpu_of(guest);
  /* A backstop for the case that this process is not scheduled: whole seconds, so never before the exact limit. */
  rlim_t seconds = (rlim_t)((guest->startup_cpu + cpu_ns) / SECOND + 2);
  const struct guest_limit limits[] = {
      {RLIMIT_AS, {address_space, address_space}, 0},
      stack_limit(stack, stack),
      {RLIMIT_CPU, {seconds, seconds}, 0},
  };
  if (user_limit_guest(guest->pid, limits, 3) != 0) return -1;
  guest->stack = stack;
  if (!guest->forked && cgroup_is_kept() && cgroup_take(guest->pid) != 0) return -1;
  /*
   * What its start has taken beyond any normal start is charged to the run. Pages of files are none of that; a kernel
   * that does not tell them apart in statm (gVisor) does so in smaps, which takes longer to read.
   */
  const int64_t of_files = guest->forked || guest->of_files > 0 ? 0 : smaps_file_pages(guest->pid);
  int64_t excess = guest->forked || own - of_files <= EMPTY_START ? 0 : own - of_files - EMPTY_START;
  /* The pages that a child shares with its parent are charged to its group one by one, as it writes to them. */
  if (excess < memory && cgroup_limit(guest->forked ? memory + own : memory - excess) != 0) return -1;
  guest->baseline = own - excess;
  guest->excess = excess;
  guest->tables_at_mark = tables_of(guest);
  if (!guest->forked && guest->tables_at_mark > EMPTY_TABLES) guest->tables_at_mark = EMPTY_TABLES;
  guest->waited_at_mark = waited(guest);
  guest->memory = memory;
  guest->cpu_limit = guest->startup_cpu + cpu_ns;
  guest->marked = 1;
  guest->marked_at = now_ns();
  guest->deadline = guest->marked_at + wall_ns;
  if (excess >= memory) guest_kill(guest, END_MEMORY);
  return 0;
}

void guest_kill(struct guest *guest, enum guest_end why) {
  if (guest->pid == 0 || guest->why != GUEST_RUNS) return;
  guest->why = guest->crossed == GUEST_RUNS ? why : guest->crossed;
  guest->killed_at = now_ns();
  kill(guest->pid, SIGKILL);
}

static int64_t clock_of(struct guest *guest, enum guest_timer which) {
  return which == GUEST_TIMER_REAL ? now_ns() : cpu_of(guest);
}

void guest_set_timer(struct guest *guest, enum guest_timer which, int64_t first_ns, int64_t interval_ns) {
  guest->timers[which].at = first_ns > 0 ? clock_of(guest, which) + first_ns : 0;
  guest->timers[which].interval = interval_ns > 0 && interval_ns < MIN_INTERVAL_NS ? MIN_INTERVAL_NS : interval_ns;
}

static int signal_count = -1;

void guest_count_signals(int fd) { signal_count = fd; }

/* Counts a signal once it is pending: who sees the number may answer the guest's call, which then meets the signal. */
static void send_signal(const struct guest *guest, int signal) {
  static int64_t sent;
  kill(guest->pid, signal);
  sent++;
  if (signal_count >= 0 && pwrite(signal_count, &sent, sizeof sent, 0) != sizeof sent) die_errno("signals");
}

void guest_signal(struct guest *guest, int signal) {
  if (guest->pid != 0 && guest->why == GUEST_RUNS && guest->marked) send_signal(guest, signal);
}

/* Returns the time until this timer may ring, or a second. One thread uses no more CPU time than passes. */
static int64_t ring(struct guest *guest, enum guest_timer which) {
  static const int signals[] = {SIGALRM, SIGVTALRM, SIGPROF};
  if (guest->timers[which].at == 0) return SECOND;
  const int64_t now = clock_of(guest, which), interval = guest->timers[which].interval;
  if (now >= guest->timers[which].at) {
    guest_signal(guest, signals[which]);
    /* Signals do not queue: one that comes while another is pending is lost, so missed ones are not made up. */
    guest->timers[which].at = interval > 0 ? now + interval : 0;
    if (interval == 0) return SECOND;
  }
  return guest->timers[which].at - now;
}

/* Returns the nanoseconds until the next check. */
static int64_t watch_start(struct guest *guest, int64_t left) {
  int64_t space, own, cpu = cpu_of(guest);
  if (cpu > START_CPU) {
    guest_kill(guest, END_CPU);
    return SECOND;
  }
  if (memory_of(guest, &space, &own) == 0 && own > START_MEMORY) {
    guest_kill(guest, END_MEMORY);
    return SECOND;
  }
  if (cpu != guest->cpu_at_look) guest->look_ns = WATCH_NS;
  else if (guest->look_ns < IDLE_WATCH_NS) guest->look_ns *= 2;
  guest->cpu_at_look = cpu;
  return left < guest->look_ns ? left : guest->look_ns;
}

/* A limit of time is crossed: its last moment begins, or is over. */
static void cross(struct guest *guest, enum guest_end limit) {
  if (guest->crossed != GUEST_RUNS || !guest->has_moment) {
    guest_kill(guest, limit);
    return;
  }
  guest->crossed = limit;
  guest->crossed_at = now_ns();
  guest->cpu_crossed_at = cpu_of(guest);
  guest->deadline = guest->crossed_at + MOMENT_WALL;
  guest->cpu_limit = guest->cpu_crossed_at + MOMENT_CPU;
  send_signal(guest, SIGXCPU);
}

int64_t guest_watch(struct guest *guest) {
  if (guest->why != GUEST_RUNS) return SECOND;
  int64_t left = guest->deadline - now_ns();
  if (left <= 0) {
    if (guest->marked) cross(guest, END_WALL);
    else guest_kill(guest, END_STARTUP);
    return guest->why == GUEST_RUNS ? WATCH_NS : SECOND;
  }
  if (!guest->marked) return guest->parks ? left : watch_start(guest, left);
  int64_t cpu_left = guest->cpu_limit - cpu_of(guest);
  if (cpu_left <= 0) {
    cross(guest, END_CPU);
    return guest->why == GUEST_RUNS ? WATCH_NS : SECOND;
  }
  int64_t now = now_ns();
  if (now - guest->group_checked_at > CHECK_GROUP_NS) {
    guest->group_checked_at = now;
    if (cgroup_check() != 0) {
      guest_kill(guest, END_LOST);
      return SECOND;
    }
  }
  int64_t space, own;
  if (memory_of(guest, &space, &own) == 0 &&
      own - guest->baseline + tables_of(guest) - guest->tables_at_mark > guest->memory) {
    guest_kill(guest, END_MEMORY);
    return SECOND;
  }
  if (cpu_left < left) left = cpu_left;
  for (enum guest_timer which = 0; which < GUEST_TIMERS; which++) {
    const int64_t timer_left = ring(guest, which);
    if (timer_left < left) left = timer_left;
  }
  return left < WATCH_NS ? left : WATCH_NS;
}

/* For a guest that is reaped or has asked to end: `peak` includes file pages, as many as are resident now. */
static void fill_report(struct guest *guest, struct guest_report *report, int status, int64_t cpu, int64_t resident,
                        int64_t waited_in_all) {
  int64_t ended = guest->crossed == GUEST_RUNS ? now_ns() : guest->crossed_at;
  if (guest->crossed != GUEST_RUNS) cpu = guest->cpu_crossed_at;
  int64_t peak = resident - guest->of_files - guest->baseline;
  *report =
      (struct guest_report){.status = status, .baseline = guest->baseline, .moment = guest->crossed != GUEST_RUNS};
  report->startup_cpu = guest->marked ? guest->startup_cpu : cpu;
  report->cpu = guest->marked && cpu > guest->startup_cpu ? cpu - guest->startup_cpu : 0;
  report->wall = ended - (guest->marked ? guest->marked_at : guest->started);
  report->peak = guest->marked && peak > 0 ? peak : 0;
  if (!guest->marked) report->waited = waited_in_all < 0 ? -1 : 0;
  else report->waited = waited_in_all < 0 || guest->waited_at_mark < 0 ? -1 : waited_in_all - guest->waited_at_mark;
  struct cgroup_usage group = {.throttled = -1};
  int read = cgroup_read(&group);
  report->throttled = group.throttled;
  if (read > 0 && group.peak >= 0 && guest->marked && !guest->forked) report->peak = group.peak + guest->excess;
  if (guest->crossed != GUEST_RUNS) {
    /* What it did in its last moment changes nothing. The end of a wait for the CPU is counted when it gets one. */
    guest->why = guest->crossed;
    if (report->waited > report->wall - report->cpu) report->waited = report->wall - report->cpu;
    return;
  }
  if (guest->why == GUEST_RUNS) guest->why = read < 0 ? END_LOST : END_EXIT;
  if (read > 0 && group.killed && guest->why != END_LOST) {
    int by_signal = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (group.full) guest->why = END_MEMORY;
    else if (by_signal && (guest->why == END_EXIT || guest->why == END_KILLED)) guest->why = END_OOM;
  }
  if (guest->why == END_EXIT || guest->why == END_KILLED || guest->why == END_OOM) {
    /*
     * It may have crossed a limit between two checks: the exact figures decide. Also for a killed guest, because the
     * controller kills a guest that has asked to end, or closed its pipes on its way out.
     */
    if (guest->marked && cpu > guest->cpu_limit) guest->why = END_CPU;
    else if (guest->marked && report->peak > guest->memory) guest->why = END_MEMORY;
  }
}

/* Killed by guest_finish, not reaped yet. */
static pid_t cleared_later;

void guest_clear(void) {
  if (cleared_later == 0) return;
  waitpid(cleared_later, NULL, 0);
  cleared_later = 0;
  cgroup_release();
}

int guest_finish(struct guest *guest, struct guest_report *report) {
  int64_t space, own;
  if (guest->pid == 0 || guest->why != GUEST_RUNS || !guest->marked || memory_of(guest, &space, &own) != 0) return 0;
  int64_t resident = status_figure(guest, "\nVmHWM:");
  if (resident < 0) return 0;
  int64_t cpu = cpu_of(guest), waited_in_all = waited(guest);
  guest_kill(guest, END_KILLED);
  fill_report(guest, report, SIGKILL, cpu, resident, waited_in_all);
  cleared_later = guest->pid;
  guest_forget(guest);
  return 1;
}

int guest_reap(struct guest *guest, struct guest_report *report) {
  struct rusage usage;
  int status;
  siginfo_t info = {0};
  if (guest->pid == 0 || waitid(P_PID, (id_t)guest->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
    return 0;
  /*
   * A process that asked to be traced by its parent is also reported at each of its signals (ptrace(2)): that is no
   * end. No filter allows a guest to ask for it, so this one has no filter.
   */
  if (info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED) {
    guest_kill(guest, END_KILLED);
    return 0;
  }
  int64_t waited_in_all = waited(guest);
  /* Until it is reaped, its number is not reused. */
  cgroup_end_aside(0);
  if (wait4(guest->pid, &status, 0, &usage) != guest->pid) return 0;
  int64_t cpu = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * SECOND +
                (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * MICROSECOND;
  fill_report(guest, report, status, cpu, usage.ru_maxrss * KIB, waited_in_all);
  cgroup_release();
  guest_forget(guest);
  return 1;
}
