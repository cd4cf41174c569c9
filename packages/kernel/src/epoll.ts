import { Errno, O, POLL, type StatFields, SyscallError } from '@sandpiper/abi';
import { type FdTable, OpenFile } from './descriptors.js';
import { StreamInode } from './streams.js';

interface Watch {
  readonly file: OpenFile;
  readonly events: number;
  readonly data: bigint;
  /** EPOLLONESHOT: told once, and then silent until it is armed again. */
  silent: boolean;
}

export interface Ready {
  readonly events: number;
  readonly data: bigint;
}

const ONESHOT = 1 << 30;
/**
 * Sets within a set: so many in one, and so deep. Each look goes through all of them, so without bounds a few calls of the
 * guest would be work without end for us; Linux has such bounds too (epoll_ctl(2), ELOOP and ENOSPC).
 */
const MAX_SETS = 4;
const MAX_DEPTH = 4;

/** A set of descriptors that are waited for together (epoll(7)); level-triggered, whatever was asked. */
export class Epoll extends OpenFile {
  readonly #inode: StreamInode;
  /** By descriptor; bounded by the table of descriptors. */
  readonly #watches = new Map<number, Watch>();

  constructor(
    ino: number,
    private readonly fds: FdTable,
  ) {
    super(O.RDWR);
    this.#inode = new StreamInode(ino, this, 0);
  }

  get link() {
    return { text: 'anon_inode:[eventpoll]', inode: this.#inode, parents: [] };
  }

  override get waitable(): boolean {
    return true;
  }

  stat(): StatFields {
    return this.#inode.stat();
  }

  add(fd: number, events: number, data: bigint): void {
    const file = this.fds.get(fd);
    if (file === this) throw new SyscallError(Errno.EINVAL);
    // A file is always ready, and epoll does not take it (epoll_ctl(2)).
    if (!file.waitable) throw new SyscallError(Errno.EPERM);
    if (this.#watch(fd) !== undefined) throw new SyscallError(Errno.EEXIST);
    if (file instanceof Epoll) {
      if (file.#reaches(this)) throw new SyscallError(Errno.ELOOP);
      if (this.#sets().length >= MAX_SETS) throw new SyscallError(Errno.ENOSPC);
    }
    this.#watches.set(fd, { file, events, data, silent: false });
  }

  modify(fd: number, events: number, data: bigint): void {
    const file = this.fds.get(fd);
    if (this.#watch(fd) === undefined) throw new SyscallError(Errno.ENOENT);
    this.#watches.set(fd, { file, events, data, silent: false });
  }

  remove(fd: number): void {
    this.fds.get(fd);
    if (this.#watch(fd) === undefined) throw new SyscallError(Errno.ENOENT);
    this.#watches.delete(fd);
  }

  /** At most `max` of those that are ready. */
  ready(max: number): Ready[] {
    const found: Ready[] = [];
    for (const [fd, watch] of this.#watches) {
      if (found.length === max) break;
      if (this.#watch(fd) === undefined || watch.silent) continue;
      const events = watch.file.poll() & (watch.events | POLL.ERR | POLL.HUP);
      if (events === 0) continue;
      found.push({ events, data: watch.data });
      if ((watch.events & ONESHOT) !== 0) watch.silent = true;
    }
    return found;
  }

  static #depth = 0;

  override poll(): number {
    if (Epoll.#depth >= MAX_DEPTH) return 0;
    Epoll.#depth++;
    try {
      return this.#anyReady() ? POLL.IN : 0;
    } finally {
      Epoll.#depth--;
    }
  }

  /** As {@link ready}, but nothing is told: what is to be told once is still to be told. */
  #anyReady(): boolean {
    for (const [fd, watch] of this.#watches) {
      if (this.#watch(fd) === undefined || watch.silent) continue;
      if ((watch.file.poll() & (watch.events | POLL.ERR | POLL.HUP)) !== 0) return true;
    }
    return false;
  }

  #sets(): Epoll[] {
    return [...this.#watches.keys()].flatMap((fd) => {
      const file = this.#watch(fd)?.file;
      return file instanceof Epoll ? [file] : [];
    });
  }

  #reaches(other: Epoll): boolean {
    const seen = new Set<Epoll>([this]);
    for (const set of seen) for (const inner of set.#sets()) seen.add(inner);
    return seen.has(other);
  }

  /** A descriptor that was closed is forgotten, though its number may be in use again. */
  #watch(fd: number): Watch | undefined {
    const watch = this.#watches.get(fd);
    if (watch === undefined || (this.fds.has(fd) && this.fds.get(fd) === watch.file)) return watch;
    this.#watches.delete(fd);
    return undefined;
  }
}
