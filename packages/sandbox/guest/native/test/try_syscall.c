/*
 * Tries the filters of the shim, on the real kernel:
 *
 *   try-syscall --shim FILE [--thorough] [--first] [--table] [SUBJECT]...
 *   try-syscall --policy
 *
 * A process is started under the shim as the keeper would start it, and makes one call after the other (try_probes.c);
 * what became of each is compared with what the policy says (policy_model.c). SUBJECT is guest, virtual-time, parent,
 * child or translated; default all. A difference is a line on standard output, and the exit code is 1 when there was
 * one; with --first it is the last. --table has a line for every call: subject, way, number, arguments, what was
 * expected, what was seen, separated by tabs. --policy prints the rows of the policy.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy_text.h"
#include "try_process.h"

#define MAX_PROBES 16384

static const struct subject subjects[] = {
    {"guest", FILTER_GUEST, 0},           {"virtual-time", FILTER_VIRTUAL_TIME, 0},
    {"parent", FILTER_PARENT, 0},         {"child", FILTER_GUEST, FILTER_PARENT},
    {"translated", FILTER_TRANSLATED, 0},
};
#define SUBJECTS (sizeof subjects / sizeof *subjects)

static const char *const ways[] = {"plain", "gate", "twin", "near", "int80", "far32", "vsyscall"};

/* Whether this kernel knows the way at all; where not, the filter cannot be judged. */
static int way_exists[WAYS] = {[WAY_PLAIN] = 1, [WAY_GATE] = 1, [WAY_TWIN] = 1, [WAY_NEAR] = 1};

static int asks_first, asks_table, asks_thorough;

static int exists(enum way way, uint64_t number) {
  const pid_t pid = fork();
  if (pid == 0) {
    try_other_way(way, number);
    _exit(0);
  }
  int status;
  waitpid(pid, &status, 0);
  /* the 32-bit code ends by ud2, on purpose */
  return WIFEXITED(status) || (way == WAY_FAR32 && WTERMSIG(status) == SIGILL);
}

static void look_for_ways(void) {
  way_exists[WAY_INT80] = exists(WAY_INT80, 20);
  way_exists[WAY_FAR32] = exists(WAY_FAR32, 20);
  way_exists[WAY_VSYSCALL] = exists(WAY_VSYSCALL, SYS_time);
  for (int way = WAY_INT80; way < WAYS; way++)
    if (!way_exists[way]) printf("# not tried: this kernel has no %s\n", ways[way]);
}

/* What became of a call that was neither trapped nor killed, in a word. */
static void print_outcome(FILE *to, const struct outcome *o) {
  if (o->traps > 0) fprintf(to, "trap");
  if (o->traps > 1) fprintf(to, " %u times", o->traps);
  if (o->traps > 0 && o->end == OUTCOME_RETURNED) return;
  if (o->traps > 0) fprintf(to, ", ");
  if (o->end == OUTCOME_RETURNED && o->value < 0 && o->value >= -4095)
    fprintf(to, "%s", strerrorname_np((int)-o->value));
  else if (o->end == OUTCOME_RETURNED) fprintf(to, "returned %ld", o->value);
  else if (o->end == OUTCOME_EXITED) fprintf(to, "exit code %ld", o->value);
  else if (o->end == OUTCOME_DIED) fprintf(to, "SIG%s", sigabbrev_np((int)o->value));
  else fprintf(to, "blocked");
  if (o->children > 0) fprintf(to, ", %u new processes", o->children);
}

/* Errors that the filter answers with. No allowed probe fails so in the kernel (try_probes.c). */
static int is_filter_error(long value) { return value == -EAGAIN || value == -EPERM || value == -ENOENT; }

/*
 * Calls that the kernel decides about before it asks any filter: a probed process makes them from a page that the
 * kernel put there (since Linux 6.14 and 6.18; __secure_computing in kernel/seccomp.c). From anywhere else they end
 * like this, and a guest gets nothing else from them.
 */
static int is_exempt(const struct probe *probe, const struct outcome *o) {
  if (o->traps > 0) return 0;
  if (probe->number == 335 /* uretprobe */) return o->end == OUTCOME_DIED && o->value == SIGILL;
  if (probe->number == 336 /* uprobe */) return o->end == OUTCOME_RETURNED && o->value == -ENXIO;
  return 0;
}

static int is_as_expected(uint32_t action, const struct probe *probe, const struct outcome *o) {
  if (o->end == OUTCOME_BLOCKED) return 0;
  switch (action & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
      return o->traps == 0 && !(o->end == OUTCOME_DIED && o->value == SIGSYS) &&
             !(o->end == OUTCOME_RETURNED && is_filter_error(o->value));
    case SECCOMP_RET_ERRNO:
      return o->traps == 0 && o->children == 0 && o->end == OUTCOME_RETURNED &&
             o->value == -(long)(action & SECCOMP_RET_DATA);
    case SECCOMP_RET_TRAP:
      /* One trap: an answered call is not repeated. */
      return o->traps == 1 && o->trapped_number == (int)probe->number;
    default:
      return o->traps == 0 && o->end == OUTCOME_DIED && o->value == SIGSYS;
  }
}

static void print_line(const struct subject *subject, const struct probe *p, uint32_t action, const struct outcome *o) {
  printf("%s\t%s\t%lld\t", subject->name, ways[p->way], (long long)p->number);
  int last = 5;
  while (last >= 0 && p->arguments[last] == 0 && !((p->of_own_pid >> last) & 1)) last--;
  for (int i = 0; i <= last; i++)
    printf("%s%s%#llx", i == 0 ? "" : ",", (p->of_own_pid >> i) & 1 ? "pid^" : "", (unsigned long long)p->arguments[i]);
  printf("\t");
  policy_print_action(stdout, action);
  printf("\t");
  print_outcome(stdout, o);
  printf("\n");
}

/* Returns how many calls differ from the expectation. */
static size_t try_subject(const struct subject *subject) {
  static struct probe probes[MAX_PROBES];
  const size_t count = try_probes(asks_thorough, probes, MAX_PROBES);
  size_t differ = 0, not_asked = 0, of_action[4] = {0};
  for (size_t i = 0; i < count; i++) {
    const struct probe *probe = &probes[i];
    if (!way_exists[probe->way]) continue;
    const struct caller caller = process_caller(subject);
    const uint32_t action = try_expected(subject, probe, &caller);
    const struct outcome outcome = process_try(subject, probe);
    const int exempt = is_exempt(probe, &outcome);
    const int same = exempt || is_as_expected(action, probe, &outcome);
    const uint32_t kind = action & SECCOMP_RET_ACTION_FULL;
    if (exempt) not_asked++;
    else of_action[kind == SECCOMP_RET_ALLOW ? 0 : kind == SECCOMP_RET_TRAP ? 1 : kind == SECCOMP_RET_ERRNO ? 2 : 3]++;
    if (!same) differ++;
    if (asks_table || !same) {
      if (!same) printf("DIFFERS\t");
      print_line(subject, probe, action, &outcome);
    }
    if (!same && asks_first) break;
  }
  process_end();
  printf(
      "# %s: %zu native, %zu trapped, %zu refused, %zu killed as the policy says; %zu of the kernel's own; %zu "
      "differ\n",
      subject->name, of_action[0], of_action[1], of_action[2], of_action[3], not_asked, differ);
  fflush(stdout);
  return differ;
}

static _Noreturn void usage(void) {
  fputs("usage: try-syscall --shim FILE [--thorough] [--first] [--table] [SUBJECT]... | --policy\n", stderr);
  exit(2);
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "--guest") == 0) try_guest(8190, 8191, strtoull(argv[2], NULL, 10));
  if (argc == 3 && strcmp(argv[1], "--translated") == 0) try_guest(0, 1, strtoull(argv[2], NULL, 10));
  if (argc == 2 && strcmp(argv[1], "--policy") == 0) {
    policy_print(stdout);
    return 0;
  }
  const char *shim = NULL;
  unsigned wanted = 0;
  for (int i = 1; i < argc; i++) {
    unsigned s = 0;
    if (strcmp(argv[i], "--shim") == 0 && i + 1 < argc) shim = argv[++i];
    else if (strcmp(argv[i], "--thorough") == 0) asks_thorough = 1;
    else if (strcmp(argv[i], "--first") == 0) asks_first = 1;
    else if (strcmp(argv[i], "--table") == 0) asks_table = 1;
    else {
      while (s < SUBJECTS && strcmp(argv[i], subjects[s].name) != 0) s++;
      if (s == SUBJECTS) usage();
      wanted |= 1u << s;
    }
  }
  if (shim == NULL) usage();
  process_use_shim(shim);
  look_for_ways();
  size_t differ = 0;
  for (unsigned s = 0; s < SUBJECTS && !(asks_first && differ > 0); s++)
    if (wanted == 0 || (wanted >> s) & 1) differ += try_subject(&subjects[s]);
  return differ > 0;
}
