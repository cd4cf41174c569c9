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

static int is_named_loader(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash != NULL && strcmp(slash + 1, LOADER) == 0;
}

static int names_loader(int fd, const Elf64_Phdr *entry) {
  char path[256];
  if (entry->p_filesz == 0 || entry->p_filesz > sizeof path) return 0;
  if (pread(fd, path, entry->p_filesz, (off_t)entry->p_offset) != (ssize_t)entry->p_filesz) return 0;
  if (path[entry->p_filesz - 1] != 0) return 0;
  return is_named_loader(path);
}

/* Returns 1 where the entry of the program's loader was read, 0 where there is none, -1 for no program. */
static int find_loader(int fd, Elf64_Phdr *entry) {
  Elf64_Ehdr header;
  if (pread(fd, &header, sizeof header, 0) != sizeof header || !is_program(&header)) return -1;
  for (unsigned i = 0; i < header.e_phnum; i++) {
    if (pread(fd, entry, sizeof *entry, (off_t)(header.e_phoff + i * sizeof *entry)) != sizeof *entry) return -1;
    /* The kernel takes the first one. */
    if (entry->p_type == PT_INTERP) return 1;
  }
  return 0;
}

int program_takes_preload(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return 0;
  Elf64_Phdr entry;
  int takes = find_loader(fd, &entry) == 1 && names_loader(fd, &entry);
  close(fd);
  return takes;
}

int program_is_loader(const char *path) {
  if (!is_named_loader(path)) return 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return 0;
  Elf64_Phdr entry;
  int is = find_loader(fd, &entry) == 0;
  close(fd);
  return is;
}
