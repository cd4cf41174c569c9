/*
 * The kernel that the fuzzed keeper talks to: descriptors are numbers, files hold what the fuzzer generates, processes
 * are those that the keeper started. A part of fuzz_keeper.c.
 */
enum { FD_CONTROL = 1000, FD_REPORTS, FD_DIRECTORY, FD_SHIM, FD_FIRST };

static struct source input;
static jmp_buf way_out;
static int64_t fake_time;
static int child_ended;
/* A guest that was reported as started, but not yet as ended or parked. */
static int live;
/* The process ids that the keeper may kill: its forked and adopted children. */
static int32_t own[64];
static unsigned owned;
static int open_descriptors;

/* What the next reads of `control` and standard input bring. */
static const unsigned char *given;
static size_t given_left;

/* Allocations of a life that ends midway are not leaks: they are freed here. */
static void *blocks[256];

static void fake_begin(void) {
  fake_time = 1000000000;
  child_ended = live = 0;
  owned = 0;
  given_left = 0;
  open_descriptors = 0;
}

static void *fake_alloc(void *before, size_t size) {
  void *block = realloc(before, size);
  for (unsigned i = 0; i < 256; i++)
    if (blocks[i] == before) {
      blocks[i] = block;
      return block;
    }
  CHECK(!"more blocks than a keeper needs");
  return NULL;
}

static void *fake_zeroed(size_t count, size_t size) {
  void *block = fake_alloc(NULL, count * size);
  return block == NULL ? NULL : memset(block, 0, count * size);
}

static void fake_free(void *block) {
  for (unsigned i = 0; block != NULL && i < 256; i++)
    if (blocks[i] == block) blocks[i] = NULL;
  free(block);
}

static void fake_end(void) {
  for (unsigned i = 0; i < 256; i++) {
    free(blocks[i]);
    blocks[i] = NULL;
  }
}

static void give(const void *bytes, size_t size) {
  given = bytes;
  given_left = size;
}

static _Noreturn void fake_exit(int code) {
  (void)code;
  longjmp(way_out, 1);
}

static int fails(int with) {
  if (take_byte(&input) < 250) return 0;
  errno = with;
  return 1;
}

/* A file of /proc or of a control group: lines of a key and a number, numbers, or anything. */
static ssize_t made_up(char *to, size_t size) {
  static const char *const keys[] = {"oom_kill", "throttled_usec", "oom_kill_disable", "\nVmHWM:", "0::/", "max", "",
                                     "x"};
  char text[512];
  size_t length = 0;
  unsigned kind = take_byte(&input);
  if (kind > 245) return -1;
  if (kind > 240) return 0;
  unsigned lines = kind % 5;
  for (unsigned i = 0; i <= lines; i++) {
    uint64_t number = kind < 128 ? take_number(&input, 1 + kind % 3) : take_hostile(&input);
    const char *form = kind % 3 == 0 ? "%s %lld\n" : kind % 3 == 1 ? "%.0s%lld " : "%s%lld\n";
    length += (size_t)snprintf(text + length, sizeof text - length, form, keys[kind == 0 ? 0 : take_byte(&input) % 8],
                               (long long)number);
  }
  if (kind > 220)
    for (size_t i = 0; i < length; i++) text[i] = (char)take_byte(&input);
  if (length > size) length = size;
  memcpy(to, text, length);
  return (ssize_t)length;
}

static ssize_t fake_read(int fd, void *to, size_t size) {
  if (fd != FD_CONTROL && fd != STDIN_FILENO) return made_up(to, size);
  if (given_left == 0) return 0;
  if (fails(EINTR)) return -1;
  size_t n = given_left < size ? given_left : size;
  unsigned piece = take_byte(&input);
  if (piece > 128) n = 1 + piece % n;
  memcpy(to, given, n);
  given += n;
  given_left -= n;
  return (ssize_t)n;
}

static ssize_t fake_pread(int fd, void *to, size_t size, off_t at) {
  (void)fd, (void)at;
  return made_up(to, size);
}

static void check_report(const char *line, size_t size) {
  CHECK(size > 1 && line[size - 1] == '\n' && memchr(line, '\n', size - 1) == NULL);
  if (strncmp(line, "started ", 8) == 0) {
    CHECK(live == 0);
    live = 1;
  } else if (strncmp(line, "ended ", 6) == 0) {
    CHECK(live == 1);
    live = 0;
  } else if (strncmp(line, "parked", 6) == 0) {
    CHECK(live == 1);
    live = 0;
  } else {
    CHECK(strncmp(line, "failed ", 7) == 0 || strcmp(line, "marked\n") == 0 || strcmp(line, "stacked\n") == 0 ||
          strcmp(line, "pinned\n") == 0);
  }
}

static ssize_t fake_write(int fd, const void *from, size_t size) {
  if (fd == FD_REPORTS) {
    char line[512];
    CHECK(size < sizeof line);
    memcpy(line, from, size);
    line[size] = 0;
    check_report(line, size);
    return (ssize_t)size;
  }
  return fails(EIO) ? -1 : (ssize_t)size;
}

static int fake_descriptor(int error) {
  if (fails(error)) return -1;
  return FD_FIRST + open_descriptors++ % 1000;
}

static int fake_open(const char *path, int flags, ...) {
  (void)path, (void)flags;
  return fake_descriptor(ENOENT);
}

static int fake_openat(int at, const char *path, int flags, ...) {
  (void)at, (void)path, (void)flags;
  return fake_descriptor(ENOENT);
}

static int fake_close(int fd) {
  CHECK(fd >= FD_CONTROL);
  return 0;
}

static int is_own(int32_t pid) {
  for (unsigned i = 0; i < owned; i++)
    if (own[i] == pid) return 1;
  return 0;
}

static void becomes_own(int32_t pid) {
  CHECK(pid > 1);
  own[owned++ % 64] = pid;
  if (owned > 64) owned = 64;
}

static int fake_kill(pid_t pid, int signal) {
  CHECK(pid > 0); /* 0 and negative ones are groups, and -1 is everybody: kill(2) */
  CHECK(signal == 0 || is_own(pid));
  if (signal == 0 && fails(ESRCH)) return -1;
  return 0;
}

static int fake_fork(void) {
  static int32_t next = 100;
  if (fails(EAGAIN)) return -1;
  becomes_own(++next);
  return next;
}

static pid_t fake_waitpid(pid_t pid, int *status, int options) {
  CHECK(is_own(pid));
  if (status != NULL) *status = (int)take_number(&input, 2);
  if ((options & WNOHANG) != 0 && !child_ended) return 0;
  return pid;
}

static int fake_waitid(idtype_t type, id_t pid, siginfo_t *info, int options) {
  (void)type, (void)options;
  CHECK(is_own((pid_t)pid));
  info->si_pid = child_ended && take_byte(&input) < 200 ? (pid_t)pid : 0;
  return fails(ECHILD) ? -1 : 0;
}

static pid_t fake_wait4(pid_t pid, int *status, int options, struct rusage *usage) {
  (void)options;
  CHECK(is_own(pid));
  *status = (int)take_number(&input, 2);
  memset(usage, 0, sizeof *usage);
  usage->ru_utime.tv_sec = (time_t)take_number(&input, 2);
  usage->ru_stime.tv_usec = (suseconds_t)(take_number(&input, 3) % 1000000);
  usage->ru_maxrss = (long)take_number(&input, 4);
  return pid;
}

static int fake_socketpair(int a, int b, int c, int ends[2]) {
  (void)a, (void)b, (void)c;
  if ((ends[0] = fake_descriptor(EMFILE)) < 0) return -1;
  return (ends[1] = fake_descriptor(EMFILE)) < 0 ? -1 : 0;
}

static ssize_t fake_sendmsg(int fd, const struct msghdr *message, int flags) {
  (void)fd, (void)message, (void)flags;
  return fails(EPIPE) ? -1 : 1;
}

static int fake_poll(struct pollfd *fds, nfds_t count, int timeout) {
  (void)fds, (void)count;
  CHECK(timeout > 0);
  return fails(EINTR) ? -1 : 1;
}

/* The parent of the fork server reports the child's process id. An invalid id is a lie. */
static ssize_t fake_recv(int fd, void *to, size_t size, int flags) {
  (void)fd, (void)flags;
  int64_t pid = take_byte(&input) < 128 ? 100000 + take_byte(&input) : (int64_t)take_hostile(&input);
  if (pid > 1 && pid <= INT32_MAX) becomes_own((int32_t)pid);
  memcpy(to, &pid, size);
  return take_byte(&input) > 250 ? 3 : (ssize_t)size;
}

static int fake_sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set) {
  (void)size, (void)set;
  CHECK(pid > 0); /* 0 would be the keeper itself */
  return fails(EINVAL) ? -1 : 0;
}

static int fake_prlimit(pid_t pid, int resource, const struct rlimit *to, struct rlimit *from) {
  (void)from;
  CHECK(is_own(pid)); /* 0 would be the keeper itself */
  CHECK(resource == RLIMIT_AS || resource == RLIMIT_CPU || resource == RLIMIT_STACK);
  CHECK(to->rlim_max != RLIM_INFINITY && (int64_t)to->rlim_max > 0);
  /* A guest may take itself more of its stack. */
  CHECK(to->rlim_cur == to->rlim_max || (resource == RLIMIT_STACK && to->rlim_cur < to->rlim_max));
  return fails(EPERM) ? -1 : 0;
}

static int fake_clock_gettime(clockid_t clock, struct timespec *t) {
  int64_t ns = clock == CLOCK_MONOTONIC ? fake_time : (int64_t)take_number(&input, 4) * 1000;
  *t = (struct timespec){ns / 1000000000, ns % 1000000000};
  return 0;
}

static int fake_clock_getcpuclockid(pid_t pid, clockid_t *clock) {
  CHECK(is_own(pid));
  *clock = -pid;
  return fails(ESRCH) ? ESRCH : 0;
}

static int done_at(int at, const char *path, int flags) {
  (void)at, (void)path, (void)flags;
  return fails(EBUSY) ? -1 : 0;
}

static int fake_mkdirat(int at, const char *path, mode_t mode) { return done_at(at, path, (int)mode); }
static int fake_mkfifoat(int at, const char *path, mode_t mode) { return done_at(at, path, (int)mode); }
static int fake_rmdir(const char *path) { return done_at(0, path, 0); }
static int fake_dup(int fd) { return fd < 0 ? -1 : fake_descriptor(EMFILE); }
static int fake_nanosleep(const struct timespec *t, struct timespec *rest) { return t == NULL || rest != NULL; }

/* A folder of groups, made by this keeper or others. */
static DIR *fake_fdopendir(int fd) { return fd < 0 ? NULL : (DIR *)&input; }
static int fake_closedir(DIR *listing) { return listing == NULL; }
static struct dirent *fake_readdir(DIR *listing) {
  static struct dirent entry;
  (void)listing;
  unsigned choice = take_byte(&input);
  if (choice < 100) return NULL;
  snprintf(entry.d_name, sizeof entry.d_name, "%s%lld-1", choice < 200 ? "sandpiper-" : "user",
           (long long)take_hostile(&input));
  return &entry;
}

#define exit fake_exit
#define read fake_read
#define pread fake_pread
#define write fake_write
#define open fake_open
#define openat fake_openat
#define close fake_close
#define dup fake_dup
#define kill fake_kill
#define fork fake_fork
#define waitpid fake_waitpid
#define waitid fake_waitid
#define wait4 fake_wait4
#define socketpair fake_socketpair
#define sendmsg fake_sendmsg
#define recv fake_recv
#define poll fake_poll
#define sched_setaffinity fake_sched_setaffinity
#define prlimit fake_prlimit
#define clock_gettime fake_clock_gettime
#define clock_getcpuclockid fake_clock_getcpuclockid
#define unlinkat done_at
#define mkdirat fake_mkdirat
#define mkfifoat fake_mkfifoat
#define rmdir fake_rmdir
#define nanosleep fake_nanosleep
#define fdopendir fake_fdopendir
#define closedir fake_closedir
#define readdir fake_readdir
#define malloc(size) fake_alloc(NULL, size)
#define calloc fake_zeroed
#define realloc fake_alloc
#define free fake_free
