/* The stack of the guest's only thread, whose size is a limit of the run. */
#ifndef SANDPIPER_STACK_H
#define SANDPIPER_STACK_H

#include <signal.h>
#include <ucontext.h>

/* In the constructor. `top`: an address at the start of the stack. */
void stack_take(const void *top);

/* Whether a fault is that of a stack that cannot grow any more. */
int stack_overflowed(const siginfo_t *info, const ucontext_t *context);

#endif
