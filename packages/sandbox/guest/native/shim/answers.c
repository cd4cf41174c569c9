/*
 * Calls that need no trip to the controller: the ids of the process, which are the same in every run, and a few random
 * bytes at a time, of which the controller gives many at once. In a run with a simulated clock nothing is answered here,
 * so its transcript has every call.
 */
#include "answers.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/random.h>
#include <stddef.h>

#include "arch_x86_64.h"
#include "channel.h"
#include "shim.h"

/* What the controller is asked for at once, and the most that is taken of it at once; bytes. */
#define STORE_SIZE 4096
#define MOST_AT_ONCE 256

/* Given by the controller and not taken yet: the last `stored` bytes. What was taken is wiped. */
static unsigned char store[STORE_SIZE];
static size_t stored;

static int answers, stores;

void answers_begin(int has_children) {
  answers = 1;
  /* Two children of one parent must not have the same bytes. */
  stores = !has_children;
}

void answers_in_child(void) { stores = answers; }

static void wipe(size_t from, size_t size) {
  for (volatile unsigned char *p = store + from; size > 0; size--) *p++ = 0;
}

int answers_store(void) { return stores; }

int answers_random(uint64_t to, uint64_t size, long *result) {
  if (!stores || size == 0 || size > MOST_AT_ONCE) return 0;
  if (stored < size) {
    const uint64_t fill[3] = {(uint64_t)(uintptr_t)store, STORE_SIZE, 0};
    if (channel_call("getrandom(pii)i", fill) != STORE_SIZE) return 0;
    stored = STORE_SIZE;
  }
  const size_t from = STORE_SIZE - stored;
  const int fault = shim_copy((void *)to, store + from, size);
  wipe(from, size);
  stored -= size;
  *result = fault ? -EFAULT : (long)size;
  return 1;
}

int answers_call(long nr, const uint64_t a[6], long *result) {
  if (!answers) return 0;
  switch (nr) {
    case __NR_getpid:
    case __NR_gettid:
    case __NR_getpgrp:
      *result = SHIM_GUEST_PID;
      return 1;
    case __NR_getppid:
      *result = SHIM_GUEST_PARENT;
      return 1;
    case __NR_getuid:
    case __NR_geteuid:
    case __NR_getgid:
    case __NR_getegid:
      *result = SHIM_GUEST_USER;
      return 1;
    case __NR_getrandom:
      if ((uint32_t)a[2] & ~(GRND_NONBLOCK | GRND_RANDOM)) return 0;
      return answers_random(a[0], a[1], result);
    default:
      return 0;
  }
}
