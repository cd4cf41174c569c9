/* The C library's functions that are answered without a trap: see library.c. */
#ifndef SANDPIPER_LIBRARY_H
#define SANDPIPER_LIBRARY_H

/* From here on these functions lead to the controller; before, and in a translated guest, to the host's kernel. */
void library_begin(void);

/* Told by the controller: no read, or no write, of this run has to wait, so those are answered without a trap too. */
void library_permit(int reads_never_wait, int writes_never_wait);

#endif
