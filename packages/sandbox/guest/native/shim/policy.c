/*
 * Talk on two pipes, compute, manage private anonymous memory, end: nothing else happens natively. A call without a row
 * is trapped and answered by the controller; for a translated interpreter, it is refused.
 *
 * Memory may grow only from the shim's gate (one instruction address), so that the shim sees a refusal and tells the
 * controller. The same holds for the end of a mapping and of the process, before which the controller may have to fetch
 * what was written to a shared mapping of a file. That is bookkeeping, not a boundary: a guest that jumps to the gate
 * gains nothing, because the same argument checks hold there, and RLIMIT_AS and the keeper's watch hold everywhere.
 *
 * The parent of the fork server makes further calls, from the gate only and before any untrusted instruction exists
 * (fork.c). In its children the next filter refuses all of them.
 *
 * A translated interpreter has no code of its own that makes system calls; its C library has (tzset reads
 * /etc/localtime), and carries on when it is told that nothing is there. abort(3) raises its signal by tgkill(2) to
 * itself, and so does the shim when memory is refused. Two kinds of calls are trapped: growth of memory, for that
 * reason, and the signal mask, which must not hold the trap's own signal.
 */
#include "policy.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "arch_x86_64.h"
#include "shim.h"

#define ALLOW SECCOMP_RET_ALLOW
#define TRAP SECCOMP_RET_TRAP
#define KILL SECCOMP_RET_KILL_PROCESS
#define FAIL(errno_value) (SECCOMP_RET_ERRNO | (errno_value))

#define GUESTS (FILTER_GUEST | FILTER_VIRTUAL_TIME)
#define STOCK (GUESTS | FILTER_PARENT)
#define EVERY (STOCK | FILTER_TRANSLATED)

/* Where an argument stands (man 2 of each). */
enum { FD = 0, PROT = 2, MAP_FLAGS = 3, REMAP_FLAGS = 3, ADVICE = 2, OPERATION = 1, CLOCK = 0 };
enum { CLONE_FLAGS = 0, CLONE_STACK = 1, GROUP = 0, THREAD = 1, SIGNAL = 2 };

/* clang-format takes the braces for blocks. */
/* clang-format off */
#define VALUES(where, bits, said, bits_said, ...)                                                              \
  {.test = POLICY_VALUES, .argument = where, .free = bits, .values = {__VA_ARGS__},                           \
   .count = sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), .name = #where, .text = said, .free_text = bits_said}
#define MASKED(where, bits, ...) VALUES(where, bits, #__VA_ARGS__, #bits, __VA_ARGS__)
#define IS(where, ...) VALUES(where, 0, #__VA_ARGS__, NULL, __VA_ARGS__)
#define ONLY_BITS(where, bits) {.test = POLICY_BITS, .argument = where, .free = bits, .name = #where, .text = #bits}
#define ITSELF(where) {.test = POLICY_SELF, .argument = where, .name = #where, .text = "its own"}
#define BY_GATE {.test = POLICY_GATE}
#define BY_VSYSCALL {.test = POLICY_VSYSCALL}

#define RANGE(number, end, name, ...) {.first = number, .last = end, .call = name, __VA_ARGS__}
#define ROW(name, ...) RANGE(__NR_##name, __NR_##name, #name, __VA_ARGS__)
#define IF(...) .conditions = {__VA_ARGS__}
/* clang-format on */

static const struct policy_row rows[] = {
    RANGE(SHIM_X32_BIT, SHIM_X32_LAST, "x32", .filters = EVERY, .action = KILL, .why = "calls of another ABI"),

    ROW(read, .filters = STOCK, IF(IS(FD, SHIM_FD_IN)), .action = ALLOW, .why = "messages from the controller"),
    ROW(write, .filters = FILTER_VIRTUAL_TIME, IF(IS(FD, SHIM_FD_OUT)), .action = ALLOW,
        .why = "messages to the controller"),
    ROW(write, .filters = FILTER_GUEST | FILTER_PARENT, IF(IS(FD, SHIM_FD_OUT, SHIM_FD_LATE)), .action = ALLOW,
        .why = "messages to the controller, and output that it reads later"),
    ROW(read, .filters = FILTER_TRANSLATED, IF(IS(FD, STDIN_FILENO)), .action = ALLOW,
        .why = "messages from the controller"),
    ROW(write, .filters = FILTER_TRANSLATED, IF(IS(FD, STDOUT_FILENO, STDERR_FILENO)), .action = ALLOW,
        .why = "messages to the controller, and fatal errors"),

    ROW(mmap, .filters = EVERY,
        IF(BY_GATE, ONLY_BITS(PROT, PROT_READ | PROT_WRITE | PROT_EXEC),
           MASKED(MAP_FLAGS, MAP_FIXED | MAP_NORESERVE | MAP_STACK | MAP_FIXED_NOREPLACE, MAP_PRIVATE | MAP_ANONYMOUS)),
        .action = ALLOW, .otherwise = TRAP, .why = "private anonymous memory, never a file"),
    ROW(mremap, .filters = EVERY, IF(BY_GATE, ONLY_BITS(REMAP_FLAGS, MREMAP_MAYMOVE | MREMAP_FIXED)), .action = ALLOW,
        .otherwise = TRAP, .why = "growth of memory"),
    ROW(brk, .filters = EVERY, IF(BY_GATE), .action = ALLOW, .otherwise = TRAP, .why = "growth of the heap"),
    ROW(munmap, .filters = STOCK, IF(BY_GATE), .action = ALLOW,
        .why = "after the controller has copied shared mappings"),
    ROW(munmap, .filters = FILTER_TRANSLATED, .action = ALLOW, .why = "this guest has no shared mappings"),
    ROW(mprotect, .filters = EVERY, IF(ONLY_BITS(PROT, PROT_READ | PROT_WRITE | PROT_EXEC)), .action = ALLOW,
        .why = "the JIT's pages"),
    ROW(madvise, .filters = EVERY,
        IF(IS(ADVICE, MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED, MADV_FREE, MADV_HUGEPAGE,
              MADV_NOHUGEPAGE)),
        .action = ALLOW, .why = "return of memory, and hints about it"),

    /* A futex that is not private is shared by all processes that map a file, and guests map the same libraries. */
    ROW(futex, .filters = EVERY,
        IF(MASKED(OPERATION, FUTEX_CLOCK_REALTIME, FUTEX_WAIT_PRIVATE, FUTEX_WAKE_PRIVATE, FUTEX_WAIT_BITSET_PRIVATE,
                  FUTEX_WAKE_BITSET_PRIVATE)),
        .action = ALLOW, .why = "locks within one process, unreachable for other guests"),
    ROW(rt_sigreturn, .filters = EVERY, .action = ALLOW, .why = "the end of a trap"),
    ROW(restart_syscall, .filters = EVERY, .action = ALLOW, .why = "a wait that was interrupted"),
    ROW(exit, .filters = EVERY, .action = ALLOW, .why = "the end"),
    ROW(exit_group, .filters = STOCK, IF(BY_GATE), .action = ALLOW, .why = "the end, after the controller knows"),
    ROW(exit_group, .filters = FILTER_TRANSLATED, .action = ALLOW, .why = "the end"),
    ROW(clock_gettime, .filters = FILTER_GUEST | FILTER_PARENT,
        IF(IS(CLOCK, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID)), .action = ALLOW,
        .why = "its own CPU time, which the JIT reads often"),

    ROW(clone, .filters = FILTER_PARENT, IF(BY_GATE, IS(CLONE_FLAGS, CLONE_PARENT | SIGCHLD), IS(CLONE_STACK, 0)),
        .action = ALLOW, .why = "a child, whose parent is the keeper"),
    ROW(recvmsg, .filters = FILTER_PARENT, IF(BY_GATE, IS(FD, SHIM_FD_KEEPER)), .action = ALLOW,
        .why = "the pipes of a child"),
    ROW(sendto, .filters = FILTER_PARENT, IF(BY_GATE, IS(FD, SHIM_FD_KEEPER)), .action = ALLOW,
        .why = "the process id of a child"),
    ROW(dup3, .filters = FILTER_PARENT, IF(BY_GATE), .action = ALLOW, .why = "moves the pipes into place"),
    ROW(close, .filters = FILTER_PARENT, IF(BY_GATE), .action = ALLOW, .why = "closes the pipes of the parent"),
    ROW(prctl, .filters = FILTER_PARENT, IF(BY_GATE), .action = ALLOW, .why = "the filter of the child"),
    ROW(getppid, .filters = FILTER_PARENT, IF(BY_GATE), .action = ALLOW, .why = "is the keeper alive?"),
    ROW(setrlimit, .filters = FILTER_PARENT, IF(BY_GATE), .action = ALLOW,
        .why = "no further descriptors for the child"),

    ROW(rt_sigprocmask, .filters = FILTER_TRANSLATED, .action = TRAP, .why = "keeps SIGSYS out of the mask"),
    ROW(tgkill, .filters = FILTER_TRANSLATED,
        IF(ITSELF(GROUP), ITSELF(THREAD), IS(SIGNAL, SIGABRT, SHIM_SIGNAL_NO_MEMORY)), .action = ALLOW,
        .why = "abort(3), and the end when memory is refused"),
    ROW(getpid, .filters = FILTER_TRANSLATED, .action = ALLOW, .why = "for abort(3)"),
    ROW(gettid, .filters = FILTER_TRANSLATED, .action = ALLOW, .why = "for abort(3)"),
    ROW(open, .filters = FILTER_TRANSLATED, .action = FAIL(ENOENT), .why = "the C library continues without the file"),
    ROW(openat, .filters = FILTER_TRANSLATED, .action = FAIL(ENOENT), .why = "as open"),
    ROW(newfstatat, .filters = FILTER_TRANSLATED, .action = FAIL(ENOENT), .why = "as open"),
    ROW(stat, .filters = FILTER_TRANSLATED, .action = FAIL(ENOENT), .why = "as open"),
    ROW(lstat, .filters = FILTER_TRANSLATED, .action = FAIL(ENOENT), .why = "as open"),
    ROW(access, .filters = FILTER_TRANSLATED, .action = FAIL(ENOENT), .why = "as open"),
    ROW(faccessat, .filters = FILTER_TRANSLATED, .action = FAIL(ENOENT), .why = "as open"),
    ROW(readlink, .filters = FILTER_TRANSLATED, .action = FAIL(ENOENT), .why = "as open"),
    ROW(readlinkat, .filters = FILTER_TRANSLATED, .action = FAIL(ENOENT), .why = "as open"),

    /* No instruction of the guest is at these addresses, so an answer could not return. */
    ROW(gettimeofday, .filters = EVERY, IF(BY_VSYSCALL), .action = KILL, .why = "calls of another ABI"),
    ROW(time, .filters = EVERY, IF(BY_VSYSCALL), .action = KILL, .why = "calls of another ABI"),
    ROW(getcpu, .filters = EVERY, IF(BY_VSYSCALL), .action = KILL, .why = "calls of another ABI"),
};

const struct policy_row *policy_rows(size_t *count) {
  *count = sizeof rows / sizeof *rows;
  return rows;
}

uint32_t policy_default(enum policy_filter filter) { return filter == FILTER_TRANSLATED ? FAIL(EPERM) : TRAP; }
