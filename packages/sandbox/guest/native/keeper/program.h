/* Which programs may be executed as guests. */
#ifndef SANDPIPER_PROGRAM_H
#define SANDPIPER_PROGRAM_H

/*
 * The sandbox is preloaded. The kernel would start a static program, or one with a loader other than glibc's, without
 * it; a script would start an interpreter that was never checked. Returns 1 for a program that takes the preload, else
 * 0, also when it cannot be read.
 */
int program_takes_preload(const char *path);

/* Whether a file is a loader of glibc, which takes the preload for the program that its arguments name. */
int program_is_loader(const char *path);

#endif
