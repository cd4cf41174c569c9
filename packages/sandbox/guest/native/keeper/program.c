#include "program.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The glibc loader that the shim is made for (arch_x86_64.h). */
#define LOADER "ld-linux-x86-64.so.2"
#define MACHINE EM_X86_64
/* Real programs have about a dozen. */
#define MAX_HEADERS 64

static int is_program(const Elf64_Ehdr *header) {
  return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 && header->e_ident[EI_CLASS] == ELFCLASS64 &&
         header->e_ident[EI_DATA] == ELFDATA2LSB && (header->e_type == ET_EXEC || header->e_type == ET_DYN) &&
         header->e_machine == MACHINE && header->e_phentsize == sizeof(Elf64_Phdr) && header->e_phnum <= MAX_HEADERS;
}

static int is_loader(int fd, const Elf64_Phdr *entry) {
  char path[256];
  if (entry->p_filesz == 0 || entry->p_filesz > sizeof path) return 0;
  if (pread(fd, path, entry->p_filesz, (off_t)entry->p_offset) != (ssize_t)entry->p_filesz) return 0;
  if (path[entry->p_filesz - 1] != 0) return 0;
  const char *slash = strrchr(path, '/');
  return slash != NULL && strcmp(slash + 1, LOADER) == 0;
}

static int takes_preload(int fd) {
  Elf64_Ehdr header;
  if (pread(fd, &header, sizeof header, 0) != sizeof header || !is_program(&header)) return 0;
  for (unsigned i = 0; i < header.e_phnum; i++) {
    Elf64_Phdr entry;
    if (pread(fd, &entry, sizeof entry, (off_t)(header.e_phoff + i * sizeof entry)) != sizeof entry) return 0;
    /* The kernel takes the first one. */
    if (entry.p_type == PT_INTERP) return is_loader(fd, &entry);
  }
  return 0;
}

int program_takes_preload(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return 0;
  int takes = takes_preload(fd);
  close(fd);
  return takes;
}
