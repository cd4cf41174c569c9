/* Output that the controller reads when it next answers a call, or when the guest has ended: see late.c. */
#ifndef SANDPIPER_LATE_H
#define SANDPIPER_LATE_H

#include <stddef.h>
#include <stdint.h>

/* A frame in SHIM_FD_LATE is this head and its bytes; between them, for a file, 8 bytes with the time (late.c). */
struct late_head {
  uint16_t fd, size;
};

/* The controller allows so many bytes to be written to these descriptors (bit N for descriptor N) without its answer. */
void late_allow(uint64_t descriptors, uint64_t bytes);

/* write(2). Returns 1 and the result where the controller need not be asked. */
int late_write(const uint64_t a[6], long *result);

/* A call that may change what a descriptor is ends the permission. */
void late_note_call(long nr, const uint64_t a[6]);

/* How many bytes lie in the pipe that no request has told of yet; told with the next. */
uint32_t late_tell(void);

#endif
