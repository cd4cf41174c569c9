/* A guest that speaks the protocol itself, and says what the shim or a translated interpreter never would. */
#include "attacks.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void put(const void *data, size_t size) {
  const char *at = data;
  while (size > 0) {
    long n = invoke(SYS_write, attack_out, (long)at, (long)size, 0, 0, 0);
    if (n == -EINTR) continue;
    if (n <= 0) invoke(SYS_exit, 3, 0, 0, 0, 0, 0);
    at += n;
    size -= (size_t)n;
  }
}

/* Returns 0, or -1 when the controller has gone. */
static int take(void *to, size_t size) {
  char *at = to;
  while (size > 0) {
    long n = invoke(SYS_read, attack_in, (long)at, (long)size, 0, 0, 0);
    if (n == -EINTR) continue;
    if (n <= 0) return -1;
    at += n;
    size -= (size_t)n;
  }
  return 0;
}

static void put_word(int64_t word) { put(&word, sizeof word); }

static _Noreturn void wait_for_the_end(void) {
  char byte;
  while (take(&byte, 1) == 0)
    ;
  for (;;) invoke(SYS_exit, 0, 0, 0, 0, 0, 0);
}

static void request(const char *signature, const int64_t *arguments, size_t count) {
  unsigned char bytes[1 + 255 + 8 * 32];
  size_t length = strlen(signature);
  bytes[0] = (unsigned char)length;
  memcpy(bytes + 1, signature, length);
  memcpy(bytes + 1 + length, arguments, 8 * count);
  put(bytes, 1 + length + 8 * count);
}
#define REQUEST(signature, ...) \
  request(signature, (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / 8)

/* Waits for an operation of that letter with two words, as R, Z and W have. */
static void await_operation(char letter, uint64_t words[2]) {
  char got;
  if (take(&got, 1) != 0 || got != letter || take(words, 16) != 0) {
    tell("the controller did not ask");
    invoke(SYS_exit, 9, 0, 0, 0, 0, 0);
  }
}

static int64_t await_result(void) {
  char letter;
  int64_t word = 0;
  if (take(&letter, 1) != 0 || letter != 'i' || take(&word, sizeof word) != 0) invoke(SYS_exit, 9, 0, 0, 0, 0, 0);
  return word;
}

/* A translated guest is told its errno first, in an operation of its own. */
static int await_failure(void) {
  char letter;
  int32_t error;
  int64_t word;
  if (take(&letter, 1) == 0 && letter == 'E' && take(&error, sizeof error) == 0) take(&letter, 1);
  return letter == 'i' && take(&word, sizeof word) == 0 && word < 0;
}

/* Hexadecimal, then silence. */
static void bytes(const char *argument) {
  unsigned char byte;
  for (; sscanf(argument, "%2hhx", &byte) == 1; argument += 2) put(&byte, 1);
  wait_for_the_end();
}

/* Pairs of a byte and a count, both hexadecimal: 61*00ff is 255 times `a`. */
static void repeated(const char *argument) {
  unsigned byte, count;
  char all[70000];
  size_t size = 0;
  int used;
  for (; sscanf(argument, "%2x*%4x%n", &byte, &count, &used) == 2 && size + count < sizeof all; argument += used) {
    memset(all + size, (int)byte, count);
    size += count;
  }
  put(all, size);
  wait_for_the_end();
}

/* Well-formed, and in no table. Each is a failed call, not the end. */
static void unknown_signatures(const char *argument) {
  (void)argument;
  static const char *const signatures[] = {"constructor()i", "__proto__()i", "sandpiper_ready()i", "a_b_c_d_e()i"};
  char longest[256];
  int failed = 0;
  memset(longest, 'n', 252);
  strcpy(longest + 252, "()i");
  for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
    request(signatures[i], NULL, 0);
    failed += await_failure();
  }
  request(longest, NULL, 0);
  failed += await_failure();
  tell("5 answered, %s with an error", failed == 5 ? "all" : "not all");
}

static void endless_signatures(const char *argument) {
  (void)argument;
  char signature[64];
  for (unsigned long i = 0;; i++) {
    snprintf(signature, sizeof signature, "call_%lx_of_many()i", i);
    request(signature, NULL, 0);
    await_failure();
  }
}

/* A frame is a frame, however slowly it arrives. */
static void drip(const char *argument) {
  static const unsigned char frame[] = "\x0agetppid()i";
  for (int rounds = atoi(argument); rounds > 0; rounds--) {
    for (size_t i = 0; i < sizeof frame - 1; i++) put(&frame[i], 1);
    if (await_result() < 0) tell("not answered");
  }
  tell("answered, byte by byte");
}

static const char file_name[] = "/box/main.py";

static void ask_to_open(void) { REQUEST("openat(ipii)i", -100, (int64_t)(uintptr_t)file_name, 0, 0); }

/* Asked for its own memory, it stays silent. */
static void silence(const char *argument) {
  (void)argument;
  ask_to_open();
  for (;;) {
    char byte;
    take(&byte, 1);
  }
}

static void string_length(const char *argument) {
  uint64_t words[2];
  ask_to_open();
  await_operation('Z', words);
  put_word((int64_t)strtoull(argument, NULL, 0));
  wait_for_the_end();
}

/* More than was asked for, as answers to R and Z. */
static void too_much(const char *argument) {
  static char data[8192];
  uint64_t words[2];
  if (strcmp(argument, "string") == 0) {
    ask_to_open();
    await_operation('Z', words);
    put_word(4);
    put(data, 100);
  } else {
    REQUEST("write(ipi)i", 1, (int64_t)(uintptr_t)data, 10);
    await_operation('R', words);
    put(data, 10 + 8 + 4000);
  }
  wait_for_the_end();
}

/* Part of what was asked for, and then the end. */
static void too_little(const char *argument) {
  static char data[64];
  uint64_t words[2];
  REQUEST("write(ipi)i", 1, (int64_t)(uintptr_t)data, 60);
  await_operation('R', words);
  put(data, (size_t)atoi(argument));
  for (;;) invoke(SYS_exit, 0, 0, 0, 0, 0, 0);
}

/* The status of a peek is a number; any but 0 means that nothing was read. */
static void odd_status(const char *argument) {
  static char data[64];
  uint64_t words[2];
  REQUEST("write(ipi)i", 1, (int64_t)(uintptr_t)data, 60);
  await_operation('R', words);
  put(data, 60);
  put_word((int64_t)strtoull(argument, NULL, 0));
  tell("answered: %s", await_result() < 0 ? "an error" : "a success");
}

static _Noreturn void sleep_on_nothing(void) {
  static uint32_t word;
  for (;;) invoke(SYS_futex, (long)&word, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0);
}

/* Lets the controller write, and reads nothing. */
static void deaf(const char *argument) {
  (void)argument;
  static const char zero[] = "/dev/zero";
  uint64_t words[2];
  REQUEST("openat(ipii)i", -100, (int64_t)(uintptr_t)zero, 0, 0);
  await_operation('Z', words);
  put_word(sizeof zero - 1);
  put(zero, sizeof zero - 1);
  int64_t fd = await_result();
  static char data[1 << 20];
  REQUEST("read(ipi)i", fd, (int64_t)(uintptr_t)data, sizeof data);
  sleep_on_nothing();
}

/* Asks to end, and keeps talking. */
static void after_death(const char *argument) {
  REQUEST("exit_group(i)i", atoi(argument));
  for (int i = 0; i < 100000; i++) REQUEST("getpid()i", 0);
  wait_for_the_end();
}

/* Asks to end, and leaves another request in the pipe: the first words of a child of the fork server. */
static void last_word(const char *argument) {
  REQUEST("exit_group(i)i", atoi(argument));
  REQUEST("read(ipi)i", 5000, 0x10000, 1);
  sleep_on_nothing();
}

static void half_a_frame(const char *argument) {
  (void)argument;
  put("\x0agetp", 5);
  for (;;) invoke(SYS_exit, 0, 0, 0, 0, 0, 0);
}

/*
 * Answers S, a call that it shall make natively, without making it: the controller then believes in a mapping that does
 * not exist, of a size that no guest could have. The program has made the file and left it open as `argument`.
 */
static void false_mapping(const char *argument) {
  const int64_t fd = strtol(argument, NULL, 10), size = 1ll << 43;
  char letter;
  uint64_t words[7];
  REQUEST("mmap(piiiii)i", 0, size, 3, 1 /* MAP_SHARED */, fd, 0);
  while (take(&letter, 1) == 0) {
    if (letter == 'S') {
      if (take(words, sizeof words) != 0) break;
      put_word(0x10000000);
    } else if (letter == 'R') {
      take(words, 16);
      static char zeroes[1 << 20];
      for (uint64_t left = words[1]; left > 0;) {
        size_t n = left < sizeof zeroes ? left : sizeof zeroes;
        put(zeroes, n);
        left -= n;
      }
      put_word(0);
    } else if (letter == 'W') {
      take(words, 16);
      char scrap;
      for (uint64_t left = words[1]; left > 0; left--) take(&scrap, 1);
    } else {
      take(words, 8);
      /* the mapping is only claimed to grow */
      REQUEST("mremap(piiip)i", 0x10000000, size, 2 * size, 1, 0);
    }
  }
}

/* More mappings of a file than any table may hold: one mapping, cut in pieces by munmap(2). */
static void cut_mapping(const char *argument) {
  const int64_t fd = strtol(argument, NULL, 10);
  char letter;
  uint64_t words[7];
  int64_t at = 0x10000000, cuts = 0, refused = 0;
  REQUEST("mmap(piiiii)i", 0, 1ll << 40, 1, 1, fd, 0);
  while (cuts < 3000 && take(&letter, 1) == 0) {
    if (letter == 'S') {
      if (take(words, sizeof words) != 0) break;
      put_word(words[0] == SYS_mmap ? at : 0);
    } else {
      take(words, 8);
      if (cuts > 0 && (int64_t)words[0] < 0) refused++;
      if (++cuts == 3000) break;
      REQUEST("munmap(pi)i", at + cuts * 8192, 4096);
    }
  }
  tell("%s", refused > 0 ? "refused" : "all cuts made");
}

const struct attack_entry wire_attacks[] = {{"bytes", bytes},
                                            {"repeated", repeated},
                                            {"endless-signatures", endless_signatures},
                                            {"unknown-signatures", unknown_signatures},
                                            {"drip", drip},
                                            {"silence", silence},
                                            {"string-length", string_length},
                                            {"too-much", too_much},
                                            {"too-little", too_little},
                                            {"odd-status", odd_status},
                                            {"deaf", deaf},
                                            {"after-death", after_death},
                                            {"last-word", last_word},
                                            {"half-a-frame", half_a_frame},
                                            {"false-mapping", false_mapping},
                                            {"cut-mapping", cut_mapping},
                                            {NULL, NULL}};
