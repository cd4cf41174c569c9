/*
 * Native code that attacks the sandbox from within, for packages/trials/hostile: built as a library that a Python
 * program loads with ctypes (engine seccomp), and into the test guest of the engine rpython. An attack reports what it
 * obtained in lines; it also reports when everything was refused, so silence is never success.
 */
#ifndef SANDPIPER_ATTACKS_H
#define SANDPIPER_ATTACKS_H

#include <stddef.h>
#include <stdint.h>

/* Returns 0, or -1 when there is no attack of that name. */
int attack(const char *name, const char *argument);

/* The protocol's descriptors, and how a line is printed; the library's defaults are the shim's. */
void attack_setup(int in, int out, void (*say)(const char *line));

/* ---- for the attacks */

typedef void attack_function(const char *argument);

struct attack_entry {
  const char *name;
  attack_function *run;
};

/* Each table ends with an entry without a name. */
extern const struct attack_entry call_attacks[], processor_attacks[], memory_attacks[], wire_attacks[],
    search_attacks[];

extern int attack_in, attack_out;

__attribute__((format(printf, 1, 2))) void tell(const char *format, ...);

/* A system call as it is: no errno, no wrapper. */
static inline long invoke(long nr, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

/* The code of the shim that this process was locked down with: [start, end). */
void find_shim(const unsigned char **start, const unsigned char **end);

#endif
