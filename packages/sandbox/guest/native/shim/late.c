/*
 * A program that flushes each line would wait for the controller at each. Where the controller captures the output and
 * nobody watches it, the shim writes it to a pipe of its own at which no process waits, with the number of its descriptor,
 * and goes on. The controller reads the pipe before it answers the next call, and when the guest has ended, however it
 * did: what the program has printed is in a pipe and not in this process, so a kill does not lose it, and one pipe for
 * both streams keeps their order. A file that is written in small pieces is treated the same way. Its frames have the
 * time of the monotonic clock, as the file must tell when it was changed; and any call but a write ends the permission,
 * which the controller gives when it sees such writes again.
 *
 * The permission is a number of bytes, never more than is left of the output limit, so that the limit is met by a call
 * and ends the run at once. A guest that writes other frames than the shim does gains nothing: the controller treats
 * them as calls of the guest, and the pipe holds 64 KiB.
 */
#include "late.h"

#include <asm/unistd.h>

#include "ahead.h"
#include "arch_x86_64.h"
#include "clock.h"
#include "shim.h"

/* A frame is written whole or not at all: not above PIPE_BUF (pipe(7)). Bytes, with its head. */
#define FRAME_SIZE 4096
#define MOST (FRAME_SIZE - sizeof(struct late_head) - sizeof(int64_t))
#define HIGHEST 63

/* The streams of the standard output and error: a bit for each. */
#define STREAMS 6ull

static uint64_t allowed, left;
static uint32_t untold;
static unsigned char frame[FRAME_SIZE];

void late_allow(uint64_t descriptors, uint64_t bytes) {
  allowed = descriptors;
  left = bytes;
}

int late_write(const uint64_t a[6], long *result) {
  const uint64_t fd = a[0], size = a[2];
  if (left == 0 || fd > HIGHEST || (allowed >> fd & 1) == 0) return 0;
  if (size == 0 || size > left || size > MOST) return 0;
  const struct late_head head = {(uint16_t)fd, (uint16_t)size};
  size_t before = sizeof head;
  shim_copy(frame, &head, sizeof head);
  if ((STREAMS >> fd & 1) == 0) {
    const int64_t now = clock_now();
    shim_copy(frame + before, &now, sizeof now);
    before += sizeof now;
  }
  if (shim_copy(frame + before, (const void *)a[1], size) != 0) return 0;
  /* A full pipe is an error here (O_NONBLOCK), and the controller empties it with the call that follows. */
  const long all = (long)(before + size);
  if (raw3(__NR_write, SHIM_FD_LATE, (long)frame, all) != all) return 0;
  untold += (uint32_t)all;
  left -= size;
  /* The file may be the one that is ahead. */
  if ((STREAMS >> fd & 1) == 0) ahead_forget();
  *result = (long)size;
  return 1;
}

void late_note_call(long nr, const uint64_t a[6]) {
  if (nr != __NR_write) allowed &= STREAMS;
  switch (nr) {
    case __NR_close:
    case __NR_dup2:
    case __NR_dup3:
      if (a[0] <= HIGHEST) allowed &= ~(1ull << a[0]);
      if (nr != __NR_close && a[1] <= HIGHEST) allowed &= ~(1ull << a[1]);
      return;
    case __NR_close_range:
      allowed = 0;
  }
}

uint32_t late_tell(void) {
  const uint32_t bytes = untold;
  untold = 0;
  return bytes;
}
