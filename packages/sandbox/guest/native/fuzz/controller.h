/*
 * The controller that the fuzzed shim talks to, in place of the two pipes: derives operations from the fuzzer's bytes
 * and checks each answer. A part of fuzz_shim.c.
 */

/* Limit of all transfers per direction, bytes: beyond it the pipe ends, and both sides see the other go. */
#define TRAFFIC (512u << 10)

static struct source input;
static jmp_buf way_out;

/* Bytes in transit to the shim: generated and not yet read, with the data of a `W` or `M` behind them. */
static unsigned char pending[256];
static size_t pending_at, pending_size;
static uint64_t data_left;
static unsigned char data_byte;
static size_t read_in_all, written_in_all;
static int at_end;

/* What the shim has to answer: `expected` bytes known beforehand, or guest memory and a status (peek). */
static struct {
  enum { NOTHING, REQUEST, WORD, NONZERO, PEEK, TEXT } kind;
  uint64_t address, size, done; /* PEEK and TEXT */
  int64_t word;                 /* WORD, and the length of TEXT */
  size_t readable;
  int differs;
  unsigned char bytes[8];
} answer;

/* The last `W`, to check that it was done. */
static struct {
  uint64_t address, size;
  unsigned char byte;
} poked;
/* A `W` of this call went to an address that is not writable. */
static int fault_due;
static int64_t result_due;
/* The last `M`. */
static struct {
  uint64_t size;
  unsigned char byte;
} filled;

static int64_t native_result;
static int native_due;

/* The request that is due: its number determines its name, except for the shim's own requests. */
static long call_nr;
static uint64_t call_arguments[6];
static unsigned char request[8192];
static size_t request_size;
/* A note has come, and its request has not. */
static int request_begun;
static unsigned request_words;

/* Bytes that were sent ahead, and of which no request has told how many were read. */
static uint64_t given_ahead;
/* How many calls may be answered by what was sent of stat(2), and no request has told of. */
static uint64_t given_stats;

/* Late output in its pipe, and what requests have told of it; bytes. */
static uint64_t late_written, late_told;

static void controller_begin(void) {
  pending_at = pending_size = data_left = read_in_all = written_in_all = 0;
  request_size = request_words = request_begun = 0;
  late_written = late_told = given_ahead = given_stats = 0;
  at_end = native_due = 0;
  memset(&answer, 0, sizeof answer);
  memset(&poked, 0, sizeof poked);
  memset(&filled, 0, sizeof filled);
}

static void controller_expects(long nr, const uint64_t a[6]) {
  call_nr = nr;
  memcpy(call_arguments, a, sizeof call_arguments);
}

static void put_bytes(const void *bytes, size_t size) {
  memcpy(pending + pending_size, bytes, size);
  pending_size += size;
}

static void put_word(uint64_t word) { put_bytes(&word, sizeof word); }

/* A size that stays within the memory most of the time. */
static uint64_t transfer_size(void) {
  unsigned kind = take_choice(&input, 8);
  if (kind < 4) return take_byte(&input);
  if (kind < 6) return take_number(&input, 2);
  if (kind == 6) return take_number(&input, 3) % (3 * 65536);
  return take_hostile(&input);
}

static void order_peek(void) {
  answer.kind = PEEK;
  answer.address = arena_address(&input);
  answer.size = transfer_size();
  answer.done = 0;
  answer.differs = 0;
  answer.readable = arena_reach(answer.address, answer.size, 0);
  put_bytes("R", 1);
  put_word(answer.address);
  put_word(answer.size);
}

static void order_text(void) {
  uint64_t address = arena_address(&input), max = transfer_size();
  uint64_t limit = max < 65528 ? max : 65528;
  size_t readable = arena_reach(address, limit, 0);
  const unsigned char *nul = readable == 0 ? NULL : memchr((const void *)address, 0, readable);
  answer.kind = TEXT;
  answer.address = address;
  answer.done = 0;
  answer.word = nul != NULL ? (int64_t)((uintptr_t)nul - address) : readable < limit ? -EFAULT : (int64_t)limit;
  put_bytes("Z", 1);
  put_word(address);
  put_word(max);
}

static void order_poke(void) {
  poked.address = arena_address(&input);
  poked.size = transfer_size();
  poked.byte = data_byte = take_byte(&input);
  data_left = poked.size;
  if (arena_reach(poked.address, poked.size, 1) < poked.size) fault_due = 1;
  put_bytes("W", 1);
  put_word(poked.address);
  put_word(poked.size);
}

/* Which descriptors may have late output, and how much: nothing that a controller says may lead past a bound. */
static void order_permission(void) {
  put_bytes("G", 1);
  put_word(take_byte(&input));
  put_word(take_byte(&input) % 2 == 0 ? take_byte(&input) : take_hostile(&input));
  put_word(take_byte(&input) % 2 == 0 ? take_byte(&input) : take_hostile(&input));
}

/* More than the shim holds ends it. */
static void order_ahead(void) {
  uint64_t size = take_byte(&input) < 240 ? take_number(&input, 2) % (AHEAD_MOST + 8) : take_hostile(&input);
  given_ahead = size;
  data_byte = take_byte(&input);
  data_left = size;
  put_bytes("H", 1);
  put_word(take_byte(&input) % 4);
  put_word(size);
}

/* A folder and one file in it, both named by a letter as the pages of the arena hold it; or what is none. */
static void order_stats(void) {
  unsigned char text[64];
  memset(text, 'a' + (int)take_choice(&input, 26), sizeof text);
  const uint16_t folder = take_byte(&input) % 60, name = take_byte(&input) % 60;
  const uint64_t size = 4ul + folder + name + 144;
  given_stats += (take_byte(&input) % 4);
  put_bytes("D", 1);
  put_word(given_stats);
  if (take_byte(&input) > 200) { /* bytes of one value, or more than there is room for */
    data_left = take_byte(&input) % 2 == 0 ? take_number(&input, 2) : take_hostile(&input);
    data_byte = take_byte(&input) % 3;
    put_word(data_left);
    return;
  }
  put_word(size);
  put_bytes(&folder, sizeof folder);
  put_bytes(text, folder);
  put_bytes(&name, sizeof name);
  put_bytes(text, name);
  data_byte = take_byte(&input);
  data_left = 144;
}

static void order_allocation(void) {
  uint64_t size = take_byte(&input) < 200 ? take_number(&input, 2) % 5000 : take_hostile(&input);
  size_t rounded = (size + 15) & ~(size_t)15;
  filled.size = size;
  filled.byte = data_byte = take_byte(&input);
  data_left = size;
  /* The shim's heap is as large as its comment says, and is reset at each call. */
  answer.kind = size <= HEAP_SIZE && rounded <= HEAP_SIZE - heap_used ? NONZERO : WORD;
  answer.word = 0;
  put_bytes("M", 1);
  put_word(size);
}

static void order_native(void) {
  answer.kind = WORD;
  native_due = 1;
  answer.word = native_result = (int64_t)take_hostile(&input);
  put_bytes("S", 1);
  /* Any number but those that end the process: only the shim may make them, as checked below. */
  put_word(take_byte(&input) % 220);
  for (int i = 0; i < 6; i++) put_word(take_hostile(&input));
}

/* An invalid letter with bytes behind it: the shim must end. */
static void order_unknown(void) {
  uint8_t letter = take_byte(&input);
  if (letter != 0 && strchr("RZWMFGHDSPi", letter) != NULL) letter = 0xff;
  put_bytes(&letter, 1);
  put_word(take_hostile(&input));
}

static void give_result(void) {
  put_bytes("i", 1);
  unsigned kind = take_choice(&input, 4);
  result_due = kind == 0   ? 0
               : kind == 1 ? (int64_t)arena_address(&input)
               : kind == 2 ? -(int64_t)take_byte(&input)
                           : (int64_t)take_hostile(&input);
  put_word((uint64_t)result_due);
}

static void check_poke(void) {
  if (poked.size == 0) return;
  size_t reach = arena_reach(poked.address, poked.size, 1);
  /* A write that meets a bad page wrote all or nothing of each piece: only the complete ones are checked. */
  if (reach == poked.size)
    for (size_t i = 0; i < reach; i += reach < 512 ? 1 : 97) CHECK(((unsigned char *)poked.address)[i] == poked.byte);
  poked.size = 0;
}

/* Operations come one by one, or together without answers: none follows before the last answer is complete. */
static void next_operations(void) {
  check_poke();
  pending_at = pending_size = 0;
  if (source_empty(&input) || read_in_all > TRAFFIC) {
    at_end = 1;
    return;
  }
  unsigned kind = take_byte(&input);
  if (kind < 70) order_peek();
  else if (kind < 110) order_text();
  else if (kind < 150) order_poke();
  else if (kind < 170) order_allocation();
  else if (kind < 180) order_native();
  else if (kind < 188) put_bytes("F", 1), put_word(take_hostile(&input));
  else if (kind < 192) {
    put_bytes("P", 1);
    answer.kind = REQUEST;
    request_size = request_words = 0;
  } else if (kind < 202) order_permission();
  else if (kind < 208) order_ahead();
  else if (kind < 216) order_stats();
  else if (kind < 250) give_result();
  else order_unknown();
}

/* As the kernel does: page by page; an inaccessible page ends it, and is an error only where nothing was done. */
static long copy_guest(void *to, const void *from, size_t size, uint64_t guest) {
  if (guest + size > 1ull << 47 || guest + size < guest) return -EFAULT;
  size_t done = 0;
  while (done < size) {
    size_t step = ARENA_PAGE - ((guest + done) & (ARENA_PAGE - 1));
    if (step > size - done) step = size - done;
    if (shim_copy((void *)((uintptr_t)to + done), (const void *)((uintptr_t)from + done), step) != 0) break;
    done += step;
  }
  return done == 0 && size > 0 ? -EFAULT : (long)done;
}

/* Part of the data; a pipe delivers it in pieces of any size. */
static long read_data(unsigned char *to, size_t size) {
  static unsigned char piece[65536];
  size_t n = size < data_left ? size : data_left;
  if (n > sizeof piece) n = sizeof piece;
  if (take_byte(&input) > 191 && n > 1) n = 1 + take_number(&input, 2) % n;
  memset(piece, data_byte, n);
  long done = arena_owns((uintptr_t)to) ? copy_guest(to, piece, n, (uintptr_t)to) : (memcpy(to, piece, n), (long)n);
  if (done > 0) {
    data_left -= (size_t)done;
    read_in_all += (size_t)done;
  }
  return done;
}

static long fake_read(unsigned char *to, size_t size) {
  CHECK(arena_owns((uintptr_t)to) || __asan_region_is_poisoned(to, size) == NULL);
  if (pending_at == pending_size && data_left == 0) next_operations();
  if (at_end || read_in_all > TRAFFIC) return take_choice(&input, 2) == 0 ? 0 : -EIO;
  if (pending_at == pending_size) return data_left == 0 ? -EINTR : read_data(to, size);
  size_t n = pending_size - pending_at;
  if (n > size) n = size;
  unsigned piece = take_byte(&input);
  if (piece > 240) return -EINTR;
  if (piece > 200) n = 1 + piece % n;
  memcpy(to, pending + pending_at, n);
  pending_at += n;
  read_in_all += n;
  return (long)n;
}

static void check_request(void) {
  uint8_t length = request[0];
  const char *name = (const char *)request + 1;
  CHECK(length > 4 && name[length - 1] == 'i' && name[length - 2] == ')');
  CHECK(memchr(name, '(', length) != NULL && memchr(name, 0, length) == NULL);
}

/* What was shown must be what is there: the guest stands still until the answer. */
static void check_shown(uint64_t address, uint32_t size, const unsigned char *bytes) {
  CHECK(size > 0 && size <= SHOWN_MOST && arena_reach(address, size, 0) == size);
  CHECK(memcmp((const void *)address, bytes, size) == 0);
}

/* A note before the request. Returns 1 when it is complete. */
static int take_note(void) {
  uint32_t number;
  if (request_size < 2) return 0;
  CHECK(request[1] == 'A' || request[1] == 'L' || request[1] == 'T' || request[1] == 'D');
  if (request[1] == 'T') {
    if (request_size < 10) return 0;
    memcpy(&number, request + 2, sizeof number);
    CHECK(number > 0 && number <= given_ahead);
    given_ahead = 0;
    return 1;
  }
  if (request[1] == 'D') {
    if (request_size < 6) return 0;
    memcpy(&number, request + 2, sizeof number);
    CHECK(number > 0 && number <= given_stats);
    given_stats -= number;
    return 1;
  }
  if (request[1] == 'L') {
    if (request_size < 6) return 0;
    memcpy(&number, request + 2, sizeof number);
    late_told += number;
    CHECK(number > 0 && late_told == late_written);
    return 1;
  }
  if (request_size < 14) return 0;
  uint64_t address;
  memcpy(&address, request + 2, sizeof address);
  memcpy(&number, request + 10, sizeof number);
  if (request_size < 14 + (size_t)number) return 0;
  check_shown(address, number, request + 14);
  return 1;
}

/* Notes; then the request: length, name, as many words as the name says. */
static void take_request(unsigned char byte) {
  CHECK(request_size < sizeof request);
  request[request_size++] = byte;
  size_t length = request[0];
  if (length == 0) {
    if (take_note()) request_size = 0, request_begun = 1;
    return;
  }
  if (request_size < 1 + length) return;
  if (request_size == 1 + length) {
    const char *open = memchr(request + 1, '(', length);
    CHECK(open != NULL);
    request_words = (unsigned)((const char *)request + length - 2 - open);
  }
  if (request_size < 1 + length + 8 * request_words) return;
  check_request();
  answer.kind = NOTHING;
  request_size = request_begun = 0;
}

static void take_word(unsigned char byte) {
  answer.bytes[answer.done++] = byte;
  if (answer.done < 8) return;
  int64_t word;
  memcpy(&word, answer.bytes, sizeof word);
  if (answer.kind == WORD) {
    CHECK(word == answer.word);
  } else {
    CHECK(word != 0 && word % 16 == 0);
    for (size_t i = 0; i < filled.size; i++) CHECK(((unsigned char *)word)[i] == filled.byte);
  }
  answer.kind = NOTHING;
  answer.done = 0;
}

static void take_peek(unsigned char byte) {
  if (answer.done < answer.size) {
    int same = answer.done < answer.readable && byte == ((unsigned char *)answer.address)[answer.done];
    if (!same) {
      CHECK(byte == 0);
      answer.differs = 1;
    }
    answer.done++;
    return;
  }
  answer.bytes[answer.done++ - answer.size] = byte;
  if (answer.done - answer.size < 8) return;
  int64_t status;
  memcpy(&status, answer.bytes, sizeof status);
  CHECK(status == (answer.readable == answer.size ? 0 : -EFAULT));
  CHECK(status != 0 || !answer.differs);
  answer.kind = NOTHING;
  answer.done = 0;
}

static void take_text(unsigned char byte) {
  if (answer.done < 8) {
    answer.bytes[answer.done++] = byte;
    if (answer.done == 8) CHECK(memcmp(answer.bytes, &answer.word, 8) == 0);
  } else {
    CHECK(byte == ((unsigned char *)answer.address)[answer.done++ - 8]);
  }
  if (answer.done == 8 + (answer.word > 0 ? (uint64_t)answer.word : 0)) {
    answer.kind = NOTHING;
    answer.done = 0;
  }
}

static long fake_write(const unsigned char *from, size_t size) {
  static unsigned char piece[65536];
  CHECK(arena_owns((uintptr_t)from) || __asan_region_is_poisoned((void *)(uintptr_t)from, size) == NULL);
  if (written_in_all > TRAFFIC) return -EPIPE;
  unsigned cut = take_byte(&input);
  if (cut > 247) return -EINTR;
  size_t n = size < sizeof piece ? size : sizeof piece;
  if (cut > 207 && n > 1) n = 1 + take_number(&input, 2) % n;
  long done = n;
  if (arena_owns((uintptr_t)from)) done = copy_guest(piece, from, n, (uintptr_t)from);
  else memcpy(piece, from, n);
  /* access_ok() looks at the whole range before anything is copied */
  if (arena_owns((uintptr_t)from) && ((uintptr_t)from + size > 1ull << 47 || (uintptr_t)from + size < (uintptr_t)from))
    return -EFAULT;
  for (long i = 0; i < done; i++) {
    if (answer.kind == NOTHING && request_size == 0 && !request_begun) answer.kind = REQUEST;
    switch (answer.kind) {
      case REQUEST:
        take_request(piece[i]);
        break;
      case WORD:
      case NONZERO:
        take_word(piece[i]);
        break;
      case PEEK:
        take_peek(piece[i]);
        break;
      case TEXT:
        take_text(piece[i]);
        break;
      default:
        CHECK(!"unexpected bytes");
    }
  }
  if (done > 0) written_in_all += (size_t)done;
  return done;
}

/* A frame, whole or not at all. */
static long fake_late(const unsigned char *from, size_t size) {
  struct late_head head;
  CHECK(__asan_region_is_poisoned((void *)(uintptr_t)from, size) == NULL);
  CHECK(size > sizeof head && size <= 4096);
  memcpy(&head, from, sizeof head);
  CHECK(head.size == size - sizeof head - (head.fd == 1 || head.fd == 2 ? 0 : sizeof(int64_t)));
  if (late_written - late_told + size > 65536 || take_byte(&input) > 247) return -EAGAIN;
  late_written += size;
  return (long)size;
}

long raw3(long nr, long a, long b, long c) {
  switch (nr) {
    case __NR_read:
      CHECK(a == SHIM_FD_IN);
      return fake_read((unsigned char *)b, (size_t)c);
    case __NR_write:
      if (a == SHIM_FD_LATE) return fake_late((const unsigned char *)b, (size_t)c);
      CHECK(a == SHIM_FD_OUT);
      return fake_write((const unsigned char *)b, (size_t)c);
    case __NR_getpid:
    case __NR_gettid:
      return 77;
    case __NR_tgkill:
      CHECK(a == 77 && b == 77 && c == SHIM_SIGNAL_NO_MEMORY);
      return 0;
    default:
      CHECK(!"a raw call that the filter does not know");
  }
}

long shim_gate(long nr, long a, long b, long c, long d, long e, long f) {
  (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
  if (nr == __NR_exit_group) longjmp(way_out, 1);
  if (native_due) { /* of an `S` */
    native_due = 0;
    return native_result;
  }
  if (nr == __NR_futex) {
    /* Only as a private one: the filter allows no other. */
    CHECK((b & FUTEX_PRIVATE_FLAG) != 0);
    return take_choice(&input, 2) == 0 ? 0 : -EAGAIN;
  }
  CHECK(nr == __NR_mmap || nr == __NR_mremap || nr == __NR_munmap || nr == __NR_brk);
  unsigned kind = take_choice(&input, 4);
  return kind == 0 ? -ENOMEM : kind == 1 ? 0 : kind == 2 ? -EINVAL : (long)arena_address(&input);
}
