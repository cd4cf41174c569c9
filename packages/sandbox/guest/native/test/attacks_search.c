/* Searches all memory of the process for a text that a parent, an earlier process or the host may have left there. */
#include "attacks.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096ul
/* The text comes masked, so that the argument itself is not found. */
#define MASK 0x55

static unsigned char needle[128];
static size_t needle_size;
/* Where the text may begin: at multiples of it. */
static size_t alignment = 1;
static unsigned long found, pages;

static void look_through(const unsigned char *from, size_t size) {
  for (size_t i = 0; i + needle_size <= size; i += alignment) {
    size_t k = 0;
    while (k < needle_size && (from[i + k] ^ MASK) == needle[k]) k++;
    if (k == needle_size) found++;
  }
}

/* madvise(2) says whether all of a range is mapped, and with this advice does nothing else. */
static int is_mapped(uintptr_t at) { return invoke(SYS_madvise, (long)at, PAGE, MADV_NORMAL, 0, 0, 0) == 0; }

/* All mappings between two addresses. Unreadable ones are made readable: they are the process's own. */
static void search_range(uintptr_t from, uintptr_t to) {
  for (uintptr_t at = from & ~(PAGE - 1); at < to;) {
    if (!is_mapped(at)) {
      at += PAGE;
      continue;
    }
    uintptr_t end = at;
    while (end < to && is_mapped(end)) end += PAGE;
    pages += (end - at) / PAGE;
    /* page by page: a range may span several mappings, and one that refuses is skipped */
    for (uintptr_t page = at; page < end; page += PAGE)
      if (invoke(SYS_mprotect, (long)page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, 0, 0, 0) == 0)
        look_through((const unsigned char *)page, page + PAGE < end ? PAGE + needle_size : PAGE);
    at = end;
  }
}

struct bounds {
  uintptr_t low, high;
};

static int widen_bounds(struct dl_phdr_info *info, size_t size, void *data) {
  struct bounds *bounds = data;
  (void)size;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
    uintptr_t start = info->dlpi_addr + segment->p_vaddr;
    /* The program itself lies elsewhere, with the heap behind it. */
    if (segment->p_type != PT_LOAD || info->dlpi_name[0] == 0) continue;
    if (start < bounds->low) bounds->low = start;
    if (start + segment->p_memsz > bounds->high) bounds->high = start + segment->p_memsz;
  }
  return 0;
}

/* Libraries and what is mapped around them; the program and its heap; the stack up to its first word. */
static void search(const char *argument) {
  unsigned byte;
  int used;
  for (; needle_size < sizeof needle && sscanf(argument, "%2x%n", &byte, &used) == 1; argument += used)
    needle[needle_size++] = (unsigned char)byte;
  struct bounds libraries = {.low = UINTPTR_MAX};
  dl_iterate_phdr(widen_bounds, &libraries);
  const uintptr_t stack = (uintptr_t)__builtin_frame_address(0), program = (uintptr_t)getauxval(AT_PHDR);
  search_range(libraries.low - (1ul << 30), libraries.high + (64ul << 20));
  search_range(program, (uintptr_t)sbrk(0));
  search_range(stack - (256ul << 10), (uintptr_t)getauxval(AT_EXECFN) + PAGE);
  tell("found %lu times, in %s", found, pages > 1000 ? "more than a thousand pages" : "too few pages");
}

static int search_shim_of(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size;
  if (strncmp(info->dlpi_name, "/proc/self/fd/", 14) != 0) return 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
    if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) == 0) continue;
    const unsigned char *from = (const unsigned char *)info->dlpi_addr + segment->p_vaddr;
    look_through(from, segment->p_memsz);
    pages += segment->p_memsz / PAGE;
    *(int *)data = 1;
  }
  return 0;
}

/*
 * The shim's own memory, and the stack: a process number is an int, and four bytes occur in the interpreter's own memory
 * by chance.
 */
static void search_shim(const char *argument) {
  unsigned byte;
  int used, seen = 0;
  alignment = _Alignof(int);
  for (; needle_size < sizeof needle && sscanf(argument, "%2x%n", &byte, &used) == 1; argument += used)
    needle[needle_size++] = (unsigned char)byte;
  dl_iterate_phdr(search_shim_of, &seen);
  const uintptr_t stack = (uintptr_t)__builtin_frame_address(0);
  search_range(stack - (256ul << 10), (uintptr_t)getauxval(AT_EXECFN) + PAGE);
  tell("found %lu times, in %s", found, seen && pages > 10 ? "the shim and the stack" : "too few pages");
}

/* What the C library stores as the number of its thread (nptl_db: size in bits, count, offset). */
static void thread_id(const char *argument) {
  (void)argument;
  const uint32_t *field = dlsym(RTLD_DEFAULT, "_thread_db_pthread_tid");
  if (field == NULL) tell("not to be found");
  else tell("%d", *(const int32_t *)((const char *)__builtin_thread_pointer() + field[2]));
}

const struct attack_entry search_attacks[] = {
    {"search", search}, {"search-shim", search_shim}, {"thread-id", thread_id}, {NULL, NULL}};
