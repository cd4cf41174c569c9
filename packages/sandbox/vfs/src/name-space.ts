import { Errno, NAME_MAX, PATH_MAX, S_IF, SyscallError } from '@sandpiper/abi';
import {
  type EpochClock,
  DeviceInode,
  type DeviceKind,
  DirectoryInode,
  type Inode,
  MagicLink,
  SymlinkInode,
} from './inode.js';
import { hostMount, type HostView } from './host.js';
import { keptText } from './kept.js';
import { MemoryDirectory, MemoryFile, Quota } from './memory.js';
import { UNCOUNTED, type Work } from './work.js';

/** As Linux: path_resolution(7). */
const MAX_LINKS = 40;

/** Where a path leads: the folder, the last name in it, and what is there. */
export interface ResolvedPath {
  readonly directory: DirectoryInode;
  readonly name: string;
  readonly inode: Inode | null;
  /** Whether the path ended with a slash, so only a folder will do. */
  readonly mustBeDirectory: boolean;
  /** Absolute and without links, latin1. Built on demand. */
  readonly path: string;
}

/** A folder that a walk can start from, with its parents. */
export interface Location {
  readonly directory: DirectoryInode;
  readonly path: string;
  readonly parents: readonly DirectoryInode[];
}

const DEVICES: readonly DeviceKind[] = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];

/** The initial layout contradicts itself. The message is one line. */
export class PlacementError extends Error {
  override readonly name = 'PlacementError';
}

const shown = (path: string): string =>
  JSON.stringify(Buffer.from(path, 'latin1').toString('utf8').slice(0, 200));

/** The tree of files of one guest. Paths are bytes as latin1 strings. */
export class NameSpace {
  readonly root: MemoryDirectory;
  readonly quota: Quota;
  #nextIno = 2;
  /** When the layout was made: of all that is placed. */
  readonly madeNs: bigint;
  #watched: { readonly inodes: Set<Inode>; readonly found: () => void } | null = null;
  /** Folders that are laid out when they are first looked into, with the paths below them that are watched. */
  readonly #later = new Map<Inode, string[]>();

  constructor(
    readonly clock: EpochClock,
    limits: { diskBytes: number; files: number },
    readonly work: Work = UNCOUNTED,
  ) {
    this.quota = new Quota(limits.diskBytes, limits.files, work);
    this.madeNs = clock();
    this.root = new MemoryDirectory(this.newIno(), 0o755, this.madeNs, false);
    this.root.uid = this.root.gid = 0;
  }

  newIno(): number {
    return this.#nextIno++;
  }

  get rootLocation(): Location {
    return { directory: this.root, path: '/', parents: [] };
  }

  /** For statfs(2): what the guest may write, in blocks of 4096 bytes. */
  statistics(): { blocks: number; free: number; files: number; filesFree: number } {
    const { bytes, usedBytes, files, usedFiles } = this.quota;
    const blocks = Math.floor(bytes / 4096);
    // One block more, in use, for the folders: no file system is quite empty.
    return {
      blocks: blocks + 1,
      free: blocks - Math.ceil(usedBytes / 4096),
      files,
      filesFree: files - usedFiles,
    };
  }

  /**
   * Makes the folders of an absolute path; `writable` says whether the guest may write to them. For set-up
   * only.
   */
  makeDirectories(path: string, writable: boolean, permissions = 0o755): MemoryDirectory {
    let here = this.root;
    const parts = path.split('/').filter((part) => part !== '');
    for (const [i, part] of parts.entries()) {
      const known = here.lookup(part);
      if (known instanceof MemoryDirectory) {
        here = known;
        continue;
      }
      if (known !== null) throw new PlacementError(`${shown(path)}: ${shown(part)} is a file or a mount`);
      const last = i === parts.length - 1;
      // Below a folder that the guest may write to, every folder is writable.
      const own = here.writable || (last && writable);
      const made = new MemoryDirectory(this.newIno(), last ? permissions : 0o755, this.madeNs, own);
      if (!own) made.uid = made.gid = 0;
      here.set(part, made);
      here.nlink++;
      here = made;
    }
    return here;
  }

  /**
   * A folder of the root that `layOut` fills when it is first looked into: most programs need little of what a system
   * has. What `layOut` throws ends the call that looked, so what could fail is placed at once. For set-up only.
   */
  layOutLater(name: string, layOut: () => void): void {
    const folder = this.makeDirectories(`/${name}`, false);
    this.#later.set(folder, []);
    folder.layOutLater(() => {
      layOut();
      const watched = this.#later.get(folder) ?? [];
      this.#later.delete(folder);
      for (const path of watched) this.#watchPath(path);
    });
  }

  /** Puts an inode at an absolute path and makes its parent folders. For set-up only. */
  place(path: string, inode: Inode): void {
    const slash = path.lastIndexOf('/');
    this.makeDirectories(path.slice(0, slash), false).set(path.slice(slash + 1), inode);
  }

  /** @throws PlacementError where a file or a mount is in the way */
  placeFile(path: string, data: Uint8Array, writable: boolean, permissions = 0o644): void {
    const file = new MemoryFile(this.newIno(), permissions, this.madeNs, this.quota, writable, false);
    file.fill(data);
    if (!writable) file.uid = file.gid = 0;
    const slash = path.lastIndexOf('/');
    const folder = this.makeDirectories(path.slice(0, slash), false);
    const name = path.slice(slash + 1);
    if (folder.lookup(name) instanceof DirectoryInode)
      throw new PlacementError(`${shown(path)}: is a folder`);
    folder.set(name, file);
  }

  placeLink(path: string, target: string): void {
    this.place(path, new SymlinkInode(this.newIno(), target, this.madeNs, false));
  }

  placeDevices(): void {
    for (const kind of DEVICES) {
      this.place(`/dev/${kind}`, new DeviceInode(this.newIno(), kind, this.madeNs));
    }
  }

  /** Shows a file or folder of the host, read-only. Does nothing where the host has none. */
  mountHost(path: string, host: string, view: HostView = {}): void {
    const inode = hostMount(host, view);
    if (inode !== null) this.place(path, inode);
  }

  /**
   * path_resolution(7). The last part need not exist; `follow` says whether a link in its place is followed.
   */
  resolve(
    path: string,
    from: Location,
    follow: boolean,
  ): ResolvedPath & { parents: readonly DirectoryInode[] } {
    if (path === '') throw new SyscallError(Errno.ENOENT);
    const walk = new Walk(this, path.startsWith('/') ? this.rootLocation : from);
    const found = walk.run(path, follow);
    const watched = this.#watched;
    if (watched === null || found.inode === null) return found;
    const { inodes } = watched;
    if (inodes.has(found.inode) || found.parents.some((folder) => inodes.has(folder))) {
      this.#watched = null;
      watched.found();
    }
    return found;
  }

  /**
   * Calls back once, when a lookup finds one of these places or something below one; a lookup that finds
   * nothing does not count. Absolute paths as bytes; links at their ends are not followed. Null ends the
   * watch.
   */
  watch(paths: readonly string[], found: (() => void) | null): void {
    for (const pending of this.#later.values()) pending.length = 0;
    this.#watched = found === null ? null : { inodes: new Set(), found };
    for (const path of paths) this.#watchPath(path);
  }

  #watchPath(path: string): void {
    const [, top = '', ...below] = path.split('/');
    const folder = below.length === 0 ? null : this.root.lookup(top);
    const pending = folder === null ? undefined : this.#later.get(folder);
    if (pending !== undefined) {
      pending.push(path);
      return;
    }
    const { inode } = new Walk(this, this.rootLocation).run(path, false);
    if (inode !== null) this.#watched?.inodes.add(inode);
  }

  /** The folder at a path, as a place to walk from. */
  locate(path: string, from: Location): Location {
    const found = this.resolve(path, from, true);
    if (found.inode === null) throw new SyscallError(Errno.ENOENT);
    if (!(found.inode instanceof DirectoryInode)) throw new SyscallError(Errno.ENOTDIR);
    return { directory: found.inode, path: found.path, parents: found.parents };
  }
}

/**
 * Linux lets a folder lie deeper than PATH_MAX for a process that descends step by step. Here every held
 * place has its path and its parents, so each step would cost more than the last: depth is bounded instead.
 */
const MAX_DEPTH_BYTES = PATH_MAX;

class Walk {
  #links = 0;
  /** The folders from the root to the current one, and its path; empty for the root. */
  readonly #trail: DirectoryInode[];
  /**
   * The current path in two parts, and its length: the start of the walk, and the names since. Joined only at
   * the end, as a join per step would cost time proportional to the path.
   */
  #base: string;
  #names: string[] = [];
  #length: number;
  /** The parts still to walk, the next one last. */
  readonly #parts: string[] = [];

  constructor(
    private readonly space: NameSpace,
    from: Location,
  ) {
    this.#trail = [...from.parents, from.directory];
    this.#base = from.path === '/' ? '' : from.path;
    this.#length = this.#base.length;
  }

  run(path: string, follow: boolean): ResolvedPath & { parents: readonly DirectoryInode[] } {
    let mustBeDirectory = endsAsDirectory(path);
    this.#putBefore(path);
    for (;;) {
      this.space.work.step();
      const part = this.#parts.pop();
      if (part === undefined) return this.#here();
      if (part === '..') {
        if (!this.#directory.permits(1)) throw new SyscallError(Errno.EACCES);
        this.#up();
        continue;
      }
      if (!this.#directory.permits(1)) throw new SyscallError(Errno.EACCES);
      if (part.length > NAME_MAX) throw new SyscallError(Errno.ENAMETOOLONG);
      const last = this.#parts.length === 0;
      const inode = this.#directory.lookup(part);
      if (inode instanceof SymlinkInode && (!last || follow || mustBeDirectory)) {
        if (++this.#links > MAX_LINKS) throw new SyscallError(Errno.ELOOP);
        if (inode instanceof MagicLink) {
          if (last && !mustBeDirectory) return this.#jumped(inode);
          this.#jump(inode);
          continue;
        }
        if (inode.target.startsWith('/')) this.#toRoot();
        if (last) mustBeDirectory ||= endsAsDirectory(inode.target);
        this.#putBefore(inode.target);
        continue;
      }
      if (last) return this.#there(part, inode, mustBeDirectory);
      if (inode === null) throw new SyscallError(Errno.ENOENT);
      if (!(inode instanceof DirectoryInode)) throw new SyscallError(Errno.ENOTDIR);
      this.#into(part, inode);
    }
  }

  get #directory(): DirectoryInode {
    return this.#trail.at(-1) as DirectoryInode;
  }

  #into(name: string, directory: DirectoryInode): void {
    this.#assertDepth(name);
    this.#trail.push(directory);
    this.#names.push(name);
    this.#length += name.length + 1;
  }

  /** Copied, so that it does not keep the strings it was joined from. */
  #pathOf(last: string | null): string {
    const names = last === null ? this.#names : [...this.#names, last];
    return keptText(names.length === 0 ? this.#base : `${this.#base}/${names.join('/')}`);
  }

  #putBefore(path: string): void {
    const parts = path.split('/');
    for (let i = parts.length - 1; i >= 0; i--) {
      this.space.work.step();
      const part = parts[i] as string;
      if (part !== '' && part !== '.') this.#parts.push(part);
    }
  }

  #assertDepth(name: string): void {
    if (this.#length + name.length + 1 > MAX_DEPTH_BYTES) throw new SyscallError(Errno.ENAMETOOLONG);
  }

  #up(): void {
    if (this.#trail.length > 1) {
      this.#trail.pop();
      const name = this.#names.pop();
      if (name === undefined) this.#base = this.#base.slice(0, this.#base.lastIndexOf('/'));
      this.#length = name === undefined ? this.#base.length : this.#length - name.length - 1;
    }
  }

  #toRoot(): void {
    this.#trail.splice(1);
    this.#standAt('');
  }

  #standAt(path: string): void {
    this.#base = path;
    this.#names = [];
    this.#length = path.length;
  }

  /** The path ended in `.`, `..` or `/`: the result is the current folder. */
  #here(): ResolvedPath & { parents: readonly DirectoryInode[] } {
    const directory = this.#directory;
    const parents = this.#trail.slice(0, -1);
    const path = once(() => (this.#length === 0 ? '/' : this.#pathOf(null)));
    return {
      directory: parents.at(-1) ?? this.space.root,
      name: '.',
      inode: directory,
      mustBeDirectory: true,
      get path() {
        return path();
      },
      parents,
    };
  }

  /** A magic link at the end of a path: its target, which may have no name. */
  #jumped(link: MagicLink): ResolvedPath & { parents: readonly DirectoryInode[] } {
    const { leadsTo: inode, target: path, parents } = link;
    const directory = parents.at(-1) ?? this.space.root;
    return {
      directory,
      name: path.slice(path.lastIndexOf('/') + 1),
      inode,
      mustBeDirectory: false,
      path,
      parents,
    };
  }

  #jump(link: MagicLink): void {
    const { leadsTo } = link;
    if (!(leadsTo instanceof DirectoryInode)) throw new SyscallError(Errno.ENOTDIR);
    this.#trail.splice(0, this.#trail.length, ...link.parents, leadsTo);
    this.#standAt(link.target === '/' ? '' : link.target);
  }

  #there(
    name: string,
    inode: Inode | null,
    mustBeDirectory: boolean,
  ): ResolvedPath & { parents: readonly DirectoryInode[] } {
    if (mustBeDirectory && inode !== null && (inode.mode & S_IF.MT) !== S_IF.DIR) {
      throw new SyscallError(Errno.ENOTDIR);
    }
    this.#assertDepth(name);
    const path = once(() => this.#pathOf(name));
    return {
      directory: this.#directory,
      name,
      inode,
      mustBeDirectory,
      get path() {
        return path();
      },
      // The walk is over, so the parents no longer change.
      parents: this.#trail,
    };
  }
}

function once(make: () => string): () => string {
  let made: string | null = null;
  return () => (made ??= make());
}

function endsAsDirectory(path: string): boolean {
  return path.endsWith('/') || path.endsWith('/.') || path === '.';
}
