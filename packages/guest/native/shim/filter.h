/* The seccomp policy of a guest. */
#ifndef SANDPIPER_FILTER_H
#define SANDPIPER_FILTER_H

/* Installs the filter on the calling process. Returns 0, or a negative errno. */
int filter_install(void);

#endif
