import { Errno, O, POLL, type StatFields, SyscallError } from '@sandpiper/abi';
import type { DirectoryInode, Inode } from '@sandpiper/vfs';
import type { Readiness } from './readiness.js';
import type { Terminal } from './types.js';

/** Watches descriptors, and is told when one is closed. */
export interface Watcher {
  forget(fd: number): void;
}

/** What a descriptor refers to: an open file description of open(2), which dup shares. */
export abstract class OpenFile {
  offset = 0;
  references = 0;
  /** Its size, where it is one. */
  readonly terminal: Terminal | null = null;
  /** The watchers, and by how many descriptors each watches. */
  #watchers: Map<Watcher, number> | null = null;

  constructor(
    /** As given to open(2): access mode and status flags. */
    public flags: number,
  ) {}

  abstract stat(): StatFields;

  /** What /proc/self/fd shows and leads to. */
  abstract readonly link: {
    readonly text: string;
    readonly inode: Inode;
    readonly parents: readonly DirectoryInode[];
  };

  get readable(): boolean {
    return (this.flags & O.ACCMODE) !== O.WRONLY;
  }

  get writable(): boolean {
    return (this.flags & O.ACCMODE) !== O.RDONLY;
  }

  /** Whether it can be unready: a pipe, a socket, a stream. */
  get waitable(): boolean {
    return false;
  }

  /** Whether it is a set of other descriptors, whose readiness depends on theirs. */
  get isSet(): boolean {
    return false;
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

  /** Returns how many bytes were taken. */
  write(_data: Buffer, _at: number | null): number {
    throw new SyscallError(Errno.EINVAL);
  }

  /** Which of POLL.IN, OUT, HUP hold now. Ask through {@link Readiness.of}. */
  poll(_readiness: Readiness): number {
    return POLL.IN | POLL.OUT;
  }

  /** `by` watches one more of its descriptors, or one fewer. */
  watched(by: Watcher, change: 1 | -1): void {
    this.#watchers ??= new Map();
    const count = (this.#watchers.get(by) ?? 0) + change;
    if (count > 0) this.#watchers.set(by, count);
    else this.#watchers.delete(by);
  }

  /** One of its descriptors was closed. */
  closed(fd: number): void {
    if (this.#watchers !== null) for (const watcher of this.#watchers.keys()) watcher.forget(fd);
  }

  /** The last descriptor was closed. */
  released(): void {}
}

/** Descriptors of one guest: the lowest free number is the next (open(2)). */
export class FdTable {
  readonly #files = new Map<number, { file: OpenFile; closeOnExec: boolean }>();
  /** No number below this is free. */
  #lowest = 0;

  constructor(readonly capacity: number) {}

  get(fd: number): OpenFile {
    const entry = this.#files.get(fd);
    if (entry === undefined) throw new SyscallError(Errno.EBADF);
    return entry.file;
  }

  get count(): number {
    return this.#files.size;
  }

  has(fd: number): boolean {
    return this.#files.has(fd);
  }

  /** @throws EMFILE when no number is free */
  assertRoom(): void {
    if (this.#files.size >= this.capacity) throw new SyscallError(Errno.EMFILE);
  }

  add(file: OpenFile, closeOnExec: boolean, least = 0): number {
    if (least < 0 || least >= this.capacity) throw new SyscallError(Errno.EINVAL);
    let fd = Math.max(least, this.#lowest);
    while (this.#files.has(fd)) fd++;
    if (least <= this.#lowest) this.#lowest = fd;
    if (fd >= this.capacity) {
      if (file.references === 0) file.released();
      throw new SyscallError(Errno.EMFILE);
    }
    this.#put(fd, file, closeOnExec);
    return fd;
  }

  /** dup2(2): closes what `fd` was before. */
  replace(fd: number, file: OpenFile, closeOnExec: boolean): void {
    if (fd < 0 || fd >= this.capacity) throw new SyscallError(Errno.EBADF);
    const lowest = this.#lowest;
    file.references++;
    if (this.#files.has(fd)) this.close(fd);
    file.references--;
    this.#put(fd, file, closeOnExec);
    this.#lowest = lowest;
  }

  close(fd: number): void {
    const entry = this.#files.get(fd);
    if (entry === undefined) throw new SyscallError(Errno.EBADF);
    this.#files.delete(fd);
    this.#lowest = Math.min(this.#lowest, fd);
    entry.file.closed(fd);
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
