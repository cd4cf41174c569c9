import { Errno, O, POLL, type StatFields, SyscallError } from '@sandpiper/abi';
import {
  type DeviceInode,
  type DirectoryEntry as Entry,
  type DirectoryInode,
  type FileInode,
  type Inode,
  type Location,
  MemoryFile,
  type Work,
} from '@sandpiper/vfs';
import { OpenFile } from './descriptors.js';

export class RegularFile extends OpenFile {
  constructor(
    readonly inode: FileInode,
    flags: number,
    private readonly now: () => bigint,
    readonly path: string,
  ) {
    super(flags);
    if (inode instanceof MemoryFile) inode.hold();
  }

  get link() {
    return { text: this.path, inode: this.inode, parents: [] };
  }

  stat(): StatFields {
    return this.inode.stat();
  }

  override get seekable(): boolean {
    return true;
  }

  override read(length: number, at: number | null): Buffer {
    const data = this.inode.read(at ?? this.offset, length);
    if (at === null) this.offset += data.length;
    return data;
  }

  override write(data: Buffer, at: number | null): number {
    const file = this.memory();
    const append = (this.flags & O.APPEND) !== 0;
    const start = append ? file.size : (at ?? this.offset);
    const written = file.write(start, data);
    if (at === null) this.offset = start + written;
    file.mtimeNs = file.ctimeNs = this.now();
    return written;
  }

  /** The file, where it can be changed. */
  memory(): MemoryFile {
    if (!(this.inode instanceof MemoryFile) || !this.inode.writable) throw new SyscallError(Errno.EBADF);
    return this.inode;
  }

  override released(): void {
    if (this.inode instanceof MemoryFile) this.inode.drop();
  }
}

export class OpenDirectory extends OpenFile {
  /** The position, as a count of entries, and the entry there; -1 before the first read. */
  #at = -1;
  #entry: Entry | null = null;
  /** The folder's last entry when the reading began: entries made later are not shown. */
  #last = 0;

  constructor(
    readonly inode: DirectoryInode,
    flags: number,
    readonly location: Location,
    private readonly work: Work,
  ) {
    super(flags);
  }

  get link() {
    return { text: this.location.path, inode: this.inode, parents: this.location.parents };
  }

  stat(): StatFields {
    return this.inode.stat();
  }

  override read(): Buffer {
    throw new SyscallError(Errno.EISDIR);
  }

  /** The entry at `offset`, which counts entries; null at the end. */
  entry(): Entry | null {
    if (this.#at < 0 || this.offset < this.#at) {
      this.#last = this.inode.lastNumber;
      this.#at = 0;
      this.#entry = { name: '.', inode: this.inode, number: 0 };
    }
    while (this.#at < this.offset && this.#entry !== null) {
      this.work.step();
      this.#at++;
      this.#entry = this.#next(this.#entry);
    }
    return this.#at === this.offset ? this.#entry : null;
  }

  rewind(): void {
    this.offset = 0;
    this.#at = -1;
  }

  #next({ name, number }: Entry): Entry | null {
    if (number === 0 && name === '.')
      return { name: '..', inode: this.location.parents.at(-1) ?? this.inode, number: 0 };
    const entry = this.inode.entryAfter(number);
    return entry === null || entry.number > this.#last ? null : entry;
  }
}

export class Device extends OpenFile {
  constructor(
    readonly inode: DeviceInode,
    flags: number,
    private readonly randomBytes: (count: number) => Buffer,
  ) {
    super(flags);
  }

  get link() {
    return { text: `/dev/${this.inode.kind}`, inode: this.inode, parents: [] };
  }

  stat(): StatFields {
    return this.inode.stat();
  }

  /** Its position stays 0: null(4). */
  override get seekable(): boolean {
    return true;
  }

  override read(length: number): Buffer {
    switch (this.inode.kind) {
      case 'null':
        return Buffer.alloc(0);
      case 'random':
      case 'urandom':
        return this.randomBytes(length);
      default:
        return Buffer.alloc(length);
    }
  }

  override write(data: Buffer): number {
    if (this.inode.kind === 'full') throw new SyscallError(Errno.ENOSPC);
    return data.length;
  }
}

/** O_PATH: a reference to a place, without access to its content. */
export class PathHandle extends OpenFile {
  constructor(
    readonly inode: Inode,
    readonly path: string,
    /** Set where it is a folder. */
    readonly location: Location | null,
  ) {
    super(O.PATH);
    // It can be reopened through /proc/self/fd: until it is closed, nothing of it may be freed.
    if (inode instanceof MemoryFile) inode.hold();
  }

  override released(): void {
    if (this.inode instanceof MemoryFile) this.inode.drop();
  }

  get link() {
    return { text: this.path, inode: this.inode, parents: this.location?.parents ?? [] };
  }

  stat(): StatFields {
    return this.inode.stat();
  }

  override get readable(): boolean {
    return false;
  }

  override get writable(): boolean {
    return false;
  }

  override poll(): number {
    return POLL.NVAL;
  }
}
