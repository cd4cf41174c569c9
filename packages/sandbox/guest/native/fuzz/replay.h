/* What libFuzzer calls, and replay.c (https://llvm.org/docs/LibFuzzer.html). */
#ifndef SANDPIPER_FUZZ_REPLAY_H
#define SANDPIPER_FUZZ_REPLAY_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
