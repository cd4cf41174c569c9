/*
 * The processes of try-syscall: started as the keeper starts guests, answered as the controller answers them, and
 * traced, because only a tracer can distinguish a trapped and answered call from one that the kernel executed.
 */
#ifndef SANDPIPER_TEST_TRY_PROCESS_H
#define SANDPIPER_TEST_TRY_PROCESS_H

#include <sys/types.h>

#include "try_syscall.h"

struct outcome {
  /* SIGSYS of the filter that were seen, and the number that the last one named. */
  unsigned traps;
  int trapped_number;
  /* Processes that the call made. They were killed before their first instruction. */
  unsigned children;
  enum { OUTCOME_RETURNED, OUTCOME_EXITED, OUTCOME_DIED, OUTCOME_BLOCKED } end;
  /* Result, exit code or signal. */
  long value;
};

/* Opens the shim and finds its gate. */
void process_use_shim(const char *path);

/* Makes the call in a process that is locked down as the subject says, in a new one where the last has ended. */
struct outcome process_try(const struct subject *subject, const struct probe *probe);

/* The process that makes the next call of process_try, as far as the model must know it. */
struct caller process_caller(const struct subject *subject);

/* Ends what is left of the subject. */
void process_end(void);

#endif
