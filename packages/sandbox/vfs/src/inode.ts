import { S_IF, type StatFields } from '@sandpiper/abi';

/** Nanoseconds since the epoch. */
export type EpochClock = () => bigint;

/** User and group of the guest. */
export const GUEST_UID = 1000;

const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();

/**
 * What every file of a guest has. Names and link targets are bytes, held as latin1 strings, so nothing is
 * lost.
 */
export abstract class Inode {
  uid = GUEST_UID;
  gid = GUEST_UID;
  nlink = 1;
  /**
   * Extended attributes by name (xattr(7)), both latin1. Few inodes have any, so the table is made on demand.
   */
  #attributes: Map<string, string> | null = null;
  atimeNs: bigint;
  mtimeNs: bigint;
  ctimeNs: bigint;

  constructor(
    readonly ino: number,
    public mode: number,
    nowNs: bigint,
    /** Whether the guest may change it; host files never are. */
    readonly writable: boolean,
  ) {
    this.atimeNs = this.mtimeNs = this.ctimeNs = nowNs;
  }

  abstract get size(): number;

  /** Changed only by {@link Quota.setAttribute}, which bounds them. */
  get attributes(): ReadonlyMap<string, string> {
    return this.#attributes ?? NO_ATTRIBUTES;
  }

  changeAttribute(name: string, value: string | null): void {
    if (value !== null) (this.#attributes ??= new Map()).set(name, value);
    else if (this.#attributes?.delete(name) === true && this.#attributes.size === 0) this.#attributes = null;
  }

  get type(): number {
    return this.mode & S_IF.MT;
  }

  /**
   * `wanted` combines 4 (read), 2 (write) and 1 (execute, or search a folder). Root owns what the guest does
   * not.
   */
  permits(wanted: number): boolean {
    const shift = this.uid === GUEST_UID ? 6 : 0;
    return ((this.mode >> shift) & wanted) === wanted;
  }

  stat(): StatFields {
    return {
      dev: this.writable ? 2 : 1,
      ino: this.ino,
      mode: this.mode,
      nlink: this.nlink,
      uid: this.uid,
      gid: this.gid,
      rdev: 0,
      size: this.size,
      atimeNs: this.atimeNs,
      mtimeNs: this.mtimeNs,
      ctimeNs: this.ctimeNs,
    };
  }
}

/** A file whose bytes can be read at an offset. */
export abstract class FileInode extends Inode {
  /** At most `length` bytes from `offset`; empty at the end. */
  abstract read(offset: number, length: number): Buffer;

  /**
   * The parts of a range that may hold non-zero bytes, as begin and end, in order, none longer than `most`.
   * Callers skip the holes, as the size of a sparse file costs its owner nothing.
   */
  *parts(offset: number, length: number, most: number): Generator<readonly [number, number]> {
    const end = Math.min(offset + length, this.size);
    for (let at = offset; at < end; at += most) yield [at, Math.min(end, at + most)];
  }
}

export abstract class DirectoryInode extends Inode {
  get size(): number {
    return 4096;
  }

  abstract lookup(name: string): Inode | null;
  abstract names(): readonly string[];

  /**
   * The first entry with a number above this one; null after the last. A folder is read without a list per
   * reader, and without an iterator, which would keep the state of the folder at its creation.
   */
  abstract entryAfter(number: number): DirectoryEntry | null;

  /** Entries that are made later have numbers above this one. */
  abstract get lastNumber(): number;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly inode: Inode;
  /** At least 1; increases from entry to entry. */
  readonly number: number;
}

/** As on a disk: a longer target does not fit into the inode and takes a block of its own, bytes. */
const LONGEST_INLINE = 60;
const LINK_BLOCK = 4096;

/** What a link with this target takes of the quota, bytes. */
export const bytesOfLink = (target: string): number => (target.length > LONGEST_INLINE ? LINK_BLOCK : 0);

export class SymlinkInode extends Inode {
  constructor(
    ino: number,
    readonly target: string,
    nowNs: bigint,
    writable: boolean,
  ) {
    super(ino, S_IF.LNK | 0o777, nowNs, writable);
  }

  get size(): number {
    return this.target.length;
  }
}

/** A magic link: it leads to its target without a path walk, as those in /proc/self/fd do (proc(5)). */
export class MagicLink extends SymlinkInode {
  constructor(
    ino: number,
    text: string,
    nowNs: bigint,
    readonly leadsTo: Inode,
    /** The parent folders, where it leads to a folder. */
    readonly parents: readonly DirectoryInode[],
  ) {
    super(ino, text, nowNs, false);
  }
}

/** By its name in /dev. */
export type DeviceKind = 'null' | 'zero' | 'full' | 'random' | 'urandom' | 'tty';

/** Major and minor number of st_rdev: null(4), full(4), random(4), tty(4). */
const NUMBERS: Record<DeviceKind, readonly [number, number]> = {
  null: [1, 3],
  zero: [1, 5],
  full: [1, 7],
  random: [1, 8],
  urandom: [1, 9],
  tty: [5, 0],
};

export class DeviceInode extends Inode {
  constructor(
    ino: number,
    readonly kind: DeviceKind,
    nowNs: bigint,
  ) {
    super(ino, S_IF.CHR | 0o666, nowNs, false);
    this.uid = this.gid = 0;
  }

  get size(): number {
    return 0;
  }

  override stat(): StatFields {
    const [major, minor] = NUMBERS[this.kind];
    return { ...super.stat(), rdev: 256 * major + minor };
  }
}
