/* One guest: started, watched, measured, reaped. Times in nanoseconds, sizes in bytes. */
#ifndef SANDPIPER_GUEST_H
#define SANDPIPER_GUEST_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct guest_spec {
  char *const *argv; /* argv[0] is what the guest sees; `executable` is what is executed */
  char *const *environment;
  const char *executable;
  const char *loader; /* executed in its place; NULL: the kernel finds the loader */
  int64_t startup_ns; /* wall time until the program begins */
  int64_t cpu_ns, wall_ns;
  int64_t memory;
  int cpu;             /* pinned there, or -1 */
  int translated;      /* its protocol is on descriptors 0 and 1, and `errors` is its 2 */
  int parked;          /* a parent of the fork server */
  int fixed_addresses; /* the same in every run (personality(2), ADDR_NO_RANDOMIZE) */
};

/*
 * END_LOST: its control group has gone, so nothing bounds it. END_OOM: the kernel ended it for lack of memory while its
 * group was below its own limit.
 */
enum guest_end { GUEST_RUNS, END_EXIT, END_CPU, END_WALL, END_MEMORY, END_STARTUP, END_KILLED, END_LOST, END_OOM };

/* As the numbers of setitimer(2): SIGALRM by the monotonic clock, SIGVTALRM and SIGPROF by the guest's CPU clock. */
enum guest_timer { GUEST_TIMER_REAL, GUEST_TIMER_VIRTUAL, GUEST_TIMER_PROF, GUEST_TIMERS };

struct guest {
  pid_t pid; /* 0: there is none */
  clockid_t clock;
  int statm;        /* /proc/PID/statm */
  int64_t of_files; /* resident pages of files, at the last check */
  int schedstat;    /* /proc/PID/schedstat, or -1 where the kernel has none */
  int status;       /* /proc/PID/status */
  int64_t waited_at_mark;
  int64_t started, deadline;
  int64_t cpu_limit; /* absolute, on the guest's clock; 0 until the program begins */
  int64_t memory, tables_at_mark;
  int64_t stack;                 /* the most that the run's stack may have */
  int64_t cpu_spent, wall_spent; /* the limits, kept for the report of which was crossed */
  int marked;
  int has_moment; /* it may flush its output at a limit of time */
  /* The limit of time that it has crossed, after which it has its last moment; GUEST_RUNS before. */
  enum guest_end crossed;
  int64_t crossed_at, cpu_crossed_at; /* what the clocks showed then */
  int parks;                          /* it becomes a parent of the fork server */
  int64_t look_ns, cpu_at_look;       /* until the mark */
  int forked;                         /* forked from a parked parent */
  int64_t marked_at, startup_cpu, baseline;
  int64_t excess; /* memory of its start that is charged to the run */
  enum guest_end why;
  int64_t group_checked_at;
  struct {
    int64_t at, interval; /* 0: none */
  } timers[GUEST_TIMERS];
  int64_t killed_at; /* monotonic; 0 when it was not */
};

struct guest_report {
  int status; /* as of wait4(2) */
  int64_t startup_cpu, cpu, wall, baseline, peak;
  int64_t throttled; /* by cpu.max, since the start; -1 where there is none */
  int64_t waited;    /* could have run but had no CPU, since the mark; -1 where unknown */
  int moment;        /* it had a last moment; the figures of time are those of the limit that it had crossed */
};

int64_t now_ns(void);

/* The descriptors that a guest is given. */
struct guest_files {
  int in, out, errors; /* pipes; `errors` takes the errors of a translated one, and the late output of any other */
  int shim;
  int socket; /* for a parent of the fork server, else -1 */
};

/* Returns 0, or a negative errno. */
int guest_start(struct guest *guest, const struct guest_spec *spec, const struct guest_files *files);

/* A guest forked from a parked parent, as in guest_start: it waits for its controller. */
int guest_adopt(struct guest *guest, pid_t pid, int64_t startup_ns);

/* Closes the descriptors of a guest that is no longer watched: it is parked, or gone. */
void guest_forget(struct guest *guest);

/* Sends it the signal of a timer after a delay, and then each `interval`; 0 stops it. */
void guest_set_timer(struct guest *guest, enum guest_timer which, int64_t first_ns, int64_t interval_ns);

/* A signal from outside, which the guest may catch. */
void guest_signal(struct guest *guest, int signal);

/* From now on the file says how many such signals were sent, as 64 bits: a kernel may not tell of pending ones. */
void guest_count_signals(int fd);

/* For a guest that was started ahead of its run: its start, and the deadline for it, begin now. */
void guest_starts_now(struct guest *guest, int64_t startup_ns);

/*
 * The guest is about to see something of its run: usage until now is the interpreter's, as far as an interpreter needs
 * it, and the limits count from here.
 */
int guest_mark(struct guest *guest, int64_t cpu_ns, int64_t wall_ns, int64_t memory, int64_t stack);

/* Bounds its stack from now on, at most by the limit of the mark. Returns 0, or -1 with errno. */
int guest_limit_stack(struct guest *guest, int64_t stack);

/* Kills it when a limit is crossed. Returns the nanoseconds until the next check. */
int64_t guest_watch(struct guest *guest);

void guest_kill(struct guest *guest, enum guest_end why);

/*
 * Fills the report of a guest that has asked to end, and kills it; guest_clear reaps it. Returns 0 when it must be
 * reaped like any other: it has ended already, or was killed.
 */
int guest_finish(struct guest *guest, struct guest_report *report);

/* Reaps a guest after guest_finish, waiting for it; removes its group too. */
void guest_clear(void);

/* Returns 1 and fills the report when the guest has ended, 0 when it still runs. */
int guest_reap(struct guest *guest, struct guest_report *report);

#endif
