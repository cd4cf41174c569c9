/* Signals as the guest sees them. */
#ifndef SANDPIPER_SIGNALS_H
#define SANDPIPER_SIGNALS_H

#include <signal.h>
#include <stdint.h>
#include <ucontext.h>

/* Catches signals from outside. Returns 0, or -1 with errno. */
int signals_catch(void);

/* Those signals wait while a call is being answered. */
void signals_add_from_outside(sigset_t *set);

/* rt_sigprocmask(2), on the mask that the return from the handler will restore. */
long signals_set_mask(ucontext_t *context, const uint64_t arguments[6]);

/* A call has succeeded: updates the guest's handlers and its pending signals. */
void signals_note_call(long nr, const uint64_t arguments[6]);

/*
 * While a call is answered outside of a trap, signals are noted and not delivered. Returns 0 where one is being answered
 * already. With the release, what has come meanwhile is delivered.
 */
int signals_hold(void);
void signals_release(void);

/* Calls the guest's handlers of all pending signals that are not blocked. */
void signals_deliver(ucontext_t *context);

#endif
