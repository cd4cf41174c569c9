import { Errno, O, POLL, S_IF, type StatFields, SyscallError } from '@sandpiper/abi';
import {
  type DeviceInode,
  type DirectoryInode,
  type FileInode,
  Inode,
  type Location,
  MemoryFile,
} from '@sandpiper/vfs';
import type { InputStream } from './types.js';

/** What a descriptor leads to (an open file description of open(2)); dup shares it. */
export abstract class OpenFile {
  offset = 0;
  references = 0;

  constructor(
    /** As given to open(2): access mode and status flags. */
    public flags: number,
  ) {}

  abstract stat(): StatFields;

  /** What /proc/self/fd shows and leads to. */
  abstract readonly link: { readonly text: string; readonly inode: Inode; readonly parents: readonly DirectoryInode[] };

  get readable(): boolean {
    return (this.flags & O.ACCMODE) !== O.WRONLY;
  }

  get writable(): boolean {
    return (this.flags & O.ACCMODE) !== O.RDONLY;
  }

  get seekable(): boolean {
    return false;
  }

  /** Access mode and status flags, as F_GETFL tells them. */
  get statusFlags(): number {
    return this.flags & ~(O.CREAT | O.EXCL | O.NOCTTY | O.TRUNC | O.CLOEXEC);
  }

  set statusFlags(flags: number) {
    const settable = O.APPEND | O.NONBLOCK;
    this.flags = (this.flags & ~settable) | (flags & settable);
  }

  read(_length: number, _at: number | null): Buffer {
    throw new SyscallError(Errno.EINVAL);
  }

  /** Returns the bytes taken. */
  write(_data: Buffer, _at: number | null): number {
    throw new SyscallError(Errno.EINVAL);
  }

  /** Which of POLL.IN, OUT, HUP hold now. */
  poll(): number {
    return POLL.IN | POLL.OUT;
  }

  /** The last descriptor was closed. */
  released(): void {}
}

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
}

export class OpenDirectory extends OpenFile {
  /** Fixed when the reading begins, so that changes meanwhile neither repeat nor hide an entry that stays. */
  #entries: readonly Entry[] | null = null;

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
  entry(): Entry | null {
    this.#entries ??= [
      { name: '.', inode: this.inode },
      { name: '..', inode: this.location.parents.at(-1) ?? this.inode },
      ...this.inode.names().flatMap((name) => {
        const inode = this.inode.lookup(name);
        return inode === null ? [] : [{ name, inode }];
      }),
    ];
    return this.#entries[this.offset] ?? null;
  }

  rewind(): void {
    this.offset = 0;
    this.#entries = null;
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

/** What has no name in any folder but can be opened once more through /proc/self/fd: the end of a pipe, a stream. */
export class StreamInode extends Inode {
  constructor(
    ino: number,
    readonly file: OpenFile,
    type: number,
  ) {
    super(ino, type | 0o600, 0n, false);
  }

  get size(): number {
    return 0;
  }
}

/** Standard streams and pipes. */
abstract class Stream extends OpenFile {
  readonly #inode: StreamInode;

  constructor(
    ino: number,
    flags: number,
    private readonly kind: 'pipe' | 'socket' = 'pipe',
  ) {
    super(flags);
    this.#inode = new StreamInode(ino, this, kind === 'pipe' ? S_IF.IFO : S_IF.SOCK);
  }

  get link() {
    return { text: `${this.kind}:[${this.#inode.ino}]`, inode: this.#inode, parents: [] };
  }

  stat(): StatFields {
    return this.#inode.stat();
  }
}

/** Standard input, output and error look like pipes. */
export class InputFile extends Stream {
  constructor(private readonly source: InputStream) {
    super(3, O.RDONLY);
  }

  override read(length: number): Buffer {
    return this.source.read(length);
  }

  override poll(): number {
    return POLL.IN;
  }
}

export class OutputFile extends Stream {
  constructor(
    private readonly sink: (data: Buffer) => number,
    ino: number,
  ) {
    super(ino, O.WRONLY);
  }

  override write(data: Buffer): number {
    return this.sink(data);
  }

  override poll(): number {
    return POLL.OUT;
  }
}

/** pipe(7): what fits before a writer would have to wait, bytes. */
const PIPE_BYTES = 65536;

/** A pipe within the guest. It has one thread, so a wait on either end would last for ever: EAGAIN says so. */
export class Pipe {
  constructor(readonly ino: number) {}

  bytes: Buffer = Buffer.alloc(0);
  readers = 0;
  writers = 0;
}

export class PipeEnd extends Stream {
  constructor(
    private readonly pipe: Pipe,
    flags: number,
  ) {
    super(pipe.ino, flags);
    if (this.readable) pipe.readers++;
    else pipe.writers++;
  }

  override read(length: number): Buffer {
    if (this.pipe.bytes.length === 0 && this.pipe.writers > 0) throw new SyscallError(Errno.EAGAIN);
    const data = this.pipe.bytes.subarray(0, length);
    this.pipe.bytes = this.pipe.bytes.subarray(data.length);
    return data;
  }

  override write(data: Buffer): number {
    if (this.pipe.readers === 0) throw new SyscallError(Errno.EPIPE);
    const taken = Math.min(data.length, PIPE_BYTES - this.pipe.bytes.length);
    if (taken === 0 && data.length > 0) throw new SyscallError(Errno.EAGAIN);
    this.pipe.bytes = Buffer.concat([this.pipe.bytes, data.subarray(0, taken)]);
    return taken;
  }

  override poll(): number {
    if (!this.readable)
      return this.pipe.readers === 0 ? POLL.ERR : this.pipe.bytes.length < PIPE_BYTES ? POLL.OUT : 0;
    return (this.pipe.bytes.length > 0 ? POLL.IN : 0) | (this.pipe.writers === 0 ? POLL.HUP : 0);
  }

  override released(): void {
    if (this.readable) this.pipe.readers--;
    else this.pipe.writers--;
  }
}

/** Descriptors of one guest: the lowest free number is the next (open(2)). */
export class FdTable {
  readonly #files = new Map<number, { file: OpenFile; closeOnExec: boolean }>();

  constructor(private readonly capacity: number) {}

  get(fd: number): OpenFile {
    const entry = this.#files.get(fd);
    if (entry === undefined) throw new SyscallError(Errno.EBADF);
    return entry.file;
  }

  has(fd: number): boolean {
    return this.#files.has(fd);
  }

  /** @throws EMFILE when no number is free */
  demandRoom(): void {
    if (this.#files.size >= this.capacity) throw new SyscallError(Errno.EMFILE);
  }

  add(file: OpenFile, closeOnExec: boolean, least = 0): number {
    if (least < 0 || least >= this.capacity) throw new SyscallError(Errno.EINVAL);
    let fd = least;
    while (this.#files.has(fd)) fd++;
    if (fd >= this.capacity) {
      if (file.references === 0) file.released();
      throw new SyscallError(Errno.EMFILE);
    }
    this.#put(fd, file, closeOnExec);
    return fd;
  }

  /** dup2(2): whatever `fd` was is closed first. */
  replace(fd: number, file: OpenFile, closeOnExec: boolean): void {
    if (fd < 0 || fd >= this.capacity) throw new SyscallError(Errno.EBADF);
    file.references++;
    if (this.#files.has(fd)) this.close(fd);
    file.references--;
    this.#put(fd, file, closeOnExec);
  }

  close(fd: number): void {
    const entry = this.#files.get(fd);
    if (entry === undefined) throw new SyscallError(Errno.EBADF);
    this.#files.delete(fd);
    if (--entry.file.references === 0) entry.file.released();
  }

  closeOnExec(fd: number): boolean {
    this.get(fd);
    return this.#files.get(fd)?.closeOnExec === true;
  }

  setCloseOnExec(fd: number, value: boolean): void {
    const file = this.get(fd);
    this.#files.set(fd, { file, closeOnExec: value });
  }

  numbers(): number[] {
    return [...this.#files.keys()].sort((a, b) => a - b);
  }

  #put(fd: number, file: OpenFile, closeOnExec: boolean): void {
    file.references++;
    this.#files.set(fd, { file, closeOnExec });
  }
}
