import { Errno, O, POLL, type StatFields, SyscallError } from '@sandpiper/abi';
import type { Work } from '@sandpiper/vfs';
import { type FdTable, OpenFile, type Watcher } from './descriptors.js';
import type { Readiness } from './readiness.js';
import { StreamInode } from './streams.js';

interface Watch {
  readonly file: OpenFile;
  readonly events: number;
  readonly data: bigint;
  /** EPOLLONESHOT: reported once, then silent until it is armed again. */
  silent: boolean;
}

export interface Ready {
  readonly events: number;
  readonly data: bigint;
}

const ONESHOT = 1 << 30;
/** Sets within a set: each look goes through all of them. Linux has such a bound too (epoll_ctl(2)). */
const MAX_SETS = 4;

/** How many watches all sets of a guest hold together: as max_user_watches of epoll(7). */
export class WatchBudget {
  #used = 0;

  constructor(readonly most: number) {}

  get used(): number {
    return this.#used;
  }

  /** @throws ENOSPC */
  take(): void {
    if (this.#used >= this.most) throw new SyscallError(Errno.ENOSPC);
    this.#used++;
  }

  give(count: number): void {
    this.#used -= count;
  }
}

/** What a set needs from its kernel. */
export interface EpollContext {
  readonly fds: FdTable;
  readonly watches: WatchBudget;
  readonly work: Work;
}

/** A set of descriptors to wait for together (epoll(7)); level-triggered, even where edges were requested. */
export class Epoll extends OpenFile implements Watcher {
  readonly #inode: StreamInode;
  /** By descriptor. A closed descriptor is removed at once, as its number may be reused. */
  readonly #watches = new Map<number, Watch>();

  constructor(
    ino: number,
    private readonly context: EpollContext,
  ) {
    super(O.RDWR);
    this.#inode = new StreamInode(ino, this, 0o600);
  }

  get link() {
    return { text: 'anon_inode:[eventpoll]', inode: this.#inode, parents: [] };
  }

  override get waitable(): boolean {
    return true;
  }

  override get isSet(): boolean {
    return true;
  }

  /** How many descriptors it watches. */
  get size(): number {
    return this.#watches.size;
  }

  stat(): StatFields {
    return this.#inode.stat();
  }

  add(fd: number, events: number, data: bigint): void {
    const { fds, watches } = this.context;
    const file = fds.get(fd);
    if (file === this) throw new SyscallError(Errno.EINVAL);
    // A file is always ready, and epoll does not take it (epoll_ctl(2)).
    if (!file.waitable) throw new SyscallError(Errno.EPERM);
    if (this.#watches.has(fd)) throw new SyscallError(Errno.EEXIST);
    if (file instanceof Epoll) {
      if (file.#reaches(this)) throw new SyscallError(Errno.ELOOP);
      if (this.#sets().length >= MAX_SETS) throw new SyscallError(Errno.ENOSPC);
    }
    watches.take();
    file.watched(this, 1);
    this.#watches.set(fd, { file, events, data, silent: false });
  }

  modify(fd: number, events: number, data: bigint): void {
    const file = this.context.fds.get(fd);
    if (!this.#watches.has(fd)) throw new SyscallError(Errno.ENOENT);
    this.#watches.set(fd, { file, events, data, silent: false });
  }

  remove(fd: number): void {
    this.context.fds.get(fd);
    if (!this.#watches.has(fd)) throw new SyscallError(Errno.ENOENT);
    this.forget(fd);
  }

  forget(fd: number): void {
    const watch = this.#watches.get(fd);
    if (watch === undefined) return;
    this.#watches.delete(fd);
    watch.file.watched(this, -1);
    this.context.watches.give(1);
  }

  override released(): void {
    for (const fd of this.#watches.keys()) this.forget(fd);
  }

  /** At most `max` ready descriptors. */
  ready(max: number, readiness: Readiness): Ready[] {
    const found: Ready[] = [];
    for (const watch of this.#watches.values()) {
      if (found.length === max) break;
      const events = this.#eventsOf(watch, readiness);
      if (events === 0) continue;
      found.push({ events, data: watch.data });
      if ((watch.events & ONESHOT) !== 0) watch.silent = true;
    }
    return found;
  }

  /** As {@link ready}, but consumes nothing: one-shot watches stay armed. */
  override poll(readiness: Readiness): number {
    for (const watch of this.#watches.values()) if (this.#eventsOf(watch, readiness) !== 0) return POLL.IN;
    return 0;
  }

  #eventsOf(watch: Watch, readiness: Readiness): number {
    this.context.work.step();
    if (watch.silent) return 0;
    return readiness.of(watch.file) & (watch.events | POLL.ERR | POLL.HUP);
  }

  #sets(): Epoll[] {
    const found: Epoll[] = [];
    for (const { file } of this.#watches.values()) {
      this.context.work.step();
      if (file instanceof Epoll) found.push(file);
    }
    return found;
  }

  #reaches(other: Epoll): boolean {
    const seen = new Set<Epoll>([this]);
    for (const set of seen) for (const inner of set.#sets()) seen.add(inner);
    return seen.has(other);
  }
}
