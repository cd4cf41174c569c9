/*
 * The dialect for system calls under the shim differs from a translated guest's in three things, all because a bad
 * address must be an error that is told and never a stream out of step:
 *   R  answers the bytes (zeroes where unreadable) and then 8 bytes: 0, or -EFAULT
 *   Z  answers a length of -EFAULT and no bytes when the string is not readable
 *   W  to a bad address swallows its bytes and turns the call's result into -EFAULT
 * and has one operation more:
 *   H  descriptor, size, and bytes: what its next reads will give (ahead.c); no answer
 *   D  calls, size, and bytes: what stat(2) will say of files (stats.c); no answer
 *   G  three words: what the guest may do without an answer (permit() below); no answer
 *   S  number and six arguments: make this system call natively, under the filter, and answer 8 bytes
 *   P  park; in each child the request is sent once more, to the controller of the child (fork.c)
 * A request may have notes before it, each a byte 0 and a letter, where a request has its length:
 *   A  address, size as 4 bytes, and the bytes there: what the controller will want to read
 *   L  4 bytes: how many bytes of late output lie in their pipe (late.c)
 *   T  4 bytes and 4 bytes: how many bytes were read of those sent ahead, by how many calls (ahead.c)
 *   D  4 bytes: how many calls were answered by what was sent ahead of stat(2) (stats.c)
 * Nothing here allocates or calls the C library: it runs inside a signal handler.
 */
#include "channel.h"

#include <asm/unistd.h>
#include <errno.h>
#include <stddef.h>

#include "ahead.h"
#include "arch_x86_64.h"
#include "late.h"
#include "library.h"
#include "shim.h"
#include "stats.h"

#define BUFFER_SIZE 65536
#define PAGE 4096ul
#define HEAP_SIZE 65536
/* The most that is shown with a request, the pieces in which a string is looked through, and what precedes it; bytes. */
#define SHOWN_MOST CHANNEL_TEXT_MOST
#define SHOWN_PIECE 64
#define SHOWN_HEAD 12

/* Received bytes that are not used yet. Empty whenever the guest runs: the controller answers once per call. */
static unsigned char incoming[BUFFER_SIZE];
static size_t incoming_start, incoming_end;
static unsigned char outgoing[BUFFER_SIZE];
/* Memory that `M` hands out: valid until the result of the same call. */
static _Alignas(16) unsigned char heap[HEAP_SIZE];
static size_t heap_used;

static void (*park)(void);

void channel_park_by(void (*with)(void)) { park = with; }

static int channel_in = SHIM_FD_IN, channel_out = SHIM_FD_OUT;

void channel_use(int in, int out) {
  channel_in = in;
  channel_out = out;
}

void channel_break(void) {
  for (;;) shim_gate(__NR_exit_group, SHIM_EXIT_CHANNEL_BROKEN, 0, 0, 0, 0, 0);
}

static void send_all(const void *data, size_t size) {
  const unsigned char *at = data;
  while (size > 0) {
    long n = raw3(__NR_write, channel_out, (long)at, (long)size);
    if (n == -EINTR) continue;
    if (n <= 0) channel_break();
    at += n;
    size -= (size_t)n;
  }
}

static void refill(void) {
  long n;
  do n = raw3(__NR_read, channel_in, (long)incoming, BUFFER_SIZE);
  while (n == -EINTR);
  if (n <= 0) channel_break(); /* the controller is gone */
  incoming_start = 0;
  incoming_end = (size_t)n;
}

static void receive(void *to, size_t size) {
  unsigned char *at = to;
  while (size > 0) {
    if (incoming_start == incoming_end) refill();
    size_t n = incoming_end - incoming_start;
    if (n > size) n = size;
    shim_copy(at, incoming + incoming_start, n);
    incoming_start += n;
    at += n;
    size -= n;
  }
}

static uint64_t receive_word(void) {
  uint64_t word;
  receive(&word, sizeof word);
  return word;
}

static void send_word(int64_t word) { send_all(&word, sizeof word); }

static void zero(unsigned char *at, size_t size) {
  for (volatile unsigned char *p = at; size > 0; size--) *p++ = 0;
}

/*
 * Guest addresses are numbers here: any may come, and pointer arithmetic that leaves its object would be undefined
 * (found by the fuzzer: NULL plus an offset).
 */
static int copy_in(void *to, uint64_t from, size_t size) { return shim_copy(to, (const void *)from, size); }

/* R: a small peek is one write; a large one is written from the guest's memory without a copy. */
static void peek(uint64_t from, size_t size) {
  if (size <= BUFFER_SIZE - sizeof(int64_t)) {
    int64_t status = 0;
    if (copy_in(outgoing, from, size) != 0) {
      zero(outgoing, size);
      status = -EFAULT;
    }
    shim_copy(outgoing + size, &status, sizeof status);
    send_all(outgoing, size + sizeof status);
    return;
  }
  int64_t status = 0;
  while (size > 0) {
    long n = raw3(__NR_write, channel_out, (long)from, (long)size);
    if (n == -EINTR) continue;
    if (n <= 0) {
      if (n != -EFAULT) channel_break();
      status = -EFAULT;
      break;
    }
    from += (uint64_t)n;
    size -= (size_t)n;
  }
  if (status != 0) zero(outgoing, BUFFER_SIZE);
  while (size > 0) { /* unreadable bytes are sent as zeroes, so that both sides count the same */
    size_t n = size < BUFFER_SIZE ? size : BUFFER_SIZE;
    send_all(outgoing, n);
    size -= n;
  }
  send_word(status);
}

/* Z: length without the NUL, or `max` where there is none. Page by page, so that it ends where the memory ends. */
static void peek_string(uint64_t from, uint64_t max) {
  unsigned char *const text = outgoing + sizeof(int64_t);
  const size_t room = BUFFER_SIZE - sizeof(int64_t);
  size_t limit = max < room ? (size_t)max : room, length = 0;
  int64_t status = -1;
  while (status < 0 && length < limit) {
    size_t n = PAGE - ((from + length) & (PAGE - 1));
    if (n > limit - length) n = limit - length;
    if (copy_in(text + length, from + length, n) != 0) {
      send_word(-EFAULT);
      return;
    }
    for (size_t i = 0; i < n && status < 0; i++)
      if (text[length + i] == 0) status = (int64_t)(length + i);
    length += n;
  }
  if (status < 0) status = (int64_t)limit;
  shim_copy(outgoing, &status, sizeof status);
  send_all(outgoing, sizeof status + (size_t)status);
}

/* W: returns 1 when some of it could not be written. The stream stays in step either way. */
static int poke(uint64_t to, size_t size) {
  int fault = 0;
  while (size > 0) {
    if (incoming_start == incoming_end && size >= BUFFER_SIZE && !fault) {
      long n = raw3(__NR_read, channel_in, (long)to, (long)size);
      if (n == -EINTR) continue;
      if (n == -EFAULT) {
        fault = 1;
        continue;
      }
      if (n <= 0) channel_break();
      to += (uint64_t)n;
      size -= (size_t)n;
      continue;
    }
    if (incoming_start == incoming_end) refill();
    size_t n = incoming_end - incoming_start;
    if (n > size) n = size;
    if (!fault) fault = shim_copy((void *)to, incoming + incoming_start, n);
    incoming_start += n;
    to += n;
    size -= n;
  }
  return fault;
}

/* M: allocates a block of the shim's own heap and fills it; 0 where the heap is too small. */
static void allocate(size_t size) {
  size_t rounded = (size + 15) & ~(size_t)15;
  if (size > HEAP_SIZE || rounded > HEAP_SIZE - heap_used) {
    unsigned char scrap;
    while (size-- > 0) receive(&scrap, 1);
    send_word(0);
    return;
  }
  unsigned char *block = heap + heap_used;
  heap_used += rounded;
  receive(block, size);
  send_word((int64_t)(uintptr_t)block);
}

/*
 * A call that the filter does not allow traps here too, within a request that is not answered yet. Its argument is one
 * that no such call may have, and the trap's answer becomes the answer of the operation.
 */
static volatile int in_native_call;

int channel_makes_call(void) { return in_native_call; }

static void native_call(void) {
  uint64_t w[7];
  receive(w, sizeof w);
  in_native_call = 1;
  long result = shim_gate((long)w[0], (long)w[1], (long)w[2], (long)w[3], (long)w[4], (long)w[5], (long)w[6]);
  in_native_call = 0;
  send_word(result);
}

/* Bytes of notes at the start of `outgoing`, for the next request. */
static size_t noted;

static unsigned char *begin_note(unsigned char letter) {
  unsigned char *at = outgoing + noted;
  at[0] = 0;
  at[1] = letter;
  return at + 2;
}

static void end_shown(unsigned char *at, uint64_t address, uint32_t size) {
  shim_copy(at, &address, sizeof address);
  shim_copy(at + sizeof address, &size, sizeof size);
  noted = (size_t)(at - outgoing) + SHOWN_HEAD + size;
}

void channel_show(uint64_t address, uint64_t size) {
  noted = 0;
  if (size == 0 || size > SHOWN_MOST) return;
  unsigned char *at = begin_note('A');
  if (copy_in(at + SHOWN_HEAD, address, (size_t)size) == 0) end_shown(at, address, (uint32_t)size);
}

size_t channel_copy_text(unsigned char *to, uint64_t address) {
  for (size_t length = 0; length < SHOWN_MOST;) {
    /* Most are short; none is read beyond the page of its end. */
    size_t n = PAGE - ((address + length) & (PAGE - 1));
    if (n > SHOWN_PIECE) n = SHOWN_PIECE;
    if (n > SHOWN_MOST - length) n = SHOWN_MOST - length;
    if (copy_in(to + length, address + length, n) != 0) return 0;
    for (const size_t end = length + n; length < end; length++)
      if (to[length] == 0) return length + 1;
  }
  return 0;
}

void channel_show_text(uint64_t address) {
  noted = 0;
  unsigned char *at = begin_note('A');
  const size_t size = channel_copy_text(at + SHOWN_HEAD, address);
  if (size > 0) end_shown(at, address, (uint32_t)size);
}

static void note_late_output(void) {
  const uint32_t bytes = late_tell();
  if (bytes == 0) return;
  unsigned char *at = begin_note('L');
  shim_copy(at, &bytes, sizeof bytes);
  noted = (size_t)(at - outgoing) + sizeof bytes;
}

static void note_reads(void) {
  const struct ahead_taken taken = ahead_end();
  if (taken.calls == 0) return;
  unsigned char *at = begin_note('T');
  shim_copy(at, &taken, sizeof taken);
  noted = (size_t)(at - outgoing) + sizeof taken;
}

static void note_stats(void) {
  const uint32_t calls = stats_tell();
  if (calls == 0) return;
  unsigned char *at = begin_note('D');
  shim_copy(at, &calls, sizeof calls);
  noted = (size_t)(at - outgoing) + sizeof calls;
}

static void send_request(const char *signature, const uint64_t *arguments) {
  note_late_output();
  note_reads();
  note_stats();
  size_t length = 0, begin = noted, at = begin + 1, count = 0;
  noted = 0;
  while (signature[length] != 0) {
    outgoing[at++] = (unsigned char)signature[length];
    length++;
  }
  outgoing[begin] = (unsigned char)length;
  for (const char *p = signature; *p != ')'; p++)
    if (*p == '(') count = 0;
    else count++;
  shim_copy(outgoing + at, arguments, count * sizeof *arguments);
  send_all(outgoing, at + count * sizeof *arguments);
}

/* G: bits of the first word say that no read or no write waits; then the descriptors of late output, and its bytes. */
static void permit(void) {
  const uint64_t waits = receive_word(), descriptors = receive_word();
  library_permit((waits & 1) != 0, (waits & 2) != 0);
  late_allow(descriptors, receive_word());
}

static void take_ahead(void) {
  const uint64_t fd = receive_word(), size = receive_word();
  unsigned char *to = ahead_fill(fd, size);
  if (to == NULL) channel_break();
  receive(to, (size_t)size);
}

static void take_stats(void) {
  const uint64_t calls = receive_word(), size = receive_word();
  unsigned char *to = stats_fill(size);
  if (to == NULL) channel_break();
  receive(to, (size_t)size);
  if (!stats_filled(calls)) channel_break();
}

long channel_call(const char *signature, const uint64_t *arguments) {
  int fault = 0;
  heap_used = 0;
  send_request(signature, arguments);
  for (;;) {
    unsigned char operation;
    receive(&operation, 1);
    uint64_t address, size;
    switch (operation) {
      case 'R':
        address = receive_word();
        size = receive_word();
        peek(address, (size_t)size);
        break;
      case 'Z':
        address = receive_word();
        size = receive_word();
        peek_string(address, size);
        break;
      case 'W':
        address = receive_word();
        size = receive_word();
        fault |= poke(address, (size_t)size);
        break;
      case 'M':
        allocate((size_t)receive_word());
        break;
      case 'F':
        receive_word();
        break;
      case 'H':
        take_ahead();
        break;
      case 'D':
        take_stats();
        break;
      case 'G':
        permit();
        break;
      case 'S':
        native_call();
        break;
      case 'P':
        if (park == NULL) channel_break();
        park();
        park = NULL; /* a child: an ordinary guest from here on, which sends the request to its own controller */
        send_request(signature, arguments);
        break;
      case 'i': {
        long result = (long)receive_word();
        return fault ? -EFAULT : result;
      }
      default:
        channel_break();
    }
  }
}
