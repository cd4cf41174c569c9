#include "sandbox2.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The argument area of a real guest. */
#define MAX_ARGUMENTS 32

static int lies;
static int64_t lie;

void sandbox_lie(int64_t length) {
  lies = 1;
  lie = length;
}

static _Noreturn void give_up(const char *why) {
  fprintf(stderr, "sandbox: %s\n", why);
  abort();
}

void sandbox_send(const void *data, size_t size) {
  const char *at = data;
  while (size > 0) {
    ssize_t n = write(STDOUT_FILENO, at, size);
    if (n <= 0) give_up("write(stdout)");
    at += n;
    size -= (size_t)n;
  }
}

/* A real guest takes a reply in pieces: the letter, its numbers, its data. */
static void receive(void *to, size_t size) {
  char *at = to;
  while (size > 0) {
    ssize_t n = read(STDIN_FILENO, at, size);
    if (n <= 0) give_up(n == 0 ? "stdin: end of file" : "read(stdin)");
    at += n;
    size -= (size_t)n;
  }
}

static void send_request(const char *signature, const uint64_t *arguments) {
  unsigned char length = (unsigned char)strlen(signature);
  const char *open = strchr(signature, '(');
  if (open == NULL) give_up("no signature");
  size_t count = strcspn(open + 1, ")");
  if (count > MAX_ARGUMENTS) give_up("too many arguments");
  /* as few writes as a real one makes, so that the controller has a whole request to read */
  char request[1 + 255 + 8 * MAX_ARGUMENTS];
  request[0] = (char)length;
  memcpy(request + 1, signature, length);
  if (count > 0) memcpy(request + 1 + length, arguments, 8 * count);
  sandbox_send(request, 1 + (size_t)length + 8 * count);
}

static void send_string(const char *at, uint64_t max) {
  if (lies) {
    lies = 0;
    sandbox_send(&lie, sizeof lie);
    return;
  }
  uint64_t length = strnlen(at, max);
  sandbox_send(&length, sizeof length);
  sandbox_send(at, length);
}

static void *take_block(uint64_t size) {
  void *block = malloc(size);
  if (block == NULL) give_up("malloc");
  receive(block, size);
  return block;
}

uint64_t sandbox_call(const char *signature, const uint64_t *arguments) {
  const char wanted = signature[strlen(signature) - 1];
  send_request(signature, arguments);
  for (;;) {
    char letter;
    uint64_t at_and_size[2], word = 0;
    int32_t error;
    receive(&letter, sizeof letter);
    switch (letter) {
      case 'R':
        receive(at_and_size, sizeof at_and_size);
        sandbox_send((const void *)at_and_size[0], at_and_size[1]);
        break;
      case 'Z':
        receive(at_and_size, sizeof at_and_size);
        send_string((const char *)at_and_size[0], at_and_size[1]);
        break;
      case 'W':
        receive(at_and_size, sizeof at_and_size);
        receive((void *)at_and_size[0], at_and_size[1]);
        break;
      case 'M':
        receive(&word, sizeof word);
        word = P(take_block(word));
        sandbox_send(&word, sizeof word);
        break;
      case 'F':
        receive(&word, sizeof word);
        free((void *)word);
        break;
      case 'E':
        receive(&error, sizeof error);
        errno = error;
        break;
      default:
        if (letter != wanted) give_up("a result of another kind than the signature's");
        if (letter != 'v') receive(&word, sizeof word);
        return word;
    }
  }
}
