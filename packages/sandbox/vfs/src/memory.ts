import { Errno, S_IF, type StatFields, SyscallError } from '@sandpiper/abi';
import { type DirectoryEntry, DirectoryInode, FileInode, type Inode } from './inode.js';
import { keptText } from './kept.js';
import { UNCOUNTED, type Work } from './work.js';

/** Storage is counted in blocks of this size, as on a disk; bytes. */
const BLOCK = 4096;
/** The largest offset in a file, holes included: ext4's limit for this block size. Bytes. */
export const MAX_FILE_BYTES = 2 ** 44 - BLOCK;

/** The most that the attributes of all files of a guest may take together; bytes. */
const MAX_ATTRIBUTES_BYTES = 1024 * 1024;
/**
 * The cost of an attribute beside its name and value, bytes: a million one-byte attributes take far more than
 * 1 MB.
 */
const ATTRIBUTE_COST = 64;

export const bytesOfAttribute = (name: string, value: string): number =>
  ATTRIBUTE_COST + name.length + value.length;

/** The most that all writable files of a guest may take together. */
export class Quota {
  usedBytes = 0;
  usedFiles = 0;
  /** What the extended attributes of all inodes take now. */
  attributeBytes = 0;
  /** Whether a write or a new file was refused. */
  exceeded = false;

  constructor(
    readonly bytes: number,
    readonly files: number,
    readonly work: Work = UNCOUNTED,
  ) {}

  takeBytes(count: number): void {
    if (this.usedBytes + count > this.bytes) this.#refuse();
    this.usedBytes += count;
  }

  takeFile(): void {
    if (this.usedFiles >= this.files) this.#refuse();
    this.usedFiles++;
  }

  /**
   * Sets an extended attribute, or with null removes it; name and value latin1.
   * @throws ENOSPC when the guest's attributes together would exceed {@link MAX_ATTRIBUTES_BYTES}
   */
  setAttribute(inode: Inode, name: string, value: string | null): void {
    const before = inode.attributes.get(name);
    const more =
      (value === null ? 0 : bytesOfAttribute(name, value)) -
      (before === undefined ? 0 : bytesOfAttribute(name, before));
    if (more > 0 && this.attributeBytes + more > MAX_ATTRIBUTES_BYTES) throw new SyscallError(Errno.ENOSPC);
    this.attributeBytes += more;
    // The table keeps its first copy of the name.
    inode.changeAttribute(
      before === undefined ? keptText(name) : name,
      value === null ? null : keptText(value),
    );
  }

  /** Gives back the attributes of a deleted inode. */
  giveAttributes(inode: Inode): void {
    for (const name of inode.attributes.keys()) {
      this.work.step();
      this.setAttribute(inode, name, null);
    }
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

/** A sparse file in memory: only written blocks exist and count. */
export class MemoryFile extends FileInode {
  readonly #blocks = new Map<number, Buffer>();
  /** Blocks that are not charged to the quota. */
  readonly #free = new WeakSet<Buffer>();
  #released = false;
  #holders = 0;
  #size = 0;

  constructor(
    ino: number,
    permissions: number,
    nowNs: bigint,
    /** Null where the guest cannot write. */
    private readonly quota: Quota | null,
    writable = true,
    /** Whether it counts as one of the guest's files; the run's own inputs do not. */
    readonly counted = true,
  ) {
    super(ino, S_IF.REG | permissions, nowNs, writable);
  }

  get size(): number {
    return this.#size;
  }

  /** What its blocks are charged to the quota. */
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
      this.quota?.work.step();
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

  /** The existing blocks of a range, in order; iterates over the range or the file, whichever is shorter. */
  #indices(begin: number, end: number): number[] {
    const [first, last] = [Math.floor(begin / BLOCK), Math.ceil(end / BLOCK)];
    const found: number[] = [];
    if (last - first > this.#blocks.size) {
      for (const i of this.#blocks.keys()) {
        this.quota?.work.step();
        if (i >= first && i < last) found.push(i);
      }
      return found.sort((a, b) => a - b);
    }
    for (let i = first; i < last; i++) {
      this.quota?.work.step();
      if (this.#blocks.has(i)) found.push(i);
    }
    return found;
  }

  /**
   * Returns how many bytes were written: fewer than given when the quota ends midway; ENOSPC when none fit.
   */
  write(offset: number, data: Uint8Array): number {
    if (offset + data.length > MAX_FILE_BYTES) throw new SyscallError(Errno.EFBIG);
    let done = 0;
    while (done < data.length) {
      this.quota?.work.step();
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
      for (const index of this.#indices(keep * BLOCK, this.#size)) this.#drop(index);
      // Bytes behind the new end must read as zeroes when the file grows again.
      if (size % BLOCK !== 0) this.#blocks.get(keep - 1)?.fill(0, size % BLOCK);
    }
    this.#size = size;
  }

  /**
   * Fills an input file of the run: its blocks are never charged to the guest, whatever it does with them
   * later.
   */
  fill(data: Uint8Array): void {
    for (let at = 0; at < data.length; at += BLOCK) {
      const block = Buffer.alloc(BLOCK);
      block.set(data.subarray(at, at + BLOCK));
      this.#blocks.set(at / BLOCK, block);
      this.#free.add(block);
    }
    this.#size = data.length;
  }

  /** Open descriptions, places and mappings; the file lives while one of them or a name is left. */
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

  /** Gives back its charges when no reference is left. */
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
  readonly #entries = new Map<string, DirectoryEntry>();
  /**
   * Entries in the order of their creation, so with increasing numbers; null where one was deleted. The
   * numbers are kept beside them, so that a position between two entries is found even after the entry there
   * was deleted.
   */
  #order: (DirectoryEntry | null)[] = [];
  #numbers: number[] = [];
  #lastNumber = 0;
  /** Whether it counts as one of the guest's files; folders laid out before the run do not. */
  counted = false;
  parent: DirectoryInode | null = null;
  /** Removed: no entry can be made in it any more. */
  dead = false;
  #layOut: (() => void) | null = null;

  constructor(ino: number, permissions: number, nowNs: bigint, writable: boolean) {
    super(ino, S_IF.DIR | permissions, nowNs, writable);
    this.nlink = 2;
  }

  /** Leaves the first entries to `layOut`, which is called before anything of them is told. For set-up only. */
  layOutLater(layOut: () => void): void {
    this.#layOut = layOut;
  }

  #laidOut(): Map<string, DirectoryEntry> {
    const layOut = this.#layOut;
    this.#layOut = null;
    layOut?.();
    return this.#entries;
  }

  override stat(): StatFields {
    this.#laidOut();
    return super.stat();
  }

  lookup(name: string): Inode | null {
    return this.#laidOut().get(name)?.inode ?? null;
  }

  entryAfter(number: number): DirectoryEntry | null {
    this.#laidOut();
    for (let i = this.#indexAfter(number); i < this.#order.length; i++) {
      const entry = this.#order[i] ?? null;
      if (entry !== null) return entry;
    }
    return null;
  }

  get lastNumber(): number {
    this.#laidOut();
    return this.#lastNumber;
  }

  /** The number of an entry; null where there is none. */
  numberOf(name: string): number | null {
    return this.#laidOut().get(name)?.number ?? null;
  }

  names(): readonly string[] {
    return [...this.#laidOut().keys()];
  }

  get empty(): boolean {
    return this.#laidOut().size === 0;
  }

  set(name: string, inode: Inode): void {
    // Appended, even where the same name existed before.
    this.delete(name);
    const entry = { name: keptText(name), inode, number: ++this.#lastNumber };
    this.#entries.set(entry.name, entry);
    this.#order.push(entry);
    this.#numbers.push(entry.number);
    if (inode instanceof MemoryDirectory) inode.parent = this;
  }

  delete(name: string): void {
    const entry = this.#laidOut().get(name);
    if (entry === undefined) return;
    this.#entries.delete(name);
    this.#order[this.#indexAfter(entry.number) - 1] = null;
    // There are never more gaps than entries, so each gap is passed a bounded number of times.
    if (this.#order.length > 2 * this.#entries.size) {
      this.#order = this.#order.filter((kept) => kept !== null);
      this.#numbers = this.#order.map((kept) => (kept as DirectoryEntry).number);
    }
  }

  /** The index of the first number above this one. */
  #indexAfter(number: number): number {
    let [from, to] = [0, this.#numbers.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.#numbers[middle] as number) <= number) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
