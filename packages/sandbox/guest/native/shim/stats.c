/*
 * A program that looks at the files of a folder one by one would wait for the controller at each. When the controller
 * sees it do so, it sends with its answer what it would say of the next ones, and the shim gives that out. Nothing but
 * the guest's own calls can change it: with the first that might, it is forgotten. A late write to a file is no
 * exception, as the first of several writes goes to the controller.
 *
 * It is the path of a folder as the program wrote it, with the slash at its end, and records of files in it:
 *   2 bytes  length of the path           2 bytes  length of a name
 *   the path                              the name, struct stat
 * A path that the program asks for is compared as text, so a link in it, or "..", means what it meant before.
 */
#include "stats.h"

#include <asm/unistd.h>
#include <fcntl.h>

#include "arch_x86_64.h"
#include "channel.h"

/* struct stat of x86-64, bytes. */
#define STAT_SIZE 144

static unsigned char block[STATS_MOST];
/* Where its records begin and end, and the one behind the last that was given: files are mostly asked for in turn. */
static size_t records, end, next;
static uint64_t may_answer;
static uint32_t answered;

static size_t length_at(size_t at) { return (size_t)block[at] | (size_t)block[at + 1] << 8; }

void stats_forget(void) { may_answer = 0; }

unsigned char *stats_fill(uint64_t size) {
  stats_forget();
  if (size > STATS_MOST) return NULL;
  end = (size_t)size;
  return block;
}

/* Behind the record at `at`; 0 where it reaches beyond the end. */
static size_t behind(size_t at) {
  if (end - at < 2) return 0;
  const size_t size = 2 + length_at(at) + STAT_SIZE;
  return size <= end - at ? at + size : 0;
}

int stats_filled(uint64_t calls) {
  if (end < 2 || length_at(0) > end - 2) return 0;
  records = next = 2 + length_at(0);
  for (size_t at = records; at < end;)
    if ((at = behind(at)) == 0) return 0;
  may_answer = calls;
  return 1;
}

static int same(const unsigned char *a, const unsigned char *b, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (a[i] != b[i]) return 0;
  return 1;
}

/* The struct stat of a name, among the records from `from` on and before `to`; NULL where it is not there. */
static const unsigned char *find(const unsigned char *name, size_t length, size_t from, size_t to) {
  for (size_t at = from; at < to; at = behind(at))
    if (length_at(at) == length && same(block + at + 2, name, length)) {
      next = behind(at);
      return block + at + 2 + length;
    }
  return NULL;
}

/* The addresses of the path and of the result; 0 where it is no call that the block can answer. */
static int takes(long nr, const uint64_t a[6], uint64_t *path, uint64_t *to) {
  switch (nr) {
    case __NR_stat:
    case __NR_lstat: /* no link is among the records */
      *path = a[0];
      *to = a[1];
      return 1;
    case __NR_newfstatat:
      *path = a[1];
      *to = a[2];
      return ((uint32_t)a[3] & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)) == 0;
    default:
      return 0;
  }
}

int stats_call(long nr, const uint64_t a[6], long *result) {
  static unsigned char text[CHANNEL_TEXT_MOST];
  uint64_t path, to;
  if (may_answer == 0 || !takes(nr, a, &path, &to)) return 0;
  const size_t size = channel_copy_text(text, path), folder = records - 2;
  if (size <= folder + 1 || !same(text, block + 2, folder)) return 0;
  const size_t length = size - 1 - folder, begin = next;
  const unsigned char *found = find(text + folder, length, begin, end);
  if (found == NULL) found = find(text + folder, length, records, begin);
  if (found == NULL || shim_copy((void *)to, found, STAT_SIZE) != 0) return 0;
  may_answer--;
  answered++;
  *result = 0;
  return 1;
}

void stats_note_call(long nr) {
  switch (nr) {
    case __NR_stat:
    case __NR_lstat:
    case __NR_fstat:
    case __NR_newfstatat:
    case __NR_access:
    case __NR_readlink:
      return;
    default:
      stats_forget();
  }
}

uint32_t stats_tell(void) {
  const uint32_t told = answered;
  answered = 0;
  return told;
}
