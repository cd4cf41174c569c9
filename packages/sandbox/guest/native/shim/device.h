/* /dev/urandom, opened again and again: see device.c. */
#ifndef SANDPIPER_DEVICE_H
#define SANDPIPER_DEVICE_H

#include <stdint.h>

/* Before the controller is asked. Returns 1 and the result where it need not be. */
int device_call(long nr, const uint64_t a[6], long *result);

/* The controller has answered. */
void device_note_call(long nr, const uint64_t a[6], long result);

#endif
