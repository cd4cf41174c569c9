#include "memory.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>

#include "arch_x86_64.h"
#include "channel.h"
#include "shim.h"

/* Shared mappings of files, whose writes the controller fetches: see its mappings.ts. */
static struct { uint64_t start, size; } shared[SHIM_SHARED_MAPPINGS];
static unsigned shared_count;

static int overlaps_shared(uint64_t start, uint64_t size) {
  for (unsigned i = 0; i < shared_count; i++)
    if (start < shared[i].start + shared[i].size && shared[i].start < start + size) return 1;
  return 0;
}

void memory_note_call(long nr, const uint64_t a[6], long result) {
  if (nr == __NR_mmap && result > 0 && (a[3] & MAP_SHARED) && !(a[3] & MAP_ANONYMOUS)) {
    if (shared_count == SHIM_SHARED_MAPPINGS) return; /* the controller refuses one more */
    shared[shared_count].start = (uint64_t)result;
    shared[shared_count++].size = a[1];
  } else if (nr == __NR_mremap && result > 0) {
    for (unsigned i = 0; i < shared_count; i++) {
      if (shared[i].start != a[0]) continue;
      shared[i].start = (uint64_t)result;
      shared[i].size = a[2];
    }
  } else if (nr == __NR_munmap && result == 0) {
    /* A mapping that is partly left is kept whole: that costs a request and no more. */
    for (unsigned i = 0; i < shared_count;) {
      if (shared[i].start >= a[0] && shared[i].start + shared[i].size <= a[0] + a[1])
        shared[i] = shared[--shared_count];
      else i++;
    }
  }
}

static int tells_its_end;

void memory_tell_end(void) { tells_its_end = 1; }

static int dies_when_refused;

void memory_die_when_refused(void) { dies_when_refused = 1; }

/* The largest growth that the controller knows of. */
static uint64_t largest_refused;

/* The program may catch its MemoryError and go on; the controller must know, in case that it fails. */
static void tell_refused(long nr, uint64_t size) {
  if (dies_when_refused) {
    raw3(__NR_tgkill, raw3(__NR_getpid, 0, 0, 0), raw3(__NR_gettid, 0, 0, 0), SHIM_SIGNAL_NO_MEMORY);
    return;
  }
  if (size <= largest_refused) return;
  largest_refused = size;
  uint64_t told[2] = {(uint64_t)nr, size};
  channel_call("sandpiper_nomem(ii)i", told);
}

/*
 * A futex shared with other processes becomes a private one: the guest has no other processes. The filter allows
 * private ones only.
 */
static int make_private(const uint64_t a[6], long *result) {
  switch (a[1] & ~(uint64_t)FUTEX_CLOCK_REALTIME) {
    case FUTEX_WAIT:
    case FUTEX_WAKE:
    case FUTEX_WAIT_BITSET:
    case FUTEX_WAKE_BITSET:
      *result = shim_gate(__NR_futex, (long)a[0], (long)(a[1] | FUTEX_PRIVATE_FLAG), (long)a[2], (long)a[3], (long)a[4],
                          (long)a[5]);
      return 1;
    default:
      return 0;
  }
}

int memory_call(long nr, const uint64_t a[6], long *result) {
  const uint64_t free_flags = MAP_FIXED | MAP_NORESERVE | MAP_STACK | MAP_FIXED_NOREPLACE;
  switch (nr) {
    case __NR_mmap:
      if ((a[3] & ~free_flags) != (MAP_PRIVATE | MAP_ANONYMOUS)) return 0;
      if ((a[2] & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC)) != 0) return 0;
      break;
    case __NR_mremap:
      if ((a[3] & ~(uint64_t)(MREMAP_MAYMOVE | MREMAP_FIXED)) != 0 || overlaps_shared(a[0], a[1])) return 0;
      break;
    case __NR_brk:
      break;
    case __NR_futex:
      return make_private(a, result);
    case __NR_munmap:
      if (overlaps_shared(a[0], a[1])) return 0;
      break;
    case __NR_exit_group:
      /* For a forked guest the controller accepts the end as reported, and leaves the kernel's clean-up for later. */
      if (shared_count > 0 || tells_its_end) return 0;
      break;
    default:
      return 0;
  }
  *result = shim_gate(nr, (long)a[0], (long)a[1], (long)a[2], (long)a[3], (long)a[4], (long)a[5]);
  if (nr == __NR_brk) {
    /* brk(2) refuses by returning the old end */
    if (a[0] != 0 && (uint64_t)*result < a[0]) tell_refused(nr, a[0] - (uint64_t)*result);
  } else if (*result == -ENOMEM) {
    tell_refused(nr, nr == __NR_mmap ? a[1] : a[2]);
  }
  return 1;
}
