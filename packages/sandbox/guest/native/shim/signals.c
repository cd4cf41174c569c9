/*
 * The real handlers of this process are the shim's. The handlers that the guest installed are recorded here, and
 * called: when the guest signals itself, as soon as the controller has allowed it; when a signal comes from outside
 * (SIGINT of a prompt, those of timers, SIGXCPU at a limit of time, all sent by the keeper), at once or when the
 * interrupted call has ended.
 */
#include "signals.h"

#include <asm/unistd.h>
#include <errno.h>
#include <stddef.h>

#include "arch_x86_64.h"
#include "channel.h"

#define LAST_SIGNAL 64
#define SIGNAL_BIT(n) (1ull << ((n)-1))
/* A trap while SIGSYS is blocked kills the process, and a fault while SIGSEGV is blocked cannot be reported. */
#define NEVER_BLOCKED (SIGNAL_BIT(SIGSYS) | SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS))

/* struct sigaction as the kernel takes it (rt_sigaction(2)). */
struct kernel_action {
  union {
    void (*handler)(int);
    void (*action)(int, siginfo_t *, void *);
  };
  uint64_t flags;
  void (*restorer)(void);
  uint64_t mask;
};

static struct kernel_action actions[LAST_SIGNAL + 1];
/* Sent, and not delivered yet. */
static uint64_t waiting;
/* A call is being answered outside of a trap, where signals are not blocked. */
static volatile int held;

/* The mask as the guest set it, with the bits that are kept out of the real one. */
static uint64_t guest_mask;

/* rt_sigprocmask(2), on the mask that the return from the handler will restore. */
long signals_set_mask(ucontext_t *context, const uint64_t a[6]) {
  uint64_t next;
  if (a[3] != sizeof next) return -EINVAL;
  if (a[2] != 0 && shim_copy((void *)a[2], &guest_mask, sizeof guest_mask) != 0) return -EFAULT;
  if (a[1] == 0) return 0;
  if (shim_copy(&next, (const void *)a[1], sizeof next) != 0) return -EFAULT;
  if (a[0] == SIG_BLOCK) guest_mask |= next;
  else if (a[0] == SIG_UNBLOCK) guest_mask &= ~next;
  else if (a[0] == SIG_SETMASK) guest_mask = next;
  else return -EINVAL;
  guest_mask &= ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
  uint64_t effective = guest_mask & ~NEVER_BLOCKED;
  shim_copy(&context->uc_sigmask, &effective, sizeof effective);
  return 0;
}

static void note(int signal) { __atomic_fetch_or(&waiting, SIGNAL_BIT(signal), __ATOMIC_SEQ_CST); }

void signals_note_call(long nr, const uint64_t a[6]) {
  int64_t signal = 0;
  switch (nr) {
    case __NR_rt_sigaction:
      if (a[1] == 0 || a[0] < 1 || a[0] > LAST_SIGNAL) return;
      if (shim_copy(&actions[a[0]], (const void *)a[1], sizeof *actions) != 0) actions[a[0]].handler = NULL;
      return;
    case __NR_kill:
    case __NR_tkill:
      signal = (int32_t)a[1];
      break;
    case __NR_tgkill:
      signal = (int32_t)a[2];
      break;
  }
  /* Allowed, so it was to itself; a signal without a handler, unless ignored, has ended the run already. */
  if (signal >= 1 && signal <= LAST_SIGNAL) note(signal);
}

/*
 * Whose handler flushes the streams of the program at a limit of time, where it has no handler of SIGXCPU: the start-up
 * code installs it (last_words.py). Under SIGXCPU the program would find it.
 */
#define LAST_WORDS LAST_SIGNAL

static void call_handler(int signal, ucontext_t *context) {
  if (signal == SIGXCPU && actions[signal].handler == SIG_DFL && actions[LAST_WORDS].handler != SIG_DFL)
    signal = LAST_WORDS;
  const struct kernel_action action = actions[signal];
  if (action.handler == SIG_IGN) return;
  if (action.handler == SIG_DFL) {
    /* The controller knows what that means: it ignores the signal, or ends the run with it. */
    uint64_t own[2] = {0, (uint64_t)signal};
    channel_call("kill(ii)i", own);
    return;
  }
  if (action.flags & SA_RESETHAND) actions[signal].handler = SIG_DFL;
  siginfo_t info = {.si_signo = signal, .si_code = SI_USER};
  if (action.flags & SA_SIGINFO) action.action(signal, &info, context);
  else action.handler(signal);
}

void signals_deliver(ucontext_t *context) {
  uint64_t ready;
  if (held) return;
  while ((ready = waiting & ~guest_mask) != 0) {
    int signal = __builtin_ctzll(ready) + 1;
    waiting &= ~SIGNAL_BIT(signal);
    call_handler(signal, context);
  }
}

/* While a trap is being answered it is blocked. */
static void on_signal(int signal, siginfo_t *info, void *data) {
  (void)info;
  note(signal);
  signals_deliver(data);
}

int signals_hold(void) {
  if (held) return 0;
  held = 1;
  return 1;
}

/* A handler wants the registers of a trap, so one is made: a question for the signal mask, which the shim answers. */
void signals_release(void) {
  held = 0;
  if ((__atomic_load_n(&waiting, __ATOMIC_SEQ_CST) & ~guest_mask) == 0) return;
  const uint64_t question[6] = {SIG_BLOCK, 0, 0, sizeof guest_mask};
  raw6(__NR_rt_sigprocmask, question);
}

static const int from_outside[] = {SIGINT, SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU};
#define FROM_OUTSIDE (sizeof from_outside / sizeof *from_outside)

void signals_add_from_outside(sigset_t *set) {
  for (size_t i = 0; i < FROM_OUTSIDE; i++) sigaddset(set, from_outside[i]);
}

int signals_catch(void) {
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigemptyset(&action.sa_mask);
  signals_add_from_outside(&action.sa_mask);
  for (size_t i = 0; i < FROM_OUTSIDE; i++)
    if (sigaction(from_outside[i], &action, NULL) != 0) return -1;
  return 0;
}
