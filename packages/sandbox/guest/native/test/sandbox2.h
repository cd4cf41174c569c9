/* The guest's side of sandbox-2 on descriptors 0 and 1, as the C code of a PyPy translated with --sandbox has it. */
#ifndef SANDPIPER_TEST_SANDBOX2_H
#define SANDPIPER_TEST_SANDBOX2_H

#include <stddef.h>
#include <stdint.h>

#define P(pointer) ((uint64_t)(uintptr_t)(pointer))
#define I(number) ((uint64_t)(int64_t)(number))
/* CALL("open(pii)i", P(path), I(flags), I(mode)) */
#define CALL(signature, ...) sandbox_call(signature, (const uint64_t[]){__VA_ARGS__})

/* Calls the controller, and returns its result as 64 bits (of a double too; 0 for void). May set errno. */
uint64_t sandbox_call(const char *signature, const uint64_t *arguments);

/* Raw bytes to the other end. */
void sandbox_send(const void *data, size_t size);

/* Claims this length for the next string that is requested, and sends none of it. */
void sandbox_lie(int64_t length);

#endif
