/*
 * A trap costs several times as much as the message that it sends. So this library has the functions of the C library
 * that programs call most, which send the message at once. It is a short cut and no boundary: a call that comes by
 * another way is trapped, and both ways end in shim_answer().
 *
 * A signal that arrives meanwhile is noted, and delivered by a trap when the call has ended. A call that may wait
 * (input that is typed, output that is read live) is left to the trap: only there are signals blocked, and the
 * controller sees one that is pending.
 */
#include "library.h"

#include <asm/ioctls.h>
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "arch_x86_64.h"
#include "shim.h"
#include "signals.h"

#define EXPORT __attribute__((visibility("default")))

/* Exported: the C library's own declarations do not say so. */
EXPORT int getpid(void);
EXPORT int getppid(void);
EXPORT unsigned getuid(void);
EXPORT unsigned geteuid(void);
EXPORT unsigned getgid(void);
EXPORT unsigned getegid(void);
EXPORT long read(int fd, void *to, size_t size);
EXPORT long write(int fd, const void *from, size_t size);
EXPORT long lseek(int fd, long offset, int whence);
EXPORT long lseek64(int fd, long offset, int whence);
EXPORT int close(int fd);
EXPORT int open(const char *path, int flags, ...);
EXPORT int open64(const char *path, int flags, ...);
EXPORT int isatty(int fd);
EXPORT int mkdir(const char *path, unsigned mode);
EXPORT int unlink(const char *path);
EXPORT int stat64(const char *path, void *to);
EXPORT int lstat64(const char *path, void *to);
EXPORT int fstat64(int fd, void *to);
EXPORT int fstatat64(int folder, const char *path, void *to, int flags);
EXPORT int access(const char *path, int mode);
EXPORT long readlink(const char *path, char *to, size_t size);
EXPORT long syscall(long nr, ...);

static int serves, reads_never_wait, writes_never_wait;

void library_begin(void) { serves = 1; }

void library_permit(int reads, int writes) {
  reads_never_wait = reads;
  writes_never_wait = writes;
}

static long result_of(long value) {
  if (value >= 0 || value < -4095) return value;
  errno = (int)-value;
  return -1;
}

static long call(long nr, long a, long b, long c, long d) {
  const uint64_t arguments[6] = {(uint64_t)a, (uint64_t)b, (uint64_t)c, (uint64_t)d};
  /* A handler of the guest, which a trap has called, may be in the middle of another call. */
  if (!serves || !signals_hold()) return result_of(raw6(nr, arguments));
  const long result = shim_answer(nr, arguments);
  signals_release();
  return result_of(result);
}

static long call_that_may_wait(int never_waits, long nr, long a, long b, long c) {
  if (never_waits) return call(nr, a, b, c, 0);
  const uint64_t arguments[6] = {(uint64_t)a, (uint64_t)b, (uint64_t)c};
  return result_of(raw6(nr, arguments));
}

EXPORT int getpid(void) { return (int)call(__NR_getpid, 0, 0, 0, 0); }
EXPORT int getppid(void) { return (int)call(__NR_getppid, 0, 0, 0, 0); }
EXPORT unsigned getuid(void) { return (unsigned)call(__NR_getuid, 0, 0, 0, 0); }
EXPORT unsigned geteuid(void) { return (unsigned)call(__NR_geteuid, 0, 0, 0, 0); }
EXPORT unsigned getgid(void) { return (unsigned)call(__NR_getgid, 0, 0, 0, 0); }
EXPORT unsigned getegid(void) { return (unsigned)call(__NR_getegid, 0, 0, 0, 0); }

EXPORT long read(int fd, void *to, size_t size) {
  return call_that_may_wait(reads_never_wait, __NR_read, fd, (long)to, (long)size);
}

EXPORT long write(int fd, const void *from, size_t size) {
  return call_that_may_wait(writes_never_wait, __NR_write, fd, (long)from, (long)size);
}

EXPORT long lseek(int fd, long offset, int whence) { return call(__NR_lseek, fd, offset, whence, 0); }
EXPORT long lseek64(int fd, long offset, int whence) { return call(__NR_lseek, fd, offset, whence, 0); }
/* The mode is an argument only where a file may be created; elsewhere it is any number, which no one looks at. */
static int open_with(const char *path, int flags, va_list list) {
  const long mode = __OPEN_NEEDS_MODE(flags) ? va_arg(list, int) : 0;
  return (int)call(__NR_openat, AT_FDCWD, (long)path, flags, mode);
}

EXPORT int open(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const int fd = open_with(path, flags, list);
  va_end(list);
  return fd;
}

EXPORT int open64(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const int fd = open_with(path, flags, list);
  va_end(list);
  return fd;
}

/* tty_ioctl(4): the kernel's structure is smaller. */
EXPORT int isatty(int fd) {
  unsigned char terminal[128];
  return call(__NR_ioctl, fd, TCGETS, (long)terminal, 0) == 0;
}

EXPORT int mkdir(const char *path, unsigned mode) { return (int)call(__NR_mkdir, (long)path, (long)mode, 0, 0); }
EXPORT int unlink(const char *path) { return (int)call(__NR_unlink, (long)path, 0, 0, 0); }
EXPORT int close(int fd) { return (int)call(__NR_close, fd, 0, 0, 0); }

EXPORT int stat64(const char *path, void *to) { return (int)call(__NR_newfstatat, AT_FDCWD, (long)path, (long)to, 0); }

EXPORT int lstat64(const char *path, void *to) {
  return (int)call(__NR_newfstatat, AT_FDCWD, (long)path, (long)to, AT_SYMLINK_NOFOLLOW);
}

EXPORT int fstat64(int fd, void *to) { return (int)call(__NR_fstat, fd, (long)to, 0, 0); }

EXPORT int fstatat64(int folder, const char *path, void *to, int flags) {
  return (int)call(__NR_newfstatat, folder, (long)path, (long)to, flags);
}

EXPORT int access(const char *path, int mode) { return (int)call(__NR_access, (long)path, mode, 0, 0); }

EXPORT long readlink(const char *path, char *to, size_t size) {
  return call(__NR_readlink, (long)path, (long)to, (long)size, 0);
}

/* Any call may come this way, one that waits or concerns the signal mask too: the trap knows them all. */
EXPORT long syscall(long nr, ...) {
  uint64_t a[6];
  va_list list;
  va_start(list, nr);
  for (int i = 0; i < 6; i++) a[i] = va_arg(list, uint64_t);
  va_end(list);
  if (nr == __NR_getrandom) return call(nr, (long)a[0], (long)a[1], (long)a[2], 0);
  return result_of(raw6(nr, a));
}
