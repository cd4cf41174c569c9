/* The mappings of a process, one by one (proc_pid_smaps(5)). */
#ifndef SANDPIPER_SMAPS_H
#define SANDPIPER_SMAPS_H

#include <stdint.h>
#include <sys/types.h>

/* Resident pages of files that it has not written to, such as code: bytes; 0 where they cannot be told. */
int64_t smaps_file_pages(pid_t pid);

#endif
