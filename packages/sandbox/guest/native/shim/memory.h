/* Memory of the guest: what it may do natively, and what the controller must hear of. */
#ifndef SANDPIPER_MEMORY_H
#define SANDPIPER_MEMORY_H

#include <stdint.h>

/* Of a translated guest: growth that is refused ends it by a signal, for its pipes are not the shim's to speak on. */
void memory_die_when_refused(void);

/* The controller is asked to end the process (exit_group). */
void memory_tell_end(void);

/* Returns 1, and the result, when the call was one that this process may make natively. */
int memory_call(long nr, const uint64_t arguments[6], long *result);

/* The controller has answered a call: it may have been one that makes or ends a shared mapping of a file. */
void memory_note_call(long nr, const uint64_t arguments[6], long result);

#endif
