import { Errno, S_IF, SyscallError } from '@sandpiper/abi';
import { type DirectoryEntry, DirectoryInode, FileInode, type Inode } from './inode.js';

/** Storage is counted in these, as a disk's blocks are; bytes. */
const BLOCK = 4096;
/** No file reaches further, whatever its holes: as ext4's limit for this block size. Bytes. */
export const MAX_FILE_BYTES = 2 ** 44 - BLOCK;

/** What all writable files of a guest may take together. */
export class Quota {
  usedBytes = 0;
  usedFiles = 0;
  /** What the extended attributes of all inodes take; bounded by whoever sets them. */
  attributeBytes = 0;
  /** A write or a new file was refused. */
  exceeded = false;

  constructor(
    readonly bytes: number,
    readonly files: number,
  ) {}

  takeBytes(count: number): void {
    if (this.usedBytes + count > this.bytes) this.#refuse();
    this.usedBytes += count;
  }

  takeFile(): void {
    if (this.usedFiles >= this.files) this.#refuse();
    this.usedFiles++;
  }

  /** Those of an inode that is gone. */
  giveAttributes(inode: Inode): void {
    for (const [name, value] of inode.attributes) this.attributeBytes -= name.length + value.length;
    inode.attributes.clear();
  }

  giveBytes(count: number): void {
    this.usedBytes -= count;
  }

  giveFile(): void {
    this.usedFiles--;
  }

  #refuse(): never {
    this.exceeded = true;
    throw new SyscallError(Errno.ENOSPC);
  }
}

/** A sparse file in memory: only blocks that were written exist and count. */
export class MemoryFile extends FileInode {
  readonly #blocks = new Map<number, Buffer>();
  /** Blocks that were never taken from the quota. */
  readonly #free = new WeakSet<Buffer>();
  #released = false;
  #holders = 0;
  #size = 0;

  constructor(
    ino: number,
    permissions: number,
    nowNs: bigint,
    /** null where the guest cannot write. */
    private readonly quota: Quota | null,
    writable = true,
    /** Whether it was counted as one of the guest's files; what the run was given is not. */
    readonly counted = true,
  ) {
    super(ino, S_IF.REG | permissions, nowNs, writable);
  }

  get size(): number {
    return this.#size;
  }

  /** What its blocks have taken from the quota. */
  get chargedBytes(): number {
    let charged = 0;
    for (const block of this.#blocks.values()) if (!this.#free.has(block)) charged += BLOCK;
    return charged;
  }

  read(offset: number, length: number): Buffer {
    const end = Math.min(offset + length, this.#size);
    if (offset >= end) return Buffer.alloc(0);
    const data = Buffer.alloc(end - offset);
    for (let at = offset; at < end; ) {
      const within = at % BLOCK;
      const n = Math.min(BLOCK - within, end - at);
      this.#blocks.get(Math.floor(at / BLOCK))?.copy(data, at - offset, within, within + n);
      at += n;
    }
    return data;
  }

  override *parts(offset: number, length: number, most: number): Generator<readonly [number, number]> {
    const end = Math.min(offset + length, this.#size);
    let from = -1;
    let to = -1;
    for (const index of this.#indices(offset, end)) {
      const begin = Math.max(offset, index * BLOCK);
      if (from >= 0 && (begin !== to || to - from >= most)) {
        yield [from, to];
        from = -1;
      }
      if (from < 0) from = begin;
      to = Math.min(end, (index + 1) * BLOCK);
    }
    if (from >= 0) yield [from, to];
  }

  /** Of the blocks that there are, in order; looked for in whichever is shorter, the range or the file. */
  #indices(begin: number, end: number): number[] {
    const [first, last] = [Math.floor(begin / BLOCK), Math.ceil(end / BLOCK)];
    if (last - first > this.#blocks.size)
      return [...this.#blocks.keys()].filter((i) => i >= first && i < last).sort((a, b) => a - b);
    const found: number[] = [];
    for (let i = first; i < last; i++) if (this.#blocks.has(i)) found.push(i);
    return found;
  }

  /** Returns how many bytes were written: fewer than given when the quota ends within, ENOSPC when none fit. */
  write(offset: number, data: Uint8Array): number {
    if (offset + data.length > MAX_FILE_BYTES) throw new SyscallError(Errno.EFBIG);
    let done = 0;
    while (done < data.length) {
      const at = offset + done;
      const within = at % BLOCK;
      const n = Math.min(BLOCK - within, data.length - done);
      try {
        this.#block(Math.floor(at / BLOCK)).set(data.subarray(done, done + n), within);
      } catch (error) {
        if (done === 0) throw error;
        break;
      }
      done += n;
    }
    this.#size = Math.max(this.#size, offset + done);
    return done;
  }

  truncate(size: number): void {
    if (size > MAX_FILE_BYTES) throw new SyscallError(Errno.EFBIG);
    const keep = Math.ceil(size / BLOCK);
    if (size < this.#size) {
      for (const index of [...this.#blocks.keys()]) {
        if (index >= keep) this.#drop(index);
      }
      // What lay behind the new end must read as zeroes when the file grows again.
      if (size % BLOCK !== 0) this.#blocks.get(keep - 1)?.fill(0, size % BLOCK);
    }
    this.#size = size;
  }

  /** Fills a file that the run was given: these blocks are not the guest's doing, whatever it does with them later. */
  fill(data: Uint8Array): void {
    for (let at = 0; at < data.length; at += BLOCK) {
      const block = Buffer.alloc(BLOCK);
      block.set(data.subarray(at, at + BLOCK));
      this.#blocks.set(at / BLOCK, block);
      this.#free.add(block);
    }
    this.#size = data.length;
  }

  /** Open descriptions, places and mappings; it lives as long as one of them or a name does. */
  get holders(): number {
    return this.#holders;
  }

  hold(): void {
    this.#holders++;
  }

  drop(): void {
    this.#holders--;
    this.releaseIfGone();
  }

  /** Gives back what it took, when nothing leads to it any more. */
  releaseIfGone(): void {
    if (this.nlink > 0 || this.#holders > 0 || this.#released) return;
    this.#released = true;
    this.truncate(0);
    this.quota?.giveAttributes(this);
    if (this.counted) this.quota?.giveFile();
  }

  #block(index: number): Buffer {
    const known = this.#blocks.get(index);
    if (known !== undefined) return known;
    this.quota?.takeBytes(BLOCK);
    const block = Buffer.alloc(BLOCK);
    this.#blocks.set(index, block);
    return block;
  }

  #drop(index: number): void {
    const block = this.#blocks.get(index);
    if (block === undefined) return;
    this.#blocks.delete(index);
    if (!this.#free.has(block)) this.quota?.giveBytes(BLOCK);
  }
}

export class MemoryDirectory extends DirectoryInode {
  /** In the order in which they were made, and so with growing numbers. */
  readonly #entries = new Map<string, { readonly inode: Inode; readonly number: number }>();
  #lastNumber = 0;
  /** Whether it counts as one of the guest's files; what was laid out before the run does not. */
  counted = false;
  parent: DirectoryInode | null = null;
  /** Removed: nothing can be made in it any more. */
  dead = false;

  constructor(ino: number, permissions: number, nowNs: bigint, writable: boolean) {
    super(ino, S_IF.DIR | permissions, nowNs, writable);
    this.nlink = 2;
  }

  lookup(name: string): Inode | null {
    return this.#entries.get(name)?.inode ?? null;
  }

  /** A map is walked in order, whatever is added and deleted meanwhile. */
  *entries(): IterableIterator<DirectoryEntry> {
    const last = this.#lastNumber;
    for (const [name, { inode, number }] of this.#entries) {
      if (number > last) return;
      yield { name, inode };
    }
  }

  names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  get empty(): boolean {
    return this.#entries.size === 0;
  }

  set(name: string, inode: Inode): void {
    // At the end, also where the name was there before.
    this.#entries.delete(name);
    this.#entries.set(name, { inode, number: ++this.#lastNumber });
    if (inode instanceof MemoryDirectory) inode.parent = this;
  }

  delete(name: string): void {
    this.#entries.delete(name);
  }
}
