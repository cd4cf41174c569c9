/** Flags of Linux x86-64, as in the kernel's uapi headers. */

/** open(2) */
export const O = {
  ACCMODE: 0o3,
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  CREAT: 0o100,
  EXCL: 0o200,
  NOCTTY: 0o400,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DIRECTORY: 0o200000,
  NOFOLLOW: 0o400000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
  TMPFILE: 0o20200000,
} as const;

/** inode(7): the file type in st_mode */
export const S_IF = {
  MT: 0o170000,
  IFO: 0o010000,
  CHR: 0o020000,
  DIR: 0o040000,
  REG: 0o100000,
  LNK: 0o120000,
  SOCK: 0o140000,
} as const;

/** openat(2) and its kin */
export const AT = {
  FDCWD: -100,
  SYMLINK_NOFOLLOW: 0x100,
  REMOVEDIR: 0x200,
  SYMLINK_FOLLOW: 0x400,
  EACCESS: 0x200,
  NO_AUTOMOUNT: 0x800,
  EMPTY_PATH: 0x1000,
  /** AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC */
  STATX_SYNC: 0x6000,
} as const;

/** fcntl(2) */
export const F = {
  DUPFD: 0,
  GETFD: 1,
  SETFD: 2,
  GETFL: 3,
  SETFL: 4,
  GETLK: 5,
  SETLK: 6,
  SETLKW: 7,
  DUPFD_CLOEXEC: 1030,
  NOTIFY: 1026,
  SETPIPE_SZ: 1031,
  GETPIPE_SZ: 1032,
} as const;

/** For F_NOTIFY: as an int, negative. */
export const DN_MULTISHOT = 0x80000000 | 0;

export const FD_CLOEXEC = 1;

/** mmap(2) */
export const MAP = {
  SHARED: 1,
  PRIVATE: 2,
  SHARED_VALIDATE: 3,
  FIXED: 0x10,
  ANONYMOUS: 0x20,
  NOREPLACE: 0x100000,
} as const;
export const PROT = { READ: 1, WRITE: 2, EXEC: 4 } as const;

/** poll(2) */
export const POLL = { IN: 1, PRI: 2, OUT: 4, ERR: 8, HUP: 16, NVAL: 32 } as const;

/** Limits of paths (limits.h), bytes, PATH_MAX with the NUL. */
export const PATH_MAX = 4096;
export const NAME_MAX = 255;
