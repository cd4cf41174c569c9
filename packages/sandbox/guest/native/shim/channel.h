/* The guest's side of sandbox-2: one request out, operations in, until a result. */
#ifndef SANDPIPER_CHANNEL_H
#define SANDPIPER_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

/* The action of `P`, in a guest that was started to be parked: returns in each child. NULL in any other guest. */
void channel_park_by(void (*park)(void));

/* Sends `signature` (e.g. "openat(ipii)i") with its arguments and obeys until the result, which it returns. */
long channel_call(const char *signature, const uint64_t *arguments);

/* The memory goes out with the next request, where it is small and readable: the controller need not ask for it. */
void channel_show(uint64_t address, uint64_t size);
/* A string with its NUL. */
void channel_show_text(uint64_t address);

/* The longest string that is shown or copied, with its NUL, bytes. */
#define CHANNEL_TEXT_MOST 4096
/* Copies a string with its NUL; returns its size with it, 0 where it is longer or not readable. */
size_t channel_copy_text(unsigned char *to, uint64_t address);

/* Ends the guest: the controller is gone, or answers what it must not. */
_Noreturn void channel_break(void);

/* Whether a call is being made for the controller now. */
int channel_makes_call(void);

/* The descriptors to talk on, where they are not SHIM_FD_IN and SHIM_FD_OUT. */
void channel_use(int in, int out);

#endif
