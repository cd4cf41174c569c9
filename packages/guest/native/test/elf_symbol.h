/* Where a symbol of a shared object lies, hidden ones too: its offset from where the object is loaded. 0: nowhere. */
#ifndef SANDPIPER_TEST_ELF_SYMBOL_H
#define SANDPIPER_TEST_ELF_SYMBOL_H

#include <stdint.h>

uint64_t elf_symbol(const char *path, const char *name);

#endif
