/* What the commands of the stand-in for a translated PyPy share. */
#ifndef SANDPIPER_TEST_TRANSLATED_GUEST_H
#define SANDPIPER_TEST_TRANSLATED_GUEST_H

#include <stddef.h>
#include <stdint.h>

#define MAX_LINE 4096

/* Obeys the rest of its line. Returns 0, or -1 with errno. */
typedef int command(char *rest);

struct guest_command {
  const char *name; /* NULL ends a table */
  command *run;
};

/* What a translation cannot prevent, and what a hostile guest would try. */
extern const struct guest_command hostile_commands[];

/* Writes over the wire. Returns 0, or -1 with errno. */
int say(int fd, const char *data, size_t size);
__attribute__((format(printf, 2, 3))) int sayf(int fd, const char *format, ...);

const char *error_name(int error);

/* Cuts the first word off. */
char *word(char **rest);
int64_t number(char **rest);

#endif
