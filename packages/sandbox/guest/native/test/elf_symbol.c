#include "elf_symbol.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* elf(5). The file is one that we have built. */
static uint64_t look_up(const unsigned char *file, const char *name, int in_file) {
  const Elf64_Ehdr *header = (const Elf64_Ehdr *)file;
  const Elf64_Shdr *sections = (const Elf64_Shdr *)(file + header->e_shoff);
  for (unsigned i = 0; i < header->e_shnum; i++) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    const Elf64_Sym *symbols = (const Elf64_Sym *)(file + sections[i].sh_offset);
    const char *names = (const char *)file + sections[sections[i].sh_link].sh_offset;
    for (uint64_t s = 0; s < sections[i].sh_size / sizeof *symbols; s++) {
      if (strcmp(names + symbols[s].st_name, name) != 0) continue;
      const Elf64_Shdr *section = &sections[symbols[s].st_shndx];
      return symbols[s].st_value + (in_file ? section->sh_offset - section->sh_addr : 0);
    }
  }
  return 0;
}

static uint64_t look_up_in(const char *path, const char *name, int in_file) {
  struct stat status;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &status) != 0 || status.st_size < (off_t)sizeof(Elf64_Ehdr)) return 0;
  void *file = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  if (file == MAP_FAILED) return 0;
  const uint64_t value = look_up(file, name, in_file);
  munmap(file, (size_t)status.st_size);
  return value;
}

uint64_t elf_symbol(const char *path, const char *name) { return look_up_in(path, name, 0); }

uint64_t elf_symbol_in_file(const char *path, const char *name) { return look_up_in(path, name, 1); }
