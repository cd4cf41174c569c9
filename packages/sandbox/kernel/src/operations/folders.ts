import {
  AT,
  Errno,
  encodeDirent,
  encodeStat,
  encodeStatfs,
  encodeStatx,
  S_IF,
  SyscallError,
  type StatFields,
} from '@sandpiper/abi';
import {
  bytesOfLink,
  DirectoryInode,
  type Inode,
  type Location,
  MemoryDirectory,
  MemoryFile,
  SymlinkInode,
} from '@sandpiper/vfs';
import type { Call, Operation } from '../call.js';
import { Device, OpenDirectory, PathHandle, RegularFile } from '../open-files.js';
import { checkAccess } from './files.js';
import { existing, type Found, lookUp, makeEntry, writableFolder } from './paths.js';

function stat(call: Call, dirfd: number, pathIndex: number, flags: number): StatFields {
  const follow = (flags & AT.SYMLINK_NOFOLLOW) === 0;
  if ((flags & ~(AT.EMPTY_PATH | AT.SYMLINK_NOFOLLOW | AT.NO_AUTOMOUNT | AT.STATX_SYNC)) !== 0) {
    throw new SyscallError(Errno.EINVAL);
  }
  if ((flags & AT.EMPTY_PATH) !== 0 && call.path(pathIndex) === '') {
    if (dirfd === AT.FDCWD) return call.state.cwd.directory.stat();
    return call.state.fds.get(dirfd).stat();
  }
  return existing(lookUp(call, dirfd, pathIndex, follow)).stat();
}

function access(call: Call, dirfd: number, pathIndex: number, mode: number, flags: number): number {
  if ((mode & ~7) !== 0) throw new SyscallError(Errno.EINVAL);
  const inode = existing(lookUp(call, dirfd, pathIndex, (flags & AT.SYMLINK_NOFOLLOW) === 0));
  if ((mode & 2) !== 0 && !inode.writable && !(inode.type === S_IF.CHR)) throw new SyscallError(Errno.EROFS);
  checkAccess(inode, mode);
  return 0;
}

function readLink(call: Call, dirfd: number, pathIndex: number, address: number, size: number): number {
  if (size <= 0) throw new SyscallError(Errno.EINVAL);
  const inode = linkAt(call, dirfd, pathIndex);
  if (!(inode instanceof SymlinkInode)) throw new SyscallError(Errno.EINVAL);
  const target = Buffer.from(inode.target, 'latin1').subarray(0, size);
  call.memory.write(address, target);
  return target.length;
}

/** An empty path means the link that the descriptor itself was opened as, with O_PATH (readlinkat(2)). */
function linkAt(call: Call, dirfd: number, pathIndex: number): Inode {
  if (dirfd !== AT.FDCWD && call.path(pathIndex) === '') {
    const file = call.state.fds.get(dirfd);
    if (file instanceof PathHandle) return file.inode;
  }
  return existing(lookUp(call, dirfd, pathIndex, false));
}

function makeDirectory(call: Call, dirfd: number, pathIndex: number, mode: number): number {
  const { state } = call;
  const found = lookUp(call, dirfd, pathIndex, false);
  makeEntry(call, found, (ino, now) => new MemoryDirectory(ino, mode & 0o1777 & ~state.umask, now, true));
  return 0;
}

/** A mount in a folder of the guest is shared by all runs, and busy as any mount point. */
function assertOwn(inode: Inode): void {
  if (!inode.writable) throw new SyscallError(Errno.EBUSY);
}

function forget(call: Call, folder: MemoryDirectory, name: string, inode: Inode): void {
  assertOwn(inode);
  const { quota } = call.state.space;
  folder.delete(name);
  folder.mtimeNs = folder.ctimeNs = inode.ctimeNs = call.state.now();
  inode.nlink--;
  if (inode instanceof MemoryFile) {
    if (inode.nlink > 0)
      quota.giveFile(); // each further name counts as a file
    else inode.releaseIfGone();
  } else if (!(inode instanceof MemoryDirectory) || inode.counted) {
    quota.giveFile();
  }
  if (inode instanceof SymlinkInode && inode.nlink === 0) quota.giveBytes(bytesOfLink(inode.target));
  if (inode instanceof MemoryDirectory) quota.giveAttributes(inode);
}

function unlink(call: Call, dirfd: number, pathIndex: number): number {
  const found = lookUp(call, dirfd, pathIndex, false);
  const inode = existing(found);
  if (inode instanceof DirectoryInode) throw new SyscallError(Errno.EISDIR);
  forget(call, writableFolder(found), found.name, inode);
  return 0;
}

function removeDirectory(call: Call, dirfd: number, pathIndex: number): number {
  const found = lookUp(call, dirfd, pathIndex, false);
  const inode = existing(found);
  if (found.name === '.')
    throw new SyscallError(call.path(pathIndex).endsWith('..') ? Errno.ENOTEMPTY : Errno.EINVAL);
  if (!(inode instanceof DirectoryInode)) throw new SyscallError(Errno.ENOTDIR);
  const folder = writableFolder(found);
  if (!(inode instanceof MemoryDirectory)) throw new SyscallError(Errno.EBUSY);
  if (!inode.empty) throw new SyscallError(Errno.ENOTEMPTY);
  inode.dead = true;
  inode.nlink--;
  folder.nlink--;
  forget(call, folder, found.name, inode);
  return 0;
}

/**
 * By inodes, not by the path walked: it may have been renamed since, and a folder must not end up in itself.
 */
function liesIn(call: Call, folder: DirectoryInode, above: DirectoryInode): boolean {
  let at: DirectoryInode | null = folder;
  while (at !== null && at !== above) {
    call.state.work.step();
    at = at instanceof MemoryDirectory ? at.parent : null;
  }
  return at === above;
}

function rename(call: Call, from: Found, to: Found, flags: number): number {
  const NOREPLACE = 1;
  if ((flags & ~NOREPLACE) !== 0) throw new SyscallError(Errno.EINVAL);
  const inode = existing(from);
  if (from.name === '.' || to.name === '.') throw new SyscallError(Errno.EBUSY);
  const source = writableFolder(from);
  const target = writableFolder(to);
  if (to.inode === inode) return 0;
  assertOwn(inode);
  if (inode instanceof DirectoryInode) {
    if (liesIn(call, target, inode)) throw new SyscallError(Errno.EINVAL);
    if (to.inode !== null && !(to.inode instanceof DirectoryInode)) throw new SyscallError(Errno.ENOTDIR);
  } else {
    if (to.mustBeDirectory) throw new SyscallError(Errno.ENOTDIR);
    if (to.inode instanceof DirectoryInode) throw new SyscallError(Errno.EISDIR);
  }
  if (to.inode !== null) {
    if ((flags & NOREPLACE) !== 0) throw new SyscallError(Errno.EEXIST);
    if (to.inode instanceof MemoryDirectory) {
      if (!to.inode.empty) throw new SyscallError(Errno.ENOTEMPTY);
      to.inode.dead = true;
      to.inode.nlink--;
      target.nlink--;
    }
    forget(call, target, to.name, to.inode);
  }
  source.delete(from.name);
  target.set(to.name, inode);
  if (inode instanceof DirectoryInode) {
    source.nlink--;
    target.nlink++;
  }
  source.mtimeNs = source.ctimeNs = target.mtimeNs = target.ctimeNs = inode.ctimeNs = call.state.now();
  return 0;
}

function link(call: Call, from: Found, to: Found): number {
  const inode = existing(from);
  if (inode instanceof DirectoryInode) throw new SyscallError(Errno.EPERM);
  const folder = writableFolder(to);
  if (to.inode !== null) throw new SyscallError(Errno.EEXIST);
  if (!inode.writable) throw new SyscallError(Errno.EXDEV);
  if (!(inode instanceof MemoryFile)) throw new SyscallError(Errno.EPERM);
  // The first name of an unnamed file is not counted again: the file itself is counted since it was made.
  if (inode.nlink > 0) call.state.space.quota.takeFile();
  folder.set(to.name, inode);
  inode.nlink++;
  folder.mtimeNs = folder.ctimeNs = inode.ctimeNs = call.state.now();
  return 0;
}

function symlink(call: Call, dirfd: number, pathIndex: number): number {
  const target = call.path(0);
  if (target === '') throw new SyscallError(Errno.ENOENT);
  const found = lookUp(call, dirfd, pathIndex, false);
  if (found.inode !== null) throw new SyscallError(Errno.EEXIST);
  const { quota } = call.state.space;
  const taken = bytesOfLink(target);
  quota.takeBytes(taken);
  try {
    makeEntry(call, found, (ino, now) => new SymlinkInode(ino, target, now, true));
  } catch (error) {
    quota.giveBytes(taken);
    throw error;
  }
  return 0;
}

function changeable(inode: Inode): Inode {
  if (!inode.writable) throw new SyscallError(Errno.EROFS);
  return inode;
}

function changeMode(call: Call, inode: Inode, mode: number): number {
  changeable(inode).mode = (inode.mode & S_IF.MT) | (mode & 0o7777);
  inode.ctimeNs = call.state.now();
  return 0;
}

/** The guest has no privilege: it may give its files only to itself (chown(2)). */
function changeOwner(inode: Inode, uid: number, gid: number): number {
  changeable(inode);
  if ((uid !== -1 && uid !== inode.uid) || (gid !== -1 && gid !== inode.gid))
    throw new SyscallError(Errno.EPERM);
  return 0;
}

export function inodeOf(call: Call, fd: number): Inode {
  const file = call.state.fds.get(fd);
  if (file instanceof RegularFile || file instanceof OpenDirectory || file instanceof Device)
    return file.inode;
  throw new SyscallError(Errno.EINVAL);
}

const UTIME_NOW = 0x3fffffff;
const UTIME_OMIT = 0x3ffffffe;

/** Two struct timespec at an address, or now for both when it is NULL (utimensat(2)). */
export function setTimes(call: Call, inode: Inode, address: number, unit: 'ns' | 'us' | 's'): number {
  changeable(inode);
  const now = call.state.now();
  let times: (bigint | null)[] = [now, now];
  if (address !== 0) {
    const data = call.memory.read(address, unit === 's' ? 16 : 32);
    // utime(2) has whole seconds: two 64-bit numbers
    const seconds = [0, 8].map((at) => bounded(data.readBigInt64LE(at)) * 1_000_000_000n);
    times =
      unit === 's'
        ? seconds
        : [0, 16].map((at) => {
            const fraction = data.readBigInt64LE(at + 8);
            if (unit === 'ns' && fraction === BigInt(UTIME_NOW)) return now;
            if (unit === 'ns' && fraction === BigInt(UTIME_OMIT)) return null;
            if (fraction < 0n || fraction >= (unit === 'ns' ? 1_000_000_000n : 1_000_000n)) {
              throw new SyscallError(Errno.EINVAL);
            }
            return (
              bounded(data.readBigInt64LE(at)) * 1_000_000_000n + fraction * (unit === 'ns' ? 1n : 1000n)
            );
          });
  }
  const [atime = null, mtime = null] = times;
  if (atime !== null) inode.atimeNs = atime;
  if (mtime !== null) inode.mtimeNs = mtime;
  inode.ctimeNs = now;
  return 0;
}

/** Seconds within the range of ext4, so that nanoseconds always fit 64 bits. */
function bounded(seconds: bigint): bigint {
  const most = 2n ** 33n;
  return seconds > most ? most : seconds < -(2n ** 31n) ? -(2n ** 31n) : seconds;
}

function listDirectory(call: Call): number {
  const file = call.state.fds.get(call.int(0));
  if (!(file instanceof OpenDirectory)) throw new SyscallError(Errno.ENOTDIR);
  const size = Math.min(call.size(2), 65536);
  const records: Buffer[] = [];
  let used = 0;
  for (let entry = file.entry(); entry !== null; entry = file.entry()) {
    const record = encodeDirent(entry.inode.ino, file.offset + 1, entry.inode.mode, entry.name);
    if (used + record.length > size) break;
    records.push(record);
    used += record.length;
    file.offset++;
  }
  if (used === 0 && file.entry() !== null) throw new SyscallError(Errno.EINVAL);
  call.memory.write(call.pointer(1), Buffer.concat(records));
  return used;
}

function enter(call: Call, location: Location): void {
  checkAccess(location.directory, 1);
  call.state.cwd = location;
}

const here = AT.FDCWD;

export const folderOperations = {
  stat: (c) => c.put(1, encodeStat(stat(c, here, 0, 0))),
  lstat: (c) => c.put(1, encodeStat(stat(c, here, 0, AT.SYMLINK_NOFOLLOW))),
  fstat: (c) => c.put(1, encodeStat(c.state.fds.get(c.int(0)).stat())),
  newfstatat: (c) => c.put(2, encodeStat(stat(c, c.int(0), 1, c.int(3)))),
  statx: (c) => c.put(4, encodeStatx(stat(c, c.int(0), 1, c.int(2)))),
  access: (c) => access(c, here, 0, c.int(1), 0),
  faccessat: (c) => access(c, c.int(0), 1, c.int(2), 0),
  faccessat2: (c) => access(c, c.int(0), 1, c.int(2), c.int(3)),
  readlink: (c) => readLink(c, here, 0, c.pointer(1), c.int(2)),
  readlinkat: (c) => readLink(c, c.int(0), 1, c.pointer(2), c.int(3)),
  getdents64: listDirectory,
  mkdir: (c) => makeDirectory(c, here, 0, c.int(1)),
  mkdirat: (c) => makeDirectory(c, c.int(0), 1, c.int(2)),
  rmdir: (c) => removeDirectory(c, here, 0),
  unlink: (c) => unlink(c, here, 0),
  unlinkat: (c) => {
    if ((c.int(2) & ~AT.REMOVEDIR) !== 0) throw new SyscallError(Errno.EINVAL);
    return (c.int(2) & AT.REMOVEDIR) !== 0 ? removeDirectory(c, c.int(0), 1) : unlink(c, c.int(0), 1);
  },
  rename: (c) => rename(c, lookUp(c, here, 0, false), lookUp(c, here, 1, false), 0),
  renameat: (c) => rename(c, lookUp(c, c.int(0), 1, false), lookUp(c, c.int(2), 3, false), 0),
  renameat2: (c) => rename(c, lookUp(c, c.int(0), 1, false), lookUp(c, c.int(2), 3, false), c.int(4)),
  link: (c) => link(c, lookUp(c, here, 0, false), lookUp(c, here, 1, false)),
  linkat: (c) =>
    link(c, lookUp(c, c.int(0), 1, (c.int(4) & AT.SYMLINK_FOLLOW) !== 0), lookUp(c, c.int(2), 3, false)),
  symlink: (c) => symlink(c, here, 1),
  symlinkat: (c) => symlink(c, c.int(1), 2),
  chmod: (c) => changeMode(c, existing(lookUp(c, here, 0, true)), c.int(1)),
  fchmod: (c) => changeMode(c, inodeOf(c, c.int(0)), c.int(1)),
  fchmodat: (c) => changeMode(c, existing(lookUp(c, c.int(0), 1, true)), c.int(2)),
  chown: (c) => changeOwner(existing(lookUp(c, here, 0, true)), c.int(1), c.int(2)),
  lchown: (c) => changeOwner(existing(lookUp(c, here, 0, false)), c.int(1), c.int(2)),
  fchown: (c) => changeOwner(inodeOf(c, c.int(0)), c.int(1), c.int(2)),
  fchownat: (c) =>
    changeOwner(existing(lookUp(c, c.int(0), 1, (c.int(4) & AT.SYMLINK_NOFOLLOW) === 0)), c.int(2), c.int(3)),
  utimensat: (c) => {
    const follow = (c.int(3) & AT.SYMLINK_NOFOLLOW) === 0;
    const inode = c.pointer(1) === 0 ? inodeOf(c, c.int(0)) : existing(lookUp(c, c.int(0), 1, follow));
    return setTimes(c, inode, c.pointer(2), 'ns');
  },
  utime: (c) => setTimes(c, existing(lookUp(c, here, 0, true)), c.pointer(1), 's'),
  utimes: (c) => setTimes(c, existing(lookUp(c, here, 0, true)), c.pointer(1), 'us'),
  statfs: (c) => {
    existing(lookUp(c, here, 0, true));
    return c.put(1, encodeStatfs(c.state.space.statistics()));
  },
  fstatfs: (c) => {
    c.state.fds.get(c.int(0));
    return c.put(1, encodeStatfs(c.state.space.statistics()));
  },
  umask: (c) => {
    const old = c.state.umask;
    c.state.umask = c.int(0) & 0o777;
    return old;
  },
  getcwd: (c) => {
    const { directory, path } = c.state.cwd;
    if (directory instanceof MemoryDirectory && directory.dead) throw new SyscallError(Errno.ENOENT);
    const bytes = Buffer.from(`${path}\0`, 'latin1');
    if (bytes.length > c.size(1)) throw new SyscallError(Errno.ERANGE);
    c.memory.write(c.pointer(0), bytes);
    return bytes.length;
  },
  chdir: (c) => {
    enter(c, c.state.space.locate(c.path(0), c.state.cwd));
    return 0;
  },
  fchdir: (c) => {
    const file = c.state.fds.get(c.int(0));
    const location = file instanceof OpenDirectory || file instanceof PathHandle ? file.location : null;
    if (location === null) throw new SyscallError(Errno.ENOTDIR);
    enter(c, location);
    return 0;
  },
} satisfies Record<string, Operation>;
