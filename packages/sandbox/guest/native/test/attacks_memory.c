/* Attacks with native memory mappings. */
#include "attacks.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096ul
#define MIB (1ul << 20)
#define GIB (1ul << 30)

static long map(unsigned long address, unsigned long size, long protection, long flags) {
  return (long)mmap((void *)address, size, (int)protection, (int)flags, -1, 0);
}

static void say_outcome(const char *what, long result) {
  tell("%s: %s", what, result < 0 && result > -4096 ? strerrorname_np((int)-result) : "granted");
}

/* Every other page of a mapping with a protection of its own: as many mappings as pages. */
static void protections(const char *argument) {
  const size_t pages = strtoul(argument, NULL, 10);
  const long at = map(0, pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
  if (at == -1) {
    tell("no address space");
    return;
  }
  size_t made = 0;
  for (; made < pages; made += 2)
    if (invoke(SYS_mprotect, at + (long)(made * PAGE), PAGE, PROT_READ, 0, 0, 0) < 0) break;
  tell(made < pages ? "refused before the last" : "every page is one");
}

/* One page in every GiB of the address space, read and not written: each costs the kernel two pages of tables. */
static void page_tables(const char *argument) {
  const unsigned long count = strtoul(argument, NULL, 10);
  unsigned long made = 0, sum = 0;
  for (unsigned long i = 1; i <= count; i++) {
    const long at = map(i * GIB + 0x200000, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE);
    if (at == -1) continue;
    sum += *(volatile unsigned char *)at;
    made++;
  }
  tell("%lu pages of %lu, sum %lu", made, count, sum);
}

static void huge(const char *argument) {
  (void)argument;
  say_outcome("HUGETLB", invoke(SYS_mmap, 0, 2 * MIB, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0));
  say_outcome("HUGETLB of 1 GiB",
              invoke(SYS_mmap, 0, GIB, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (30 << 26), -1, 0));
  say_outcome("memfd of huge pages", invoke(SYS_memfd_create, (long)"x", 4, 0, 0, 0, 0));
  say_outcome("shared HUGETLB", invoke(SYS_mmap, 0, 2 * MIB, 3, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0));
}

static void grows_down(const char *argument) {
  (void)argument;
  say_outcome("GROWSDOWN", invoke(SYS_mmap, 0, MIB, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0));
  say_outcome("fixed GROWSDOWN",
              invoke(SYS_mmap, 0x20000000, MIB, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, -1, 0));
  say_outcome("PROT_GROWSDOWN", invoke(SYS_mprotect, (long)((uintptr_t)&argument & ~(PAGE - 1)), PAGE,
                                       PROT_READ | PROT_WRITE | PROT_GROWSDOWN, 0, 0, 0));
  say_outcome("PROT_GROWSUP", invoke(SYS_mprotect, (long)((uintptr_t)&argument & ~(PAGE - 1)), PAGE,
                                     PROT_READ | PROT_WRITE | PROT_GROWSUP, 0, 0, 0));
}

static void shared(const char *argument) {
  (void)argument;
  say_outcome("SHARED", invoke(SYS_mmap, 0, MIB, 3, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  say_outcome("SHARED_VALIDATE", invoke(SYS_mmap, 0, MIB, 3, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0));
}

static void locked(const char *argument) {
  (void)argument;
  const long at = map(0, MIB, 3, MAP_PRIVATE | MAP_ANONYMOUS);
  say_outcome("mlock", invoke(SYS_mlock, at, MIB, 0, 0, 0, 0));
  say_outcome("mlock2", invoke(SYS_mlock2, at, MIB, 1, 0, 0, 0));
  say_outcome("mlockall", invoke(SYS_mlockall, 7, 0, 0, 0, 0, 0));
  say_outcome("LOCKED", invoke(SYS_mmap, 0, MIB, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0));
  say_outcome("POPULATE", invoke(SYS_mmap, 0, MIB, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
}

static const struct {
  const char *name;
  int number;
} allowed_advices[] = {{"NORMAL", 0},   {"RANDOM", 1}, {"SEQUENTIAL", 2}, {"WILLNEED", 3},
                       {"DONTNEED", 4}, {"FREE", 8},   {"HUGEPAGE", 14},  {"NOHUGEPAGE", 15}};

static void advices(const char *argument) {
  (void)argument;
  const long at = map(0, MIB, 3, MAP_PRIVATE | MAP_ANONYMOUS);
  for (long advice = -2; advice < 256; advice++) {
    int known = 0;
    for (size_t i = 0; i < sizeof allowed_advices / sizeof *allowed_advices; i++)
      known |= allowed_advices[i].number == advice;
    long result = invoke(SYS_madvise, at, MIB, advice, 0, 0, 0);
    if (result >= 0 && !known) tell("advice %ld was granted", advice);
  }
  if (invoke(SYS_madvise, at, MIB, 0x100000004, 0, 0, 0) >= 0) tell("an advice with high bits was granted");
  tell("all advices tried");
}

/* Over the shim, or the kernel's own pages: the consequences are this process's own. */
static void remap(const char *argument) {
  const unsigned char *start, *end;
  find_shim(&start, &end);
  const long own = map(0, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  long target = (long)getauxval(AT_SYSINFO_EHDR);
  if (strcmp(argument, "shim") == 0) target = (long)start & ~(long)(PAGE - 1);
  long result = invoke(SYS_mremap, own, 8 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target, 0);
  tell("%s was replaced: %s", argument, result >= 0 ? "yes" : "no");
  invoke(SYS_getpid, 0, 0, 0, 0, 0, 0);
  tell("and it still answers");
}

static void move_vdso(const char *argument) {
  (void)argument;
  const long vdso = (long)getauxval(AT_SYSINFO_EHDR);
  const long to = map(0, 16 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
  long result = invoke(SYS_mremap, vdso, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to, 0);
  tell("moved: %s", result < 0 ? "no" : "yes");
}

/* Of the signal stack: a handler runs there. */
static volatile uintptr_t signal_stack;

static void note_stack(int signal) {
  (void)signal;
  signal_stack = (uintptr_t)__builtin_frame_address(0);
}

static void unmap(const char *argument) {
  const unsigned char *start, *end;
  const uintptr_t page = ~(PAGE - 1);
  find_shim(&start, &end);
  if (strcmp(argument, "shim") == 0) {
    invoke(SYS_munmap, (long)((uintptr_t)start & page), (long)((uintptr_t)(end - start) + PAGE), 0, 0, 0, 0);
  } else if (strcmp(argument, "own stack") == 0) {
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0) & page;
    invoke(SYS_munmap, (long)(here - 4 * PAGE), 8 * PAGE, 0, 0, 0, 0);
  } else {
    signal(SIGUSR1, note_stack);
    raise(SIGUSR1);
    invoke(SYS_munmap, (long)((signal_stack & page) - 4 * PAGE), 8 * PAGE, 0, 0, 0, 0);
  }
  invoke(SYS_getpid, 0, 0, 0, 0, 0, 0);
  tell("and it still answers");
}

/* Written, then run. */
static void writable_code(const char *argument) {
  (void)argument;
  static const unsigned char forty_two[] = {0xb8, 42, 0, 0, 0, 0xc3};
  const long at = map(0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS);
  memcpy((void *)at, forty_two, sizeof forty_two);
  tell("%d", ((int (*)(void))at)());
}

static void reserve(const char *argument) {
  const unsigned long size = strtoul(argument, NULL, 0);
  const long at = map(0, size, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
  tell("%s", at == -1 ? "refused" : "granted");
}

const struct attack_entry memory_attacks[] = {{"protections", protections},
                                              {"page-tables", page_tables},
                                              {"huge", huge},
                                              {"grows-down", grows_down},
                                              {"locked", locked},
                                              {"shared", shared},
                                              {"advices", advices},
                                              {"remap", remap},
                                              {"move-vdso", move_vdso},
                                              {"unmap", unmap},
                                              {"code", writable_code},
                                              {"reserve", reserve},
                                              {NULL, NULL}};
