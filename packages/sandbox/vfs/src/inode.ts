import { S_IF, type StatFields } from '@sandpiper/abi';

/** Nanoseconds since the epoch. */
export type Clock = () => bigint;

/** User and group of the guest. */
export const GUEST_UID = 1000;

const NO_ATTRIBUTES: ReadonlyMap<string, string> = new Map();

/** What every file of a guest has. Names and link targets are bytes, held as latin1 strings: nothing is lost. */
export abstract class Inode {
  uid = GUEST_UID;
  gid = GUEST_UID;
  nlink = 1;
  /** Extended attributes by name (xattr(7)), both latin1. Few inodes have any, so the others have no table. */
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

  /** Changed by {@link Quota.setAttribute} alone, which bounds them. */
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

  /** `wanted` is made of 4 (read), 2 (write), 1 (execute, or search a folder). What is not the guest's is root's. */
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
   * The parts of a range that may hold anything but zeroes, as begin and end, in order, none longer than `most`. So nobody
   * walks through the holes of a file whose size costs its owner nothing.
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
   * The first entry whose number is above this one; null behind the last. So a folder is read without a list for each reader,
   * and without an iterator, which would hold what was in the folder when it was made.
   */
  abstract entryAfter(number: number): DirectoryEntry | null;

  /** An entry that is made later has a number above this one. */
  abstract get lastNumber(): number;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly inode: Inode;
  /** At least 1; grows from each to the next. */
  readonly number: number;
}

/** As on a disk: a target that does not fit into the inode has a block of its own, bytes. */
const LONGEST_INLINE = 60;
const LINK_BLOCK = 4096;

/** What a link with that target takes of the quota, bytes. */
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

/** A link that leads to what it names without a walk, as those in /proc/self/fd do (proc(5)). */
export class MagicLink extends SymlinkInode {
  constructor(
    ino: number,
    text: string,
    nowNs: bigint,
    readonly leadsTo: Inode,
    /** The folders above, where it leads to a folder. */
    readonly parents: readonly DirectoryInode[],
  ) {
    super(ino, text, nowNs, false);
  }
}

export type DeviceKind = 'null' | 'zero' | 'full' | 'random';

/** major(rdev) 1 and these minors: null(4), full(4), random(4). */
const MINORS: Record<DeviceKind, number> = { null: 3, zero: 5, full: 7, random: 9 };

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
    return { ...super.stat(), rdev: 256 + MINORS[this.kind] };
  }
}
