import { Errno, S_IF, SyscallError } from '@sandpiper/abi';
import { DirectoryInode, FileInode, type Inode, type Listed } from './inode.js';

/** Storage is counted in these, as a disk's blocks are; bytes. */
const BLOCK = 4096;
/** No file reaches further, whatever its holes: as ext4's limit for this block size. Bytes. */
export const MAX_FILE_BYTES = 2 ** 44 - BLOCK;

/** What all writable files of a guest may take together. */
export class Quota {
  usedBytes = 0;
  usedFiles = 0;
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
  /** Descriptions that are open on it; it lives as long as one of them or a name does. */
  opens = 0;
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

  /** Whether no byte was ever written there, so that it reads as zeroes. */
  isHole(offset: number, length: number): boolean {
    const last = Math.floor((offset + length - 1) / BLOCK);
    for (let index = Math.floor(offset / BLOCK); index <= last; index++)
      if (this.#blocks.has(index)) return false;
    return true;
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

  /** The last link and the last descriptor are gone. Nothing more happens when that is said twice. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.truncate(0);
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
  /** In the order of their positions, which is the one that they were made in. */
  readonly #entries = new Map<string, { inode: Inode; readonly position: number }>();
  #nextPosition = 1;
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

  names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /** A Map can be changed while somebody goes through it. */
  override *list(after: number): Generator<Listed, void> {
    const end = this.#nextPosition;
    for (const [name, { position }] of this.#entries) {
      if (position >= end) return;
      if (position > after) yield { name, position };
    }
  }

  get empty(): boolean {
    return this.#entries.size === 0;
  }

  set(name: string, inode: Inode): void {
    const known = this.#entries.get(name);
    if (known === undefined) this.#entries.set(name, { inode, position: this.#nextPosition++ });
    else known.inode = inode;
    if (inode instanceof MemoryDirectory) inode.parent = this;
  }

  delete(name: string): void {
    this.#entries.delete(name);
  }
}
