import { AT, Errno, SyscallError } from '@sandpiper/abi';
import {
  DirectoryInode,
  type Inode,
  type Location,
  MemoryDirectory,
  type ResolvedPath,
} from '@sandpiper/vfs';
import { OpenDirectory, PathHandle } from '../open-files.js';
import type { Call } from '../call.js';

/** Where a path of an ...at call starts (openat(2)). */
function startOf(call: Call, dirfd: number, path: string): Location {
  if (dirfd === AT.FDCWD || path.startsWith('/')) return call.state.cwd;
  const file = call.state.fds.get(dirfd);
  const location = file instanceof OpenDirectory || file instanceof PathHandle ? file.location : null;
  if (location === null) throw new SyscallError(Errno.ENOTDIR);
  return location;
}

export type Found = ResolvedPath & { parents: readonly DirectoryInode[] };

/** Looks up the path in argument `index`, from the descriptor in `dirfd`. */
export function lookUp(call: Call, dirfd: number, index: number, follow: boolean): Found {
  const path = call.path(index);
  return call.state.space.resolve(path, startOf(call, dirfd, path), follow);
}

export function existing(found: Found): Inode {
  if (found.inode === null) throw new SyscallError(Errno.ENOENT);
  return found.inode;
}

/** The folder in which a name is to be made or removed. */
export function writableFolder(found: Found): MemoryDirectory {
  const { directory } = found;
  if (!(directory instanceof MemoryDirectory)) throw new SyscallError(Errno.EROFS);
  if (directory.dead) throw new SyscallError(Errno.ENOENT);
  if (!directory.writable) throw new SyscallError(Errno.EROFS);
  if (!directory.permits(3)) throw new SyscallError(Errno.EACCES);
  return directory;
}

/** Adds a new inode at the place that the path resolved to, and charges it. */
export function makeEntry(call: Call, found: Found, make: (ino: number, now: bigint) => Inode): Inode {
  if (found.inode !== null) throw new SyscallError(Errno.EEXIST);
  const folder = writableFolder(found);
  const { space } = call.state;
  space.quota.takeFile();
  let inode: Inode;
  try {
    inode = make(space.newIno(), call.state.now());
  } catch (error) {
    space.quota.giveFile();
    throw error;
  }
  folder.set(found.name, inode);
  folder.mtimeNs = folder.ctimeNs = inode.ctimeNs;
  if (inode instanceof DirectoryInode) folder.nlink++;
  if (inode instanceof MemoryDirectory) inode.counted = true;
  return inode;
}
