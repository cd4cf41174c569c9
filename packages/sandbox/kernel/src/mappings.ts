import { Errno, SyscallError } from '@sandpiper/abi';
import { type FileInode, MemoryFile, type Work } from '@sandpiper/vfs';
import type { GuestMemory } from './types.js';

/** The most shared mappings a guest may have; the shim's table is as long (native/shim/shim.h). */
export const MAX_MAPPINGS = 64;
const PAGE = 4096;
/** Bytes fetched at once. */
const CHUNK = 1024 * 1024;

/** A part of a file that the guest sees in its memory, with MAP_SHARED. Address and sizes in bytes. */
interface Mapping {
  readonly inode: FileInode;
  readonly address: number;
  readonly length: number;
  readonly offset: number;
  /** The guest may write to it, so the file lags behind until the memory is fetched. */
  readonly writable: boolean;
}

/**
 * Shared mappings of files. The guest's memory is its own, so a mapping is a copy: what the guest wrote there
 * is fetched before any call can observe the file (a read, msync(2), munmap(2), the end), and what is written
 * to the file is put there. A guest has one thread, so it cannot tell the difference.
 */
export class Mappings {
  #all: readonly Mapping[] = [];

  constructor(private readonly work: Work) {}

  get count(): number {
    return this.#all.length;
  }

  /** Whether one is of a file that can change. Of any other the guest's memory is a whole copy, and stays one. */
  get mayChange(): boolean {
    return this.#all.some(({ inode }) => inode instanceof MemoryFile);
  }

  /** The mapped files, each once per mapping. */
  inodes(): FileInode[] {
    return this.#all.map(({ inode }) => inode);
  }

  /** @throws ENOMEM when `more` mappings would be too many */
  assertRoom(more: number): void {
    if (this.#all.length + more > MAX_MAPPINGS) throw new SyscallError(Errno.ENOMEM);
  }

  /** The file lives while it is mapped. */
  add(mapping: Mapping): void {
    this.#replaceAll([...this.#all, mapping]);
  }

  /** Writes to the file what the guest wrote to its mappings. */
  fetch(memory: GuestMemory, inode: FileInode): void {
    for (const mapping of this.#all) if (mapping.inode === inode) this.#fetchOne(memory, mapping);
  }

  fetchAll(memory: GuestMemory): void {
    for (const mapping of this.#all) this.#fetchOne(memory, mapping);
  }

  /** The file changed over `length` bytes from `start`: updates its mappings. */
  push(memory: GuestMemory, inode: FileInode, start: number, length: number): void {
    for (const mapping of this.#all) {
      if (mapping.inode !== inode) continue;
      const from = Math.max(start, mapping.offset);
      const to = Math.min(start + length, mapping.offset + mapping.length, inode.size);
      this.work.step(1 + Math.floor(Math.max(0, to - from) / PAGE));
      if (from < to) memory.write(mapping.address + from - mapping.offset, inode.read(from, to - from));
    }
  }

  /**
   * The guest unmaps a range of its memory.
   * @throws ENOMEM when that splits a mapping in two, and two are too many (munmap(2))
   */
  remove(memory: GuestMemory, address: number, length: number): void {
    const end = address + length;
    const kept: Mapping[] = [];
    const split = this.#all.filter((m) => m.address < address && m.address + m.length > end).length;
    if (split > 0) this.assertRoom(split);
    for (const mapping of this.#all) {
      const mappingEnd = mapping.address + mapping.length;
      if (mappingEnd <= address || mapping.address >= end) {
        kept.push(mapping);
        continue;
      }
      this.#fetchOne(memory, mapping);
      // The parts before and behind the range stay.
      if (mapping.address < address) kept.push({ ...mapping, length: address - mapping.address });
      if (mappingEnd > end) {
        kept.push({
          ...mapping,
          address: end,
          length: mappingEnd - end,
          offset: mapping.offset + end - mapping.address,
        });
      }
    }
    this.#replaceAll(kept);
  }

  /** Holds the new ones before it drops the old ones, so that no file is freed in between. */
  #replaceAll(mappings: readonly Mapping[]): void {
    const before = this.#all;
    this.#all = mappings;
    for (const { inode } of mappings) if (inode instanceof MemoryFile) inode.hold();
    for (const { inode } of before) if (inode instanceof MemoryFile) inode.drop();
  }

  /** A mapping has moved or changed its length (mremap(2)); the new part shows the file. */
  resize(memory: GuestMemory, from: number, to: number, length: number): void {
    this.#all = this.#all.map((mapping) => {
      if (mapping.address !== from) return mapping;
      const resized = { ...mapping, address: to, length };
      const { inode, offset } = mapping;
      for (const [begin, end] of inode.parts(offset + mapping.length, length - mapping.length, CHUNK)) {
        this.work.step(1 + Math.floor((end - begin) / PAGE));
        memory.write(to + begin - offset, inode.read(begin, end - begin));
      }
      return resized;
    });
  }

  #fetchOne(memory: GuestMemory, mapping: Mapping): void {
    const { inode, offset } = mapping;
    if (!mapping.writable || !(inode instanceof MemoryFile)) return;
    const length = Math.min(mapping.length, inode.size - offset);
    for (let at = 0; at < length; at += CHUNK) {
      const size = Math.min(CHUNK, length - at);
      this.work.step(1 + Math.floor(size / PAGE));
      let now: Buffer;
      try {
        now = memory.read(mapping.address + at, size);
      } catch (error) {
        if (error instanceof SyscallError) return; // protected, or unmapped natively: nothing to fetch
        throw error;
      }
      const before = inode.read(offset + at, size);
      if (now.equals(before)) continue;
      for (let page = 0; page < size; page += PAGE) {
        const changed = now.subarray(page, page + PAGE);
        if (!changed.equals(before.subarray(page, page + PAGE))) inode.write(offset + at + page, changed);
      }
    }
  }
}
