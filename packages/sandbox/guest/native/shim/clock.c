/*
 * The vDSO shows the real time without a call that a filter could see. So this library has the functions that lead
 * there: in a run with a simulated clock they make the system call, which is trapped; else they are the C library's.
 */
#include "clock.h"

#include <asm/unistd.h>
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <time.h>

#include "arch_x86_64.h"

#define EXPORT __attribute__((visibility("default")))

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_gettimeofday)(struct timeval *, void *);
static time_t (*real_time)(time_t *);

int clock_take(int virtual_time) {
  /* The processor's counter too: see on_fault. */
  if (virtual_time) return prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0);
  *(void **)&real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  *(void **)&real_gettimeofday = dlsym(RTLD_NEXT, "gettimeofday");
  *(void **)&real_time = dlsym(RTLD_NEXT, "time");
  return 0;
}

int64_t clock_now(void) {
  struct timespec now = {0, 0};
  if (real_clock_gettime != NULL) real_clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int result_of(long value) {
  if (value >= 0) return 0;
  errno = (int)-value;
  return -1;
}

EXPORT int clock_gettime(clockid_t clock, struct timespec *to) {
  if (real_clock_gettime != NULL) return real_clock_gettime(clock, to);
  return result_of(raw3(__NR_clock_gettime, clock, (long)to, 0));
}

EXPORT int gettimeofday(struct timeval *restrict to, void *restrict zone) {
  if (real_gettimeofday != NULL) return real_gettimeofday(to, zone);
  return result_of(raw3(__NR_gettimeofday, (long)to, (long)zone, 0));
}

EXPORT time_t time(time_t *to) {
  if (real_time != NULL) return real_time(to);
  return raw3(__NR_time, (long)to, 0, 0);
}
