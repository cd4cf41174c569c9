/*
 * The shim's command loop and its traps under a fuzzer. The shim's real sources are compiled into this file; replaced
 * are the raw calls (the two pipes) and the gate (native calls). A sequence of trapped calls is made with any
 * registers, and a controller answers with any operations, in pieces of any size, interrupted, or cut off anywhere.
 *
 * What must hold, besides what the sanitizers check: the stream stays in step (every answer is exactly as long as
 * requested, its content is what the memory holds, its status is true), a bad address is reported and never fatal, and
 * the only way out is exit_group from the gate.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sanitizer/asan_interface.h>

#include "../shim/arch_x86_64.h"
#include "arena.h"
#include "replay.h"
#include "source.h"

#define CHECK(truth)                                                        \
  do {                                                                      \
    if (!(truth)) {                                                         \
      fprintf(stderr, "FINDING: %s (%s:%d)\n", #truth, __FILE__, __LINE__); \
      abort();                                                              \
    }                                                                       \
  } while (0)

static int checked_copy(void *to, const void *from, size_t size);
#define shim_copy checked_copy
/* Its constructor would lock this process down. */
#define constructor unused
#define park channel_parker
#define channel_call channel_call_unchecked
#include "../shim/channel.c"
#undef park
#undef channel_call
/* The result is the controller's, unless one of its writes met a bad address. */
long channel_call(const char *signature, const uint64_t *arguments);
#include "../shim/ahead.c"
#include "../shim/answers.c"
#include "../shim/device.c"
#include "../shim/late.c"
#include "../shim/memory.c"
#include "../shim/signals.c"
#include "../shim/stack.c"
#include "../shim/stats.c"
#include "../shim/shim.c"
#undef shim_copy

/* Not fuzzed here, and not for this process: the filter, the clock, the fork, the functions of the C library. */
int filter_install(enum policy_filter filter) { return (int)filter; }
int filter_install_translated(void) { return 0; }
int clock_take(int made_up) { return made_up & 0; }
void fork_prepare(void) {}
void fork_park(void) {}
int64_t clock_now(void) { return 77; }
void library_begin(void) {}
void library_permit(int reads, int writes) { (void)reads, (void)writes; }

#include "controller.h"

long channel_call(const char *signature, const uint64_t *arguments) {
  fault_due = 0;
  long result = channel_call_unchecked(signature, arguments);
  CHECK(result == (fault_due ? -EFAULT : result_due));
  return result;
}

static void call_handler_of_guest(int signal);

/* The entry of `actions` that would be jumped to: guest code, where there is any. */
static void tame_actions(const unsigned char *to) {
  if (to < (unsigned char *)actions || to >= (unsigned char *)(actions + LAST_SIGNAL + 1)) return;
  struct kernel_action *action = &actions[(to - (unsigned char *)actions) / (ptrdiff_t)sizeof *actions];
  uintptr_t wish = (uintptr_t)action->handler % 3;
  action->handler = wish == 0 ? SIG_DFL : wish == 1 ? SIG_IGN : call_handler_of_guest;
}

/* The assembly is not instrumented: what is not guest memory must belong to the shim, within one object. */
static int checked_copy(void *to, const void *from, size_t size) {
  CHECK(arena_owns((uintptr_t)to) || __asan_region_is_poisoned(to, size) == NULL);
  CHECK(arena_owns((uintptr_t)from) || __asan_region_is_poisoned((void *)(uintptr_t)from, size) == NULL);
  int fault = shim_copy(to, from, size);
  tame_actions(to);
  return fault;
}

static struct sigaction before;

static void on_real_fault(int signal, siginfo_t *info, void *data) {
  (void)info;
  if (arch_recover_copy(data)) return;
  sigaction(signal, &before, NULL); /* it is raised again, for the sanitizer */
}

/* The numbers that the shim itself handles, dangerous ones, and any. */
static long call_number(struct source *s) {
  /* clang-format off */
  static const long known[] = {__NR_rt_sigprocmask, __NR_rt_sigaction, __NR_kill,   __NR_tgkill, __NR_tkill,
                               __NR_mmap,           __NR_mremap,       __NR_munmap, __NR_brk,    __NR_exit_group,
                               __NR_openat,         __NR_read,         __NR_write,  __NR_getpid, -1,
                               -512,                -513,              -516,        1023,        0x40000000,
                               __NR_stat,           __NR_getrandom,    __NR_close,  __NR_dup2};
  /* clang-format on */
  unsigned kind = take_byte(s);
  if (kind < 200) return known[kind % (sizeof known / sizeof *known)];
  return (int)take_hostile(s);
}

/* Calls whose memory the shim shows with the request, or fills. */
static int is_shown(long nr) {
  static const long shown[] = {__NR_write,      __NR_pwrite64,  __NR_open,       __NR_stat,      __NR_lstat,
                               __NR_access,     __NR_chdir,     __NR_mkdir,      __NR_rmdir,     __NR_unlink,
                               __NR_readlink,   __NR_openat,    __NR_newfstatat, __NR_mkdirat,   __NR_unlinkat,
                               __NR_readlinkat, __NR_faccessat, __NR_faccessat2, __NR_getrandom, __NR_read};
  for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
    if (shown[i] == nr) return 1;
  return 0;
}

/* An address that the shim itself dereferences must be in the arena: any other might belong to this process. */
static void registers(struct source *s, long nr, uint64_t a[6]) {
  for (int i = 0; i < 6; i++) a[i] = take_byte(s) % 3 == 0 ? take_hostile(s) : arena_address(s);
  if (is_shown(nr)) a[0] = arena_address(s), a[1] = arena_address(s);
  switch (nr) {
    case __NR_rt_sigaction:
      a[0] = take_byte(s) % 70;
      a[1] = take_byte(s) % 8 == 0 ? 0 : arena_address(s);
      break;
    case __NR_kill:
    case __NR_tkill:
      a[1] = take_byte(s) % 70;
      break;
    case __NR_tgkill:
      a[2] = take_byte(s) % 70;
      break;
    case __NR_rt_sigprocmask:
      a[0] = take_byte(s) % 4;
      a[1] = take_byte(s) % 8 == 0 ? 0 : arena_address(s);
      a[2] = take_byte(s) % 4 != 0 ? 0 : arena_address(s);
      a[3] = take_byte(s) % 8 == 0 ? a[3] : 8;
      break;
    case __NR_read:
    case __NR_write:
    case __NR_close:
    case __NR_dup2:
    case __NR_getrandom:
      if (nr != __NR_getrandom) a[0] = take_byte(s) % 4;
      a[nr == __NR_write || nr == __NR_read ? 2 : 1] = take_byte(s) % 4 == 0 ? take_hostile(s) : take_byte(s);
      a[2] = nr == __NR_getrandom ? take_byte(s) % 8 : a[2];
      break;
    case __NR_mmap:
      a[2] = take_byte(s) % 10; /* protection: three bits, and one that the filter does not know */
      a[3] = take_byte(s) % 3 == 0 ? take_number(s, 2) : take_byte(s) % 4 | (take_byte(s) & 0x20);
      break;
    case __NR_mremap:
      a[3] = take_byte(s) % 5;
      /* fall through */
    case __NR_munmap:
      if (shared_count > 0 && take_byte(s) % 4 != 0) {
        unsigned which = take_choice(s, shared_count);
        a[0] = shared[which].start + (take_byte(s) % 4 == 0 ? take_hostile(s) : 0);
        a[1] = shared[which].size + (take_byte(s) % 4 == 0 ? take_hostile(s) : 0);
      }
      break;
  }
}

/* One trap: the program counter goes behind the call, whatever its number. */
static void trap(struct source *s) {
  ucontext_t context = {0};
  siginfo_t info = {.si_signo = SIGSYS, .si_code = 1};
  uint64_t a[6];
  static char behind_the_call;
  long nr = call_number(s);
  registers(s, nr, a);
  greg_t *r = context.uc_mcontext.gregs;
  r[REG_RDI] = (greg_t)a[0], r[REG_RSI] = (greg_t)a[1], r[REG_RDX] = (greg_t)a[2];
  r[REG_R10] = (greg_t)a[3], r[REG_R8] = (greg_t)a[4], r[REG_R9] = (greg_t)a[5];
  info.si_syscall = (int)nr;
  info.si_call_addr = &behind_the_call;
  controller_expects(nr, a);
  on_trap(SIGSYS, &info, &context);
  CHECK(r[REG_RIP] == (greg_t)(uintptr_t)&behind_the_call);
  uint64_t mask;
  memcpy(&mask, &context.uc_sigmask, sizeof mask);
  CHECK((mask & NEVER_BLOCKED) == 0);
  CHECK(shared_count <= SHIM_SHARED_MAPPINGS);
}

static unsigned depth;

/* A handler makes calls of its own, from within the shim's handling. */
static void call_handler_of_guest(int signal) {
  CHECK(signal >= 1 && signal <= LAST_SIGNAL);
  if (depth >= 3) return;
  depth++;
  trap(&input);
  depth--;
}

static void one_step(struct source *s) {
  unsigned kind = take_byte(s);
  if (kind < 220) {
    trap(s);
  } else if (kind == 220) {
    /* As many mappings as it likes: sooner than with a call for each. */
    for (unsigned n = take_byte(s) % (SHIM_SHARED_MAPPINGS + 8); n > 0; n--) {
      const uint64_t a[6] = {0, ARENA_PAGE, 0, MAP_SHARED, 0, 0};
      memory_note_call(__NR_mmap, a, (long)arena_address(s));
    }
    CHECK(shared_count <= SHIM_SHARED_MAPPINGS);
  } else if (kind < 240) {
    ucontext_t context = {0};
    siginfo_t info = {0};
    on_signal(from_outside[kind % FROM_OUTSIDE], &info, &context);
  } else {
    /* rdtsc, or not, in a run with simulated time */
    ucontext_t context = {0};
    siginfo_t info = {0};
    unsigned char *code = arena + ARENA_PAGE;
    for (int i = 0; i < 3; i++) code[i] = take_byte(s);
    if (kind % 2 == 0) code[0] = 0x0f, code[1] = 0x31;
    context.uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)code;
    on_fault(SIGSEGV, &info, &context);
  }
}

static void begin(void) {
  static int prepared;
  if (!prepared) {
    prepared = 1;
    struct sigaction action = {.sa_sigaction = on_real_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigaction(SIGSEGV, &action, &before);
    sigaction(SIGBUS, &action, NULL);
  }
  arena_reset();
  incoming_start = incoming_end = heap_used = 0;
  memset(shared, 0, sizeof shared);
  shared_count = 0;
  memset(actions, 0, sizeof actions);
  waiting = guest_mask = counter = 0;
  depth = 0;
  translated = tells_its_end = dies_when_refused = 0;
  noted = 0, stored = 0, untold = 0;
  stats_tell();
  stats_forget();
  device_state = UNKNOWN;
  ahead_end();
  allowed = left = 0;
  controller_begin();
}

static __attribute__((noinline)) void one_life(void) {
  for (int i = 0; i < 64 && !source_empty(&input); i++) one_step(&input);
}

/* Separate, and without sanitizer state in its frame: a jump back would find that changed. */
__attribute__((noinline, no_sanitize("address"))) static void live_once(void) {
  if (setjmp(way_out) == 0) one_life();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input = (struct source){data, size};
  begin();
  uint8_t knobs = take_byte(&input);
  virtual_time = knobs & 1;
  tells_its_end = knobs >> 1 & 1;
  translated = dies_when_refused = (knobs & 0x1c) == 0x1c;
  channel_park_by((knobs & 0x60) == 0x60 ? park : NULL);
  answers = stores = knobs >> 7;
  live_once();
  return 0;
}
