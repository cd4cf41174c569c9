/* The seccomp policy of a guest. */
#ifndef SANDPIPER_FILTER_H
#define SANDPIPER_FILTER_H

/* Installs the filter of a stock interpreter. With `own_clock` it may ask for its CPU time natively. Returns 0, or a negative errno. */
int filter_install(int own_clock, int parks);

/* The filter of every other guest, on top of that of the parent that was parked. By the gate. */
int filter_install_child(int own_clock);

/* Installs the filter of a translated interpreter, which traps hardly anything. Returns 0, or a negative errno. */
int filter_install_translated(void);

#endif
