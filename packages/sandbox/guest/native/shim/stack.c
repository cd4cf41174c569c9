#include "stack.h"

#include <pthread.h>
#include <stdint.h>

#include "arch_x86_64.h"

/* How far from the stack pointer a function may touch its frame first: more than the frames of any interpreter. */
#define BELOW_POINTER 4096ul
#define ABOVE_POINTER (1ul << 20)
/* The stack of a thread, which the C library takes from RLIMIT_STACK (pthread_create(3)). */
#define THREAD_STACK (8ul << 20)

static uintptr_t stack_top;

/* glibc before 2.34 has them in a library of their own, which the guest may not have loaded. */
#pragma weak pthread_setattr_default_np
#pragma weak pthread_attr_setstacksize

/*
 * The guest was executed with room for the largest stack of all runs. The C library would reserve as much for a thread,
 * and fail for lack of memory before the controller could refuse the thread.
 */
static void set_thread_stacks(void) {
  pthread_attr_t attributes;
  if (pthread_setattr_default_np == NULL || pthread_attr_init(&attributes) != 0) return;
  if (pthread_attr_setstacksize(&attributes, THREAD_STACK) == 0) pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
}

void stack_take(const void *top) {
  stack_top = (uintptr_t)top;
  set_thread_stacks();
}

/*
 * The kernel lets the stack grow at any access below it, up to RLIMIT_STACK (mm/mmap.c, acct_stack_growth). So an
 * unmapped address near a stack pointer that is in the stack is one that the stack could not grow to.
 */
int stack_overflowed(const siginfo_t *info, const ucontext_t *context) {
  uintptr_t pointer = arch_stack_pointer(context), address = (uintptr_t)info->si_addr;
  if (info->si_code != SEGV_MAPERR || pointer > stack_top) return 0;
  return address + BELOW_POINTER >= pointer && address < pointer + ABOVE_POINTER;
}
