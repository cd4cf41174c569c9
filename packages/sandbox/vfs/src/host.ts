import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { Errno, S_IF, SyscallError } from '@sandpiper/abi';
import { hostCache, PIECE_BYTES } from './host-cache.js';
import { type DirectoryEntry, DirectoryInode, FileInode, type Inode, SymlinkInode } from './inode.js';

/**
 * Files and folders of the host, read-only. What lies below a mount is trusted and assumed not to change
 * while this process lives, so inodes, listings and small files are kept across runs. Links are never
 * followed on the host: the guest's own path walk resolves them in the guest's name space.
 */
export class HostFile extends FileInode {
  constructor(
    private readonly path: Buffer,
    info: HostInfo,
    { before = '', after = '' }: AddedText = {},
  ) {
    super(info.ino, S_IF.REG | shownTo(info), info.mtimeNs, false);
    this.uid = this.gid = 0;
    this.#size = info.size;
    this.#before = Buffer.from(before);
    this.#after = Buffer.from(after);
  }

  /** On the host. */
  readonly #size: number;
  readonly #before: Buffer;
  readonly #after: Buffer;

  get size(): number {
    return this.#before.length + this.#size + this.#after.length;
  }

  read(offset: number, length: number): Buffer {
    const [begin, end] = [this.#before.length, this.#before.length + this.#size];
    if (begin === 0 && offset + length <= end) return this.#readOwn(offset, length);
    const within = (text: Buffer, start: number) =>
      text.subarray(Math.max(0, offset - start), Math.max(0, offset + length - start));
    const from = Math.max(offset, begin);
    const own = this.#readOwn(from - begin, Math.max(0, offset + length - from));
    return Buffer.concat([within(this.#before, 0), own, within(this.#after, end)]);
  }

  #readOwn(offset: number, length: number): Buffer {
    const end = Math.min(offset + length, this.#size);
    if (offset >= end) return Buffer.alloc(0);
    if (!hostCache.takes(this.#size)) return this.#readFromHost(offset, end - offset);
    const first = Math.floor(offset / PIECE_BYTES);
    const last = Math.floor((end - 1) / PIECE_BYTES);
    const key = this.path.toString('latin1');
    const parts: Buffer[] = [];
    for (let index = first; index <= last; index++) parts.push(this.#piece(key, index));
    // A piece shorter than the file's size promised is the last one.
    const whole = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
    return whole.subarray(offset - first * PIECE_BYTES, end - first * PIECE_BYTES);
  }

  #piece(path: string, index: number): Buffer {
    const key = `${path}\0${index}`;
    let piece = hostCache.get(key);
    if (piece === undefined) {
      const begin = index * PIECE_BYTES;
      piece = this.#readFromHost(begin, Math.min(PIECE_BYTES, this.#size - begin));
      hostCache.add(key, piece);
    }
    return piece;
  }

  #readFromHost(offset: number, length: number): Buffer {
    let fd: number;
    try {
      fd = openSync(this.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch {
      throw new SyscallError(Errno.EIO); // it existed when it was looked up
    }
    try {
      if (!fstatSync(fd).isFile()) throw new SyscallError(Errno.EIO);
      const data = Buffer.allocUnsafeSlow(length);
      let have = 0;
      while (have < length) {
        const n = readSync(fd, data, have, length - have, offset + have);
        if (n === 0) break;
        have += n;
      }
      return data.subarray(0, have);
    } finally {
      closeSync(fd);
    }
  }
}

export class HostDirectory extends DirectoryInode {
  #names: readonly string[] | null = null;
  #set: ReadonlySet<string> = new Set();
  readonly #children = new Map<string, Inode | null>();

  constructor(
    private readonly path: Buffer,
    info: HostInfo,
    private readonly view: HostView = {},
  ) {
    super(info.ino, S_IF.DIR | shownTo(info), info.mtimeNs, false);
    this.uid = this.gid = 0;
    this.nlink = 2;
  }

  lookup(name: string): Inode | null {
    this.names();
    // Asked only for names that exist, so the host's folder bounds this table, not the guest.
    if (!this.#set.has(name)) return null;
    let child = this.#children.get(name);
    if (child === undefined) {
      const path = Buffer.concat([this.path, Buffer.from('/'), Buffer.from(name, 'latin1')]);
      child = hostInode(path, viewBelow(this.view, name));
      this.#children.set(name, child);
    }
    return child;
  }

  entryAfter(number: number): DirectoryEntry | null {
    const names = this.names();
    for (let next = number + 1; next <= names.length; next++) {
      const name = names[next - 1] as string;
      const inode = this.lookup(name);
      if (inode !== null) return { name, inode, number: next };
    }
    return null;
  }

  get lastNumber(): number {
    return this.names().length;
  }

  /** The number of an entry; null where there is none. */
  numberOf(name: string): number | null {
    const names = this.names();
    let [from, to] = [0, names.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((names[middle] as string) < name) from = middle + 1;
      else to = middle;
    }
    return names[from] === name ? from + 1 : null;
  }

  names(): readonly string[] {
    if (this.#names === null) {
      try {
        const listed = readdirSync(this.path, { encoding: 'buffer' });
        const own = listed.map((name) => name.toString('latin1'));
        const { only, hidden = [], added = {} } = this.view;
        const created = Object.keys(added).filter(
          (path) => added[path]?.creates === true && !path.includes('/'),
        );
        const names = [...new Set([...own, ...created])].sort();
        const shown = only === undefined ? null : new Set(only);
        this.#names = names.filter((name) => (shown?.has(name) ?? true) && !hidden.includes(name));
      } catch {
        this.#names = []; // we cannot read it, so neither can the guest
      }
      this.#set = new Set(this.#names);
    }
    return this.#names;
  }
}

const OWN_UID = process.geteuid?.() ?? 0;
const OWN_GROUPS: ReadonlySet<number> = new Set([process.getegid?.() ?? 0, ...(process.getgroups?.() ?? [])]);

/**
 * A mount is shown on purpose: the guest may read or search what this process may (inode(7)), and never write. Root has
 * the rights of the owner.
 */
function shownTo({ mode, uid, gid }: HostInfo): number {
  const shift = OWN_UID === 0 || uid === OWN_UID ? 6 : OWN_GROUPS.has(gid) ? 3 : 0;
  return ((mode >> shift) & 0o5) * 0o111;
}

interface HostInfo {
  readonly ino: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeNs: bigint;
}

/** How the guest's view of a folder or file of the host differs from the host's. */
export interface HostView {
  /** For a folder, the names that are shown; all of them where there is no list. */
  readonly only?: readonly string[];
  /** Names in it that are not shown. */
  readonly hidden?: readonly string[];
  /** Text that the guest reads around that of files, by their paths below a folder; of a file itself under ''. */
  readonly added?: Readonly<Record<string, AddedText>>;
}

export interface AddedText {
  readonly before?: string;
  readonly after?: string;
  /** Where the host has no such file, or a link in its place, there is one with this text only. */
  readonly creates?: boolean;
}

function viewBelow({ added }: HostView, name: string): HostView {
  if (added === undefined) return {};
  const below = Object.entries(added).flatMap(([path, text]) => {
    if (path === name) return [['', text] as const];
    return path.startsWith(`${name}/`) ? [[path.slice(name.length + 1), text] as const] : [];
  });
  return below.length === 0 ? {} : { added: Object.fromEntries(below) };
}

/** Of a file that the host has not: readable to all. Its number is above those that file systems give. */
const CREATED = { ino: 2 ** 48, mode: 0o100644, uid: OWN_UID, gid: 0, mtimeNs: 0n } as const;

/** Of mounts that show all, and by the views of the others: few objects that live as long as the process. */
const whole = new Map<string, Inode | null>();
const viewed = new WeakMap<object, Map<string, Inode | null>>();

/**
 * The inode of a mount's root, or null where the host has no such file. All runs of this process share it.
 */
export function hostMount(path: string, view: HostView = {}): Inode | null {
  const mounts = mountsOf(view);
  let inode = mounts.get(path);
  if (inode === undefined) {
    inode = hostInode(Buffer.from(path), view);
    mounts.set(path, inode);
  }
  return inode;
}

function mountsOf(view: HostView): Map<string, Inode | null> {
  const key = view.only ?? view.added ?? view.hidden;
  if (key === undefined) return whole;
  let mounts = viewed.get(key);
  if (mounts === undefined) {
    mounts = new Map();
    viewed.set(key, mounts);
  }
  return mounts;
}

function hostInode(path: Buffer, view: HostView): Inode | null {
  try {
    const s = lstatSync(path, { bigint: true });
    const info: HostInfo = {
      ino: Number(s.ino),
      mode: Number(s.mode),
      uid: Number(s.uid),
      gid: Number(s.gid),
      size: Number(s.size),
      mtimeNs: s.mtimeNs,
    };
    if (s.isDirectory()) return new HostDirectory(path, info, view);
    if (s.isFile()) return new HostFile(path, info, view.added?.['']);
    if (s.isSymbolicLink()) {
      // Debian's sitecustomize.py is one, into a folder that is not shown.
      const text = view.added?.[''];
      if (text?.creates === true) return new HostFile(path, { ...CREATED, size: 0 }, text);
      const target = readlinkSync(path, { encoding: 'buffer' }).toString('latin1');
      return new SymlinkInode(info.ino, target, info.mtimeNs, false);
    }
    return null; // devices, sockets and pipes of the host are hidden
  } catch (error) {
    const text = view.added?.[''];
    if (text?.creates !== true || (error as NodeJS.ErrnoException).code !== 'ENOENT') return null;
    return new HostFile(path, { ...CREATED, size: 0 }, text);
  }
}
