import { Errno, O, POLL, type StatFields, SyscallError } from '@sandpiper/abi';
import {
  type DeviceInode,
  type DirectoryEntry,
  type DirectoryInode,
  type FileInode,
  type Inode,
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

  /** The file as something that can change. */
  memory(): MemoryFile {
    if (!(this.inode instanceof MemoryFile) || !this.inode.writable) throw new SyscallError(Errno.EBADF);
    return this.inode;
  }

  override released(): void {
    if (this.inode instanceof MemoryFile) this.inode.drop();
  }
}

export class OpenDirectory extends OpenFile {
  /** What comes after the entry that was come to last. No list of its own: a guest may have many folders open. */
  #rest: Iterator<DirectoryEntry> | null = null;
  #at = 0;
  #entry: DirectoryEntry | null = null;

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

  /** The entry at `offset`, which counts entries; null at the end. */
  entry(): DirectoryEntry | null {
    if (this.#rest === null || this.offset < this.#at) this.#begin();
    while (this.#at < this.offset && this.#entry !== null) this.#advance();
    return this.#at === this.offset ? this.#entry : null;
  }

  rewind(): void {
    this.offset = 0;
    this.#rest = null;
  }

  #begin(): void {
    this.#rest = this.#all();
    this.#at = -1;
    this.#advance();
  }

  #advance(): void {
    const next = this.#rest?.next();
    this.#entry = next === undefined || next.done === true ? null : next.value;
    this.#at++;
  }

  *#all(): Generator<DirectoryEntry> {
    yield { name: '.', inode: this.inode };
    yield { name: '..', inode: this.location.parents.at(-1) ?? this.inode };
    yield* this.inode.entries();
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
    // It can be opened once more through /proc/self/fd: until then nothing of it may be given back.
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
