/* Which programs may be executed as guests. */
#ifndef SANDPIPER_PROGRAM_H
#define SANDPIPER_PROGRAM_H

/*
 * The sandbox is preloaded. Of a program that no loader loads (a static one), or another than glibc's, the kernel would start
 * it without; a script would start a program that nobody has looked at. Returns 1 for a program that takes the preload, else 0,
 * also when it cannot be read.
 */
int program_takes_preload(const char *path);

#endif
