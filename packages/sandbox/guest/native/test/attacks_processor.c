/* Attacks with the processor's own state: flags, modes, forged signal frames, jumps into the shim. */
#include "attacks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* mov $20, %eax (getpid of 32 bits); int $0x80; 1: jmp 1b */
static const unsigned char call_of_32_bits[] = {0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xfe};
/* mov $20, %eax; sysenter; 1: jmp 1b */
static const unsigned char call_by_sysenter[] = {0xb8, 20, 0, 0, 0, 0x0f, 0x34, 0xeb, 0xfe};
/* mov $39, %eax; syscall; 1: jmp 1b */
static const unsigned char call_by_syscall[] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xfe};

#define FLAG_TRAP 0x100l
#define FLAG_DIRECTION 0x400l
#define FLAG_IOPL 0x3000l
#define FLAG_NESTED 0x4000l
#define FLAG_ALIGNMENT 0x40000l

/* Below 4 GiB, where code of 32 bits can lie. */
static void *low_code(const unsigned char *code, size_t size) {
  void *page = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (page == MAP_FAILED) {
    tell("no memory for code");
    _exit(9);
  }
  memcpy(page, code, size);
  return page;
}

/* By default getpid of 32 bits. 39 is that of 64 bits. */
static void int_80(const char *argument) {
  long result;
  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "a"(*argument == 0 ? 20l : atol(argument))
                   : "memory", "r8", "r9", "r10", "r11");
  tell("granted: %ld", result);
}

/* Into a segment of 32-bit code, and a call from there. */
static void far_jump(const char *argument) {
  void *code = strcmp(argument, "sysenter") == 0  ? low_code(call_by_sysenter, sizeof call_by_sysenter)
               : strcmp(argument, "syscall") == 0 ? low_code(call_by_syscall, sizeof call_by_syscall)
                                                  : low_code(call_of_32_bits, sizeof call_of_32_bits);
  __asm__ volatile("mov %1, %%rsp\n pushq $0x23\n pushq %0\n lretq"
                   :
                   : "r"((long)code), "r"((long)code + 4096)
                   : "memory");
}

/*
 * Calls by int $0x80 from 32-bit code that comes back. Their numbers are those of 32 bits for what leaves evidence: ids,
 * and a page that is written to.
 */
static void far_call(const char *argument) {
  (void)argument;
  static const struct {
    const char *name;
    int nr;
  } calls[] = {{"getpid", 20},       {"getppid", 64}, {"getuid32", 199}, {"umask", 60},
               {"uname", 122},       {"time", 13},    {"pipe", 42},      {"sysinfo", 116},
               {"gettimeofday", 78}, {"getcwd", 183}, {"getpid64", 39},  {"uname64", 63}};
  /*
   * mov $nr, %eax; mov $page, %ebx; mov $2048, %ecx; int $0x80; push %eax; then by the mode, which a kernel may have
   * changed: xor %eax, %eax; inc %eax, or a prefix that does nothing; nop; test %eax, %eax; jnz 1f; jump to `back`;
   * 1: push $0x33; push $back; lret
   */
  unsigned char code[] = {0xb8, 0, 0,    0,    0,    0xbb, 0,    0x08, 0x00, 0x10, 0xb9, 0,    0x08,
                          0,    0, 0xcd, 0x80, 0x50, 0x31, 0xc0, 0x40, 0x90, 0x85, 0xc0, 0x75, 0x05,
                          0xe9, 0, 0,    0,    0,    0x6a, 0x33, 0x68, 0x00, 0x02, 0x00, 0x10, 0xcb};
  const int32_t to_back = 0x200 - 31;
  memcpy(code + 27, &to_back, sizeof to_back);
  /* mov 0x10000500, %rsp; ret */
  static const unsigned char back[] = {0x48, 0x8b, 0x24, 0x25, 0x00, 0x05, 0x00, 0x10, 0xc3};
  int granted = 0;
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    memcpy(code + 1, &calls[i].nr, sizeof calls[i].nr);
    unsigned char *low = low_code(code, sizeof code);
    memcpy(low + 0x200, back, sizeof back);
    __asm__ volatile(
        "lea 1f(%%rip), %%r14\n push %%r14\n mov %%rsp, 0x500(%0)\n lea 0x400(%0), %%rsp\n pushq $0x23\n pushq %0\n"
        "lretq\n 1:"
        :
        : "r"((long)low)
        : "memory", "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r14", "cc");
    int result, written = 0;
    /* 0x33 went there after the four bytes of the result; else the result has eight. */
    memcpy(&result, low[0x3f8] == 0x33 ? low + 0x3fc : low + 0x3f8, sizeof result);
    for (int k = 0x800; k < 0x1000; k++) written |= low[k];
    if (written || (result >= 0 && result != calls[i].nr)) tell("%s was executed: %d", calls[i].name, result);
    granted += written || (result >= 0 && result != calls[i].nr);
  }
  tell("%d calls were executed from 32-bit code", granted);
}

static void vsyscall(const char *argument) {
  (void)argument;
  long (*page)(void *, void *) = (long (*)(void *, void *))0xffffffffff600000;
  long now[2];
  tell("%s", page(now, NULL) == 0 ? "granted" : "refused");
}

static void set_flags(long flags) {
  __asm__ volatile("pushfq\n or %0, (%%rsp)\n popfq" : : "r"(flags) : "memory", "cc");
}
static void clear_flags(long flags) {
  __asm__ volatile("pushfq\n and %0, (%%rsp)\n popfq" : : "r"(~flags) : "memory", "cc");
}

/* Calls with a flag set that the shim's handler does not expect. Its answers must still be right. */
static void flags(const char *argument) {
  static const char text[] = "/box/main.py";
  char stat_buffer[256];
  long all = 0;
  if (strcmp(argument, "trap") == 0) all = FLAG_TRAP;
  if (strcmp(argument, "direction") == 0) all = FLAG_DIRECTION;
  if (strcmp(argument, "nested") == 0) all = FLAG_NESTED;
  if (strcmp(argument, "alignment") == 0) all = FLAG_ALIGNMENT;
  if (strcmp(argument, "iopl") == 0) all = FLAG_IOPL;
  set_flags(all);
  long pid = invoke(SYS_getpid, 0, 0, 0, 0, 0, 0);
  long status = invoke(SYS_stat, (long)text, (long)stat_buffer, 0, 0, 0, 0);
  clear_flags(all);
  tell("%s: %ld %ld", argument, pid > 0 ? 1l : pid, status);
}

/* What rt_sigreturn(2) restores; `context` is where the kernel put it in a frame of its own. */
static _Noreturn void return_to(const ucontext_t *context) {
  __asm__ volatile("mov %0, %%rsp\n mov $15, %%eax\n syscall\n ud2" : : "r"(context) : "memory");
  __builtin_unreachable();
}

static void after_mask(void) {
  invoke(SYS_getpid, 0, 0, 0, 0, 0, 0);
  tell("a call was made with its trap blocked");
  _exit(9);
}

/* Calls that leave evidence where the host's kernel executes them: its results, and what it writes. */
static void after_blinding(void) {
  static long page[512];
  const long at = (long)page;
  const struct {
    const char *name;
    long nr, a, b, c;
  } calls[] = {
      {"uname", SYS_uname, at, 0, 0},
      {"gettimeofday", SYS_gettimeofday, at, 0, 0},
      {"getcwd", SYS_getcwd, at, sizeof page, 0},
      {"getrandom", SYS_getrandom, at, sizeof page, 0},
      {"sysinfo", SYS_sysinfo, at, 0, 0},
      {"stat", SYS_stat, (long)"/etc/passwd", at, 0},
      {"pipe", SYS_pipe, at, 0, 0},
      {"openat", SYS_openat, AT_FDCWD, (long)"/etc/passwd", O_RDONLY},
      {"socket", SYS_socket, 2, 1, 0},
      {"getpid", SYS_getpid, 0, 0, 0},
      {"getppid", SYS_getppid, 0, 0, 0},
      {"mmap", SYS_mmap, 0, 4096, PROT_READ},
      {"setsid", SYS_setsid, 0, 0, 0},
      {"fork", SYS_fork, 0, 0, 0},
  };
  int granted = 0;
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
    const long flags = calls[i].nr == SYS_mmap ? MAP_SHARED | MAP_ANONYMOUS : 0;
    const long result = invoke(calls[i].nr, calls[i].a, calls[i].b, calls[i].c, flags, -1, 0);
    /* A kernel that executes nothing leaves the number, or says that there is no such call. */
    const int answered = result != calls[i].nr && result != -ENOSYS;
    int written = 0;
    for (size_t k = 0; k < sizeof page / sizeof *page; k++) written |= page[k] != 0;
    if (answered || written) tell("%s was executed: %ld", calls[i].name, result);
    granted += answered || written;
    memset(page, 0, sizeof page);
  }
  tell("%d calls were executed with their trap blocked", granted);
  _exit(9);
}

static _Alignas(64) unsigned char scratch_stack[65536];
static _Alignas(64) unsigned char junk[4096];

static void frame(const char *argument) {
  static ucontext_t context;
  greg_t *r = context.uc_mcontext.gregs;
  r[REG_RSP] = (greg_t)(scratch_stack + sizeof scratch_stack - 128 - 8);
  r[REG_RIP] = (greg_t)after_mask;
  r[REG_EFL] = 0x202;
  r[REG_CSGSFS] = 0x33 | (0x2bll << 48);
  context.uc_flags = 6; /* UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS */
  if (strcmp(argument, "garbage") == 0) {
    memset(&context, 0xff, sizeof context);
  } else if (strcmp(argument, "mask") == 0) {
    memset(&context.uc_sigmask, 0xff, sizeof context.uc_sigmask);
  } else if (strcmp(argument, "blind") == 0) {
    memset(&context.uc_sigmask, 0xff, sizeof context.uc_sigmask);
    r[REG_RIP] = (greg_t)after_blinding;
  } else if (strcmp(argument, "kernel") == 0) {
    r[REG_RIP] = (greg_t)0xffffffff81000000;
  } else if (strcmp(argument, "non-canonical") == 0) {
    r[REG_RIP] = (greg_t)0x800000000000;
  } else if (strcmp(argument, "segment") == 0) {
    r[REG_CSGSFS] = 0x10 | (0x18ll << 48);
  } else if (strcmp(argument, "mode") == 0) {
    r[REG_RIP] = (greg_t)low_code(call_of_32_bits, sizeof call_of_32_bits);
    r[REG_RSP] = 0x10000f00;
    r[REG_CSGSFS] = 0x23 | (0x2bll << 48);
  } else if (strcmp(argument, "state") == 0) {
    /* a state of the vector unit that claims to be larger than it is (struct _fpx_sw_bytes) */
    memset(junk, 0xff, sizeof junk);
    context.uc_flags |= 1;
    context.uc_mcontext.fpregs = (fpregset_t)junk;
  } else if (strcmp(argument, "stack") == 0) {
    /* sigreturn restores the alternate stack too: the next trap finds none */
    context.uc_stack = (stack_t){.ss_flags = SS_DISABLE};
    r[REG_RSP] = 64;
  } else if (strcmp(argument, "nowhere") == 0) {
    return_to((const ucontext_t *)8);
  }
  return_to(&context);
}

struct registers {
  long rax, rdi, rsi, rdx, r10, r8, r9;
};

/* Calls an address with those registers, and gives what it leaves in rax. */
static long call_with(const unsigned char *target, const struct registers *r) {
  long result = r->rax;
  register long r10 __asm__("r10") = r->r10;
  register long r8 __asm__("r8") = r->r8;
  register long r9 __asm__("r9") = r->r9;
  long a = r->rdi, b = r->rsi, c = r->rdx;
  __asm__ volatile("call *%[target]"
                   : "+a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8), "+r"(r9)
                   : [target] "b"(target)
                   : "rcx", "r11", "memory", "cc");
  return result;
}

/* Every `syscall; ret` of the shim, its gate among them, with calls that its address must not make acceptable. */
static void gate(const char *argument) {
  (void)argument;
  static char buffer[4096];
  const long at = (long)buffer;
  const struct registers calls[] = {
      {SYS_openat, AT_FDCWD, (long)"/etc/shadow", O_RDONLY, 0, 0, 0},
      {SYS_open, (long)"/proc/version", O_RDONLY, 0, 0, 0, 0},
      {SYS_execve, (long)"/bin/true", 0, 0, 0, 0, 0},
      {SYS_socket, 2, 1, 0, 0, 0, 0},
      {SYS_clone, SIGCHLD, 0, 0, 0, 0, 0},
      {SYS_clone, 0x8000 | SIGCHLD, 0, 0, 0, 0, 0},
      {SYS_fork, 0, 0, 0, 0, 0, 0},
      {SYS_mmap, 0, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | 0x40000, -1, 0},
      {SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, attack_in, 0},
      {SYS_mmap, 0, 4096, 0x01000003, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0},
      {SYS_mmap, 0, 2 << 20, 3, MAP_PRIVATE | MAP_ANONYMOUS | 0x40000 /* HUGETLB */, -1, 0},
      {SYS_mremap, at & ~4095l, 4096, 4096, 4 /* DONTUNMAP */ | 1, 0, 0},
      {SYS_prctl, 4, 1, 0, 0, 0, 0},
      {SYS_kill, 1, 9, 0, 0, 0, 0},
      {SYS_tgkill, 1, 1, 9, 0, 0, 0},
      {SYS_ptrace, 0, 0, 0, 0, 0, 0},
      {SYS_recvmsg, 8188, at, 0, 0, 0, 0},
      {SYS_sendto, 8188, at, 8, 0, 0, 0},
      {SYS_dup3, attack_in, 77, 0, 0, 0, 0},
      {SYS_close, attack_in, 0, 0, 0, 0, 0},
  };
  const unsigned char *start, *end;
  unsigned places = 0;
  find_shim(&start, &end);
  for (const unsigned char *p = start; p + 3 <= end; p++) {
    if (p[0] != 0x0f || p[1] != 0x05 || p[2] != 0xc3) continue;
    places++;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
      long result = call_with(p, &calls[i]);
      if (result >= 0)
        tell("call %ld (%ld, %ld, %ld) was granted: %ld", calls[i].rax, calls[i].rdi, calls[i].rsi, calls[i].rdx,
             result);
    }
  }
  tell(places > 0 ? "every gate tried" : "no gate found");
}

/* Anywhere in the shim, with any registers: the consequences are this process's own. */
static void jump(const char *argument) {
  const unsigned char *start, *end;
  find_shim(&start, &end);
  unsigned seed = (unsigned)atoi(argument);
  srand(seed);
  for (int i = 0; i < 1000; i++) {
    struct registers r;
    long *words = (long *)&r;
    for (size_t k = 0; k < sizeof r / sizeof *words; k++)
      words[k] = rand() % 4 == 0 ? (long)scratch_stack : rand() % 4 == 0 ? attack_out : rand() % 400;
    call_with(start + (size_t)rand() % (size_t)(end - start), &r);
  }
  tell("jumped");
}

const struct attack_entry processor_attacks[] = {{"int-80", int_80},     {"far-jump", far_jump}, {"far-call", far_call},
                                                 {"vsyscall", vsyscall}, {"flags", flags},       {"frame", frame},
                                                 {"gate", gate},         {"jump", jump},         {NULL, NULL}};
