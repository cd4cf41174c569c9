/* Memory of the guest: what it may do natively, and what the controller must learn of. */
#ifndef SANDPIPER_MEMORY_H
#define SANDPIPER_MEMORY_H

#include <stdint.h>

/* For a translated guest: a refused growth ends it by a signal, because its pipes are not for the shim to use. */
void memory_die_when_refused(void);

/* The controller is asked to end the process (exit_group). */
void memory_tell_end(void);

/* Returns 1, and the result, when this process may make the call natively. */
int memory_call(long nr, const uint64_t arguments[6], long *result);

/* The controller has answered a call: it may have made or ended a shared mapping of a file. */
void memory_note_call(long nr, const uint64_t arguments[6], long result);

#endif
