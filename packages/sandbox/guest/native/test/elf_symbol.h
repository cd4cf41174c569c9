/* Locates a symbol of a shared object, hidden ones too. 0: not found. */
#ifndef SANDPIPER_TEST_ELF_SYMBOL_H
#define SANDPIPER_TEST_ELF_SYMBOL_H

#include <stdint.h>

/* Its distance from where the object is loaded. */
uint64_t elf_symbol(const char *path, const char *name);

/* Its place in the file. */
uint64_t elf_symbol_in_file(const char *path, const char *name);

#endif
