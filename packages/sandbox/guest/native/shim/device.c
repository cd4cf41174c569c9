/*
 * PyPy's os.urandom() opens /dev/urandom, looks at it, reads and closes it: five calls for eight bytes. When a program has
 * done so, and then does it again with no other call between, the descriptor is the same and so is what is told of it.
 * So the shim remembers both, takes the bytes from its store (answers.c), and answers all five. Before any other call the
 * controller is asked for what is open here: to that call, all is as if it had been asked at once.
 */
#include "device.h"

#include <asm/ioctls.h>
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>

#include "answers.h"
#include "arch_x86_64.h"
#include "channel.h"
#include "shim.h"

#define STAT_SIZE 144

static const char device_path[] = "/dev/urandom";

static enum {
  UNKNOWN,
  /* As the controller knows it. */
  OPEN,
  /* Just closed: the next descriptor is this one. */
  CLOSED,
  /* Closed as the controller knows it, and opened here. */
  OPEN_HERE
} device_state;

/* How it was opened, and what came of it. */
static long open_nr, device_fd;
static uint64_t open_arguments[6];
/* What fstat(2) stored, and the error of TCGETS (tty_ioctl(4)); 0 where it was not asked for. */
static int stat_known;
static unsigned char stat_bytes[STAT_SIZE];
static long terminal_error;

static const char *path_of(long nr, const uint64_t a[6]) {
  return (const char *)(nr == __NR_open ? a[0] : nr == __NR_openat ? a[1] : 0);
}

static int is_device(const char *at) {
  char text[sizeof device_path];
  if (at == NULL || shim_copy(text, at, sizeof text) != 0) return 0;
  for (size_t i = 0; i < sizeof text; i++)
    if (text[i] != device_path[i]) return 0;
  return 1;
}

static int flags_of(long nr, const uint64_t a[6]) { return (int)a[nr == __NR_open ? 1 : 2]; }

/* For reading, and with nothing that another result could come of. */
static int is_plain(int flags) { return (flags & ~(O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) == O_RDONLY; }

static int opens_again(long nr, const uint64_t a[6]) {
  return nr == open_nr && flags_of(nr, a) == flags_of(nr, open_arguments) && is_device(path_of(nr, a));
}

static int answer_here(long nr, const uint64_t a[6], long *result) {
  if ((int32_t)a[0] != device_fd) return 0;
  switch (nr) {
    case __NR_read:
      return answers_random(a[1], a[2], result);
    case __NR_fstat:
      if (!stat_known) return 0;
      *result = shim_copy((void *)a[1], stat_bytes, sizeof stat_bytes) != 0 ? -EFAULT : 0;
      return 1;
    case __NR_ioctl:
      *result = terminal_error;
      return a[1] == TCGETS && terminal_error != 0;
    case __NR_close:
      if (device_state != OPEN_HERE) return 0;
      device_state = CLOSED;
      *result = 0;
      return 1;
    default:
      return 0;
  }
}

static void tell_that_it_is_open(void) {
  uint64_t a[6];
  shim_copy(a, open_arguments, sizeof a);
  a[open_nr == __NR_open ? 0 : 1] = (uint64_t)(uintptr_t)device_path;
  device_state = OPEN;
  if (channel_call(open_nr == __NR_open ? "open(pii)i" : "openat(ipii)i", a) != device_fd) channel_break();
}

int device_call(long nr, const uint64_t a[6], long *result) {
  if (device_state == UNKNOWN) return 0;
  if (device_state == CLOSED) {
    if (!opens_again(nr, a)) return 0;
    device_state = OPEN_HERE;
    *result = device_fd;
    return 1;
  }
  if (answer_here(nr, a, result)) return 1;
  if (device_state == OPEN_HERE) tell_that_it_is_open();
  return 0;
}

void device_note_call(long nr, const uint64_t a[6], long result) {
  const char *opened = path_of(nr, a);
  if (opened != NULL) {
    device_state = UNKNOWN;
    if (result < 0 || !answers_store() || !is_plain(flags_of(nr, a)) || !is_device(opened)) return;
    device_state = OPEN;
    open_nr = nr;
    device_fd = result;
    shim_copy(open_arguments, a, sizeof open_arguments);
    stat_known = 0;
    terminal_error = 0;
    return;
  }
  if (device_state != OPEN || (int32_t)a[0] != device_fd) {
    device_state = UNKNOWN;
    return;
  }
  switch (nr) {
    case __NR_fstat:
      stat_known = result == 0 && shim_copy(stat_bytes, (const void *)a[1], sizeof stat_bytes) == 0;
      return;
    case __NR_ioctl:
      if (a[1] == TCGETS && result < 0) terminal_error = result;
      return;
    case __NR_read:
      return;
    case __NR_close:
      device_state = result == 0 ? CLOSED : UNKNOWN;
      return;
    default:
      device_state = UNKNOWN;
  }
}
