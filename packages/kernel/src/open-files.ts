import { Errno, O, POLL, type StatFields, SyscallError } from '@sandpiper/abi';
import {
  type DeviceInode,
  type DirectoryInode,
  type FileInode,
  type Inode,
  type Listed,
  type Location,
  MemoryFile,
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
    if (inode instanceof MemoryFile) inode.opens++;
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

  /** The file as something that can change. */
  memory(): MemoryFile {
    if (!(this.inode instanceof MemoryFile) || !this.inode.writable) throw new SyscallError(Errno.EBADF);
    return this.inode;
  }

  override released(): void {
    if (!(this.inode instanceof MemoryFile)) return;
    this.inode.opens--;
    if (this.inode.nlink === 0 && this.inode.opens === 0) this.inode.release();
  }
}

export interface Entry {
  readonly name: string;
  readonly inode: Inode;
  /** The offset of the entry behind it. */
  readonly next: number;
}

/** The entries `.` and `..` have the offsets 0 and 1; then come those of the folder's listing. */
const OWN_ENTRIES = 2;

export class OpenDirectory extends OpenFile {
  #listing: Iterator<Listed, void> | null = null;
  /** The offset that the listing goes on from. */
  #listedTo = 0;
  /** What it has given and nobody has taken. */
  #waiting: Entry | null = null;

  constructor(
    readonly inode: DirectoryInode,
    flags: number,
    readonly location: Location,
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

  /** The entry at `offset`; null at the end. It is taken by moving the offset behind it. */
  entry(): Entry | null {
    if (this.offset === 0) return { name: '.', inode: this.inode, next: 1 };
    if (this.offset === 1) return { name: '..', inode: this.location.parents.at(-1) ?? this.inode, next: 2 };
    const waiting = this.#waiting;
    if (
      waiting !== null &&
      this.#listedTo === this.offset &&
      this.inode.lookup(waiting.name) === waiting.inode
    )
      return waiting;
    if (waiting?.next !== this.offset && this.#listedTo !== this.offset) this.#listing = null;
    this.#listing ??= this.inode.list(this.offset - OWN_ENTRIES);
    this.#listedTo = this.offset;
    this.#waiting = this.#nextOf(this.#listing);
    return this.#waiting;
  }

  #nextOf(listing: Iterator<Listed, void>): Entry | null {
    for (;;) {
      const listed = listing.next();
      if (listed.done === true) return null;
      const { name, position } = listed.value;
      const inode = this.inode.lookup(name);
      // A file of the host may have gone; one of the guest's is gone from the list as well.
      if (inode !== null) return { name, inode, next: position + OWN_ENTRIES };
    }
  }

  rewind(): void {
    this.offset = 0;
    this.#listing = this.#waiting = null;
    this.#listedTo = 0;
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

  override read(length: number): Buffer {
    if (this.inode.kind === 'null') return Buffer.alloc(0);
    return this.inode.kind === 'random' ? this.randomBytes(length) : Buffer.alloc(length);
  }

  override write(data: Buffer): number {
    if (this.inode.kind === 'full') throw new SyscallError(Errno.ENOSPC);
    return data.length;
  }
}

/** O_PATH: a place, and nothing that could be done with what is there. */
export class PathHandle extends OpenFile {
  constructor(
    readonly inode: Inode,
    readonly path: string,
    /** Where it is a folder. */
    readonly location: Location | null,
  ) {
    super(O.PATH);
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
