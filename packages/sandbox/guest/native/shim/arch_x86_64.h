/* What is specific to x86-64: registers of a trapped call, raw system calls, the copy that survives a fault. */
#ifndef SANDPIPER_ARCH_X86_64_H
#define SANDPIPER_ARCH_X86_64_H

#include <linux/audit.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#define SHIM_AUDIT_ARCH AUDIT_ARCH_X86_64
/* Bit 30 of the number selects the x32 calls (arch/x86/entry/syscalls). */
#define SHIM_X32_BIT 0x40000000u
#define SHIM_X32_LAST 0x7fffffffu

/* The one instruction address from which the filter lets memory grow: see filter.c. */
long shim_gate(long nr, long a, long b, long c, long d, long e, long f);
extern const char shim_gate_return[];

/* memcpy that returns 0, or 1 when either side is not accessible. on_fault() brings it to the second end. */
int shim_copy(void *to, const void *from, size_t size);
extern const char shim_copy_return[];
extern const char shim_copy_fault[];

#ifdef SHIM_CALLS_ARE_REPLACED
/* The fuzzer answers them (fuzz/fuzz_shim.c): the rest of the shim is then what runs in a guest. */
long raw3(long nr, long a, long b, long c);
#else
static inline long raw3(long nr, long a, long b, long c) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}
#endif

/* A raw call with all its arguments, from an address that is not the gate. */
static inline long raw6(long nr, const uint64_t a[6]) {
  long result;
  register uint64_t d __asm__("r10") = a[3];
  register uint64_t e __asm__("r8") = a[4];
  register uint64_t f __asm__("r9") = a[5];
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(d), "r"(e), "r"(f)
                   : "rcx", "r11", "memory");
  return result;
}

static inline void arch_call_arguments(const ucontext_t *context, uint64_t arguments[6]) {
  const greg_t *r = context->uc_mcontext.gregs;
  arguments[0] = (uint64_t)r[REG_RDI];
  arguments[1] = (uint64_t)r[REG_RSI];
  arguments[2] = (uint64_t)r[REG_RDX];
  arguments[3] = (uint64_t)r[REG_R10];
  arguments[4] = (uint64_t)r[REG_R8];
  arguments[5] = (uint64_t)r[REG_R9];
}

/*
 * The program counter is set as well as the result: a call number between -516 and -512 looks to the kernel
 * like an interrupted call that wants restarting, and would trap for ever.
 */
static inline void arch_finish_call(ucontext_t *context, const void *return_address, long result) {
  context->uc_mcontext.gregs[REG_RAX] = result;
  context->uc_mcontext.gregs[REG_RIP] = (greg_t)return_address;
}

/* Returns 1 when the fault was inside shim_copy, which then returns 1 itself. */
static inline int arch_recover_copy(ucontext_t *context) {
  uintptr_t pc = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
  if (pc < (uintptr_t)shim_copy || pc >= (uintptr_t)shim_copy_return) return 0;
  context->uc_mcontext.gregs[REG_RIP] = (greg_t)shim_copy_fault;
  return 1;
}

static inline uintptr_t arch_stack_pointer(const ucontext_t *context) {
  return (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
}

/*
 * With PR_TSC_SIGSEGV, reading the time-stamp counter (rdtsc, rdtscp) faults. Returns 1 when that was it, which then
 * reads `counter`.
 */
static inline int arch_read_counter(ucontext_t *context, uint64_t counter) {
  greg_t *r = context->uc_mcontext.gregs;
  const unsigned char *at = (const unsigned char *)r[REG_RIP];
  unsigned size;
  if (at[0] != 0x0f) return 0;
  if (at[1] == 0x31) size = 2;
  else if (at[1] == 0x01 && at[2] == 0xf9) size = 3;
  else return 0;
  r[REG_RAX] = (greg_t)(counter & 0xffffffffu);
  r[REG_RDX] = (greg_t)(counter >> 32);
  if (size == 3) r[REG_RCX] = 0;
  r[REG_RIP] += size;
  return 1;
}

#endif
