import { AT, Errno, O, S_IF, SyscallError } from '@sandpiper/abi';
import {
  DeviceInode,
  DirectoryInode,
  FileInode,
  type Inode,
  keptText,
  MAX_FILE_BYTES,
  MemoryFile,
  SymlinkInode,
} from '@sandpiper/vfs';
import type { Call, Operation } from '../call.js';
import { FOREVER } from '../clock.js';
import type { OpenFile } from '../descriptors.js';
import { Device, OpenDirectory, PathHandle, RegularFile } from '../open-files.js';
import { FifoInode, PipeEnd, StreamInode } from '../streams.js';
import { ITIMER } from '../types.js';
import { existing, lookUp, makeEntry, type Found } from './paths.js';

/** What one read or write moves at most; the guest asks again for the rest. Bytes. */
export const MAX_MOVE = 1024 * 1024;
/** What one read of a file gives at most (read(2)): MAX_RW_COUNT of Linux, bytes. */
const MAX_READ = 0x7ffff000;
/** IOV_MAX of readv(2). */
const IOV_MAX = 1024;

export function open(call: Call, dirfd: number, pathIndex: number, flags: number, mode: number): number {
  const { state } = call;
  if ((flags & O.TMPFILE) === O.TMPFILE) return openUnnamed(call, dirfd, pathIndex, flags, mode);
  if ((flags & O.PATH) !== 0) return openPath(call, dirfd, pathIndex, flags);
  // Check for a free descriptor before anything is made or truncated.
  state.fds.assertRoom();
  const exclusive = (flags & (O.CREAT | O.EXCL)) === (O.CREAT | O.EXCL);
  const follow = (flags & O.NOFOLLOW) === 0 && !exclusive;
  const found = lookUp(call, dirfd, pathIndex, follow);
  let { inode } = found;
  let created = false;
  if (inode === null) {
    if ((flags & O.CREAT) === 0) throw new SyscallError(Errno.ENOENT);
    if (found.mustBeDirectory) throw new SyscallError(Errno.EISDIR);
    inode = makeEntry(call, found, (ino, now) => newFile(call, ino, mode, now));
    created = true;
  } else if (exclusive) {
    throw new SyscallError(Errno.EEXIST);
  }
  const file = openInode(call, inode, found, flags, created);
  return state.fds.add(file, (flags & O.CLOEXEC) !== 0);
}

function openInode(call: Call, inode: Inode, found: Found, flags: number, created: boolean): OpenFile {
  const writes = (flags & O.ACCMODE) !== O.RDONLY;
  if (inode instanceof DirectoryInode) {
    if (writes || (flags & O.CREAT) !== 0) throw new SyscallError(Errno.EISDIR);
    checkAccess(inode, 4);
    const location = { directory: inode, path: found.path, parents: found.parents };
    return new OpenDirectory(inode, flags, location, call.state.work);
  }
  if ((flags & O.DIRECTORY) !== 0) throw new SyscallError(Errno.ENOTDIR);
  if (inode instanceof SymlinkInode) throw new SyscallError(Errno.ELOOP);
  // The guest has no controlling terminal (tty(4)).
  if (inode instanceof DeviceInode && inode.kind === 'tty') throw new SyscallError(Errno.ENXIO);
  if (inode instanceof DeviceInode) return new Device(inode, flags, call.state.options.randomBytes);
  if (inode instanceof StreamInode) {
    // Referenced only by its place (O_PATH), after its last descriptor was closed: it cannot be reopened.
    if (inode.file.references === 0) throw new SyscallError(Errno.ENXIO);
    return inode.file;
  }
  if (inode instanceof FifoInode) return openFifo(inode, flags);
  if (!(inode instanceof FileInode)) throw new SyscallError(Errno.ENXIO);
  if (!created) {
    if (writes && !inode.writable) throw new SyscallError(Errno.EROFS);
    checkAccess(inode, (writes ? 2 : 0) | ((flags & O.ACCMODE) === O.WRONLY ? 0 : 4));
    if ((flags & O.TRUNC) !== 0 && writes && inode instanceof MemoryFile) {
      inode.truncate(0);
      inode.mtimeNs = inode.ctimeNs = call.state.now();
    }
  }
  return new RegularFile(inode, flags, () => call.state.now(), found.path);
}

/**
 * No other process could open the other end while we wait, so an open that would wait is refused (fifo(7)).
 */
function openFifo(inode: FifoInode, flags: number): OpenFile {
  const mode = flags & O.ACCMODE;
  checkAccess(inode, (mode === O.RDONLY ? 0 : 2) | (mode === O.WRONLY ? 0 : 4));
  const nonBlocking = (flags & O.NONBLOCK) !== 0;
  if (mode === O.WRONLY && inode.pipe.readers === 0)
    throw new SyscallError(nonBlocking ? Errno.ENXIO : Errno.EAGAIN);
  if (mode === O.RDONLY && inode.pipe.writers === 0 && !nonBlocking) throw new SyscallError(Errno.EAGAIN);
  return new PipeEnd(inode.pipe, flags, inode);
}

export function makeNode(call: Call, dirfd: number, pathIndex: number, mode: number): number {
  const type = mode & S_IF.MT;
  if (type !== S_IF.IFO && type !== S_IF.REG && type !== 0) throw new SyscallError(Errno.EPERM);
  const found = lookUp(call, dirfd, pathIndex, false);
  const permissions = mode & 0o7777 & ~call.state.umask;
  makeEntry(call, found, (ino, now) =>
    type === S_IF.IFO
      ? new FifoInode(ino, permissions, now, call.state.pipes)
      : newFile(call, ino, mode, now),
  );
  return 0;
}

/** memfd_create(2): a file that never had a name. */
function createMemoryFile(call: Call): number {
  const [CLOEXEC, ALLOW_SEALING] = [1, 2];
  const flags = call.int(1);
  if ((flags & ~(CLOEXEC | ALLOW_SEALING)) !== 0) throw new SyscallError(Errno.EINVAL);
  return addUnnamed(call, O.RDWR, 0o777, (flags & CLOEXEC) !== 0, `/memfd:${call.text(0, 250)} (deleted)`);
}

function addUnnamed(call: Call, flags: number, mode: number, closeOnExec: boolean, path: string): number {
  const { state } = call;
  state.fds.assertRoom();
  state.space.quota.takeFile();
  const inode = newFile(call, state.space.newIno(), mode, state.now());
  inode.nlink = 0;
  return state.fds.add(new RegularFile(inode, flags, () => state.now(), keptText(path)), closeOnExec);
}

function newFile(call: Call, ino: number, mode: number, now: bigint): MemoryFile {
  const { umask, space } = call.state;
  return new MemoryFile(ino, mode & 0o7777 & ~umask, now, space.quota);
}

/** O_TMPFILE: a file without a name, in the file system of a folder; gone when it is closed. */
function openUnnamed(call: Call, dirfd: number, pathIndex: number, flags: number, mode: number): number {
  if ((flags & O.ACCMODE) === O.RDONLY) throw new SyscallError(Errno.EINVAL);
  const folder = existing(lookUp(call, dirfd, pathIndex, true));
  if (!(folder instanceof DirectoryInode)) throw new SyscallError(Errno.ENOTDIR);
  if (!folder.writable) throw new SyscallError(Errno.EROFS);
  checkAccess(folder, 3);
  return addUnnamed(call, flags, mode, (flags & O.CLOEXEC) !== 0, '/ (deleted)');
}

/** O_PATH: a reference to a place of any kind, without the right to read or write (open(2)). */
function openPath(call: Call, dirfd: number, pathIndex: number, flags: number): number {
  const found = lookUp(call, dirfd, pathIndex, (flags & O.NOFOLLOW) === 0);
  const inode = existing(found);
  if ((flags & O.DIRECTORY) !== 0 && !(inode instanceof DirectoryInode))
    throw new SyscallError(Errno.ENOTDIR);
  const location =
    inode instanceof DirectoryInode ? { directory: inode, path: found.path, parents: found.parents } : null;
  return call.state.fds.add(new PathHandle(inode, found.path, location), (flags & O.CLOEXEC) !== 0);
}

/** See Inode.permits. */
export function checkAccess(inode: Inode, wanted: number): void {
  if (!inode.permits(wanted)) throw new SyscallError(Errno.EACCES);
}

function readable(call: Call, index = 0): OpenFile {
  const file = call.state.fds.get(call.int(index));
  if (!file.readable) throw new SyscallError(Errno.EBADF);
  return file;
}

function writable(call: Call, index = 0): OpenFile {
  const file = call.state.fds.get(call.int(index));
  if (!file.writable) throw new SyscallError(Errno.EBADF);
  return file;
}

/** The position of a pread or pwrite: such calls need a seekable file. */
function position(call: Call, file: OpenFile, index: number): number {
  if (!file.seekable) throw new SyscallError(Errno.ESPIPE);
  const at = call.long(index);
  if (at < 0 || at > Number.MAX_SAFE_INTEGER) throw new SyscallError(Errno.EINVAL);
  return at;
}

/**
 * A guest that is alone can wait for a pipe only until a signal comes; where none is due, EAGAIN says that
 * the wait would never end.
 */
export function orWait<T>(call: Call, file: OpenFile, move: () => T): T {
  try {
    return move();
  } catch (error) {
    const { state } = call;
    const waits =
      error instanceof SyscallError && error.errno === Errno.EAGAIN && (file.flags & O.NONBLOCK) === 0;
    if (!waits || state.timers[ITIMER.REAL] === null) throw error;
    state.options.clock.waitUntil(FOREVER, () => state.shouldStop());
    throw new SyscallError(Errno.EINTR);
  }
}

function read(call: Call, file: OpenFile, address: number, size: number, at: number | null): number {
  if (file instanceof RegularFile) return readFile(call, file, address, size, at);
  const data = orWait(call, file, () => file.read(Math.min(size, MAX_MOVE), at));
  call.moved(data.length);
  call.memory.write(address, data);
  call.state.usage.bytesRead += data.length;
  return data.length;
}

/**
 * A file gives all that is asked for, up to its end: programs count on it (`os.read(0, os.fstat(0).st_size)`). It is
 * moved in pieces, and each piece is work, so a long read is bounded as many short ones are.
 */
function readFile(call: Call, file: RegularFile, address: number, size: number, at: number | null): number {
  call.bringUpToDate(file.inode);
  const wanted = Math.min(size, MAX_READ);
  let done = 0;
  while (done < wanted) {
    const asked = Math.min(MAX_MOVE, wanted - done);
    const data = file.read(asked, at === null ? null : at + done);
    call.moved(data.length);
    call.memory.write(address + done, data);
    done += data.length;
    if (data.length < asked) break;
  }
  call.state.usage.bytesRead += done;
  return done;
}

function write(call: Call, file: OpenFile, address: number, size: number, at: number | null): number {
  if (size === 0) return 0;
  const data = call.memory.read(address, Math.min(size, MAX_MOVE));
  call.moved(data.length);
  if (file instanceof RegularFile) call.bringUpToDate(file.inode);
  const written = orWait(call, file, () => file.write(data, at));
  if (file instanceof RegularFile) {
    const end = at === null ? file.offset : at + written;
    call.state.mappings.push(call.memory, file.inode, end - written, written);
  }
  call.state.usage.bytesWritten += written;
  return written;
}

/** sendfile(2): from a file, at its own position or at a given one, which then advances. */
function sendFile(call: Call): number {
  const { state } = call;
  const from = readable(call, 1);
  const to = writable(call, 0);
  if (!(from instanceof RegularFile)) throw new SyscallError(Errno.EINVAL);
  const address = call.pointer(2);
  const at = address === 0 ? null : Number(call.memory.read(address, 8).readBigInt64LE());
  if (at !== null && (at < 0 || at > MAX_FILE_BYTES)) throw new SyscallError(Errno.EINVAL);
  call.bringUpToDate(from.inode);
  const data = from.inode.read(at ?? from.offset, Math.min(call.size(3), MAX_MOVE));
  call.moved(data.length);
  const moved = data.length === 0 ? 0 : to.write(data, null);
  if (at === null) {
    from.offset += moved;
  } else {
    const next = Buffer.alloc(8);
    next.writeBigInt64LE(BigInt(at + moved));
    call.memory.write(address, next);
  }
  state.usage.bytesRead += moved;
  state.usage.bytesWritten += moved;
  return moved;
}

/** struct iovec, 16 bytes each; stops at the first partial transfer. Together they move what one call may. */
function vector(call: Call, move: (address: number, size: number) => number): number {
  const count = call.int(2);
  if (count < 0 || count > IOV_MAX) throw new SyscallError(Errno.EINVAL);
  const vectors = call.memory.read(call.pointer(1), 16 * count);
  let total = 0;
  for (let i = 0; i < count; i++) {
    const address = Number(vectors.readBigUInt64LE(16 * i));
    const size = Number(vectors.readBigUInt64LE(16 * i + 8));
    call.state.work.step();
    if (size > 2 ** 47) throw new SyscallError(Errno.EINVAL);
    if (size === 0) continue;
    let moved: number;
    try {
      moved = move(address, Math.min(size, MAX_MOVE - total));
    } catch (error) {
      // What was moved before stays moved, and the caller must learn how much.
      if (total > 0 && error instanceof SyscallError) break;
      throw error;
    }
    total += moved;
    if (moved < size || total >= MAX_MOVE) break;
  }
  return total;
}

function seek(call: Call): number {
  const file = call.state.fds.get(call.int(0));
  const offset = call.long(1);
  if (file instanceof OpenDirectory) {
    if (call.int(2) !== 0 || offset < 0) throw new SyscallError(Errno.EINVAL);
    if (offset === 0) file.rewind();
    else file.offset = offset;
    return offset;
  }
  if (!file.seekable) throw new SyscallError(Errno.ESPIPE);
  if (file instanceof Device) return seekDevice(call);
  const size = file.stat().size;
  let target: number;
  switch (call.int(2)) {
    case 0:
      target = offset;
      break;
    case 1:
      target = file.offset + offset;
      break;
    case 2:
      target = size + offset;
      break;
    case 3: // SEEK_DATA: lseek(2) allows a file system not to know holes
    case 4: // SEEK_HOLE
      if (offset < 0 || offset >= size) throw new SyscallError(Errno.ENXIO);
      target = call.int(2) === 3 ? offset : size;
      break;
    default:
      throw new SyscallError(Errno.EINVAL);
  }
  if (target < 0) throw new SyscallError(Errno.EINVAL);
  if (target > Number.MAX_SAFE_INTEGER) throw new SyscallError(Errno.EOVERFLOW);
  file.offset = target;
  return target;
}

/** A device has no positions: wherever it goes, it stays at 0. */
function seekDevice(call: Call): number {
  const whence = call.int(2);
  if (whence < 0 || whence > 4) throw new SyscallError(Errno.EINVAL);
  return 0;
}

function truncateTo(call: Call, file: MemoryFile, size: number): number {
  if (size < 0 || size > Number.MAX_SAFE_INTEGER)
    throw new SyscallError(size < 0 ? Errno.EINVAL : Errno.EFBIG);
  call.bringUpToDate(file);
  file.truncate(size);
  file.mtimeNs = file.ctimeNs = call.state.now();
  return 0;
}

/** Makes a file at least that long. Nothing is reserved, so the quota must have room for the promise. */
export function allocate(call: Call, fd: number, offset: number, length: number): number {
  const file = openForWriting(call, fd);
  const { quota } = call.state.space;
  const end = offset + length;
  if (offset < 0 || length <= 0) throw new SyscallError(Errno.EINVAL);
  if (end - file.size > quota.bytes - quota.usedBytes) throw new SyscallError(Errno.ENOSPC);
  return end > file.size ? truncateTo(call, file, end) : 0;
}

function openForWriting(call: Call, fd: number): MemoryFile {
  const file = call.state.fds.get(fd);
  if (!file.writable) throw new SyscallError(Errno.EINVAL);
  if (!(file instanceof RegularFile)) throw new SyscallError(Errno.EINVAL);
  return file.memory();
}

/** preadv(2) and pwritev(2): from the position of the call's fourth argument on, or from the file's own. */
function moveVector(c: Call, file: OpenFile, move: typeof read, isPositioned: boolean): number {
  let at = isPositioned ? position(c, file, 3) : null;
  return vector(c, (address, size) => {
    const moved = move(c, file, address, size, at);
    if (at !== null) at += moved;
    return moved;
  });
}

/** Flags of preadv2(2) that say when data must be on the disk, or how the disk is waited for: RWF_HIPRI, _DSYNC, _SYNC. */
const OF_THE_DISK = 0x7;

/** preadv2(2) and pwritev2(2): the position -1 is the file's own. */
function hasPosition(c: Call): boolean {
  if ((c.int(5) & ~OF_THE_DISK) !== 0) throw new SyscallError(Errno.ENOTSUP);
  return c.long(3) !== -1;
}

export const fileOperations = {
  open: (c) => open(c, AT.FDCWD, 0, c.int(1), c.int(2)),
  openat: (c) => open(c, c.int(0), 1, c.int(2), c.int(3)),
  creat: (c) => open(c, AT.FDCWD, 0, O.CREAT | O.WRONLY | O.TRUNC, c.int(1)),
  mknod: (c) => makeNode(c, AT.FDCWD, 0, c.int(1)),
  mknodat: (c) => makeNode(c, c.int(0), 1, c.int(2)),
  memfd_create: createMemoryFile,
  close: (c) => {
    c.state.fds.close(c.int(0));
    return 0;
  },
  read: (c) => read(c, readable(c), c.pointer(1), c.size(2), null),
  write: (c) => write(c, writable(c), c.pointer(1), c.size(2), null),
  pread64: (c) => {
    const file = readable(c);
    return read(c, file, c.pointer(1), c.size(2), position(c, file, 3));
  },
  pwrite64: (c) => {
    const file = writable(c);
    return write(c, file, c.pointer(1), c.size(2), position(c, file, 3));
  },
  readv: (c) => moveVector(c, readable(c), read, false),
  writev: (c) => moveVector(c, writable(c), write, false),
  sendfile: sendFile,
  preadv: (c) => moveVector(c, readable(c), read, true),
  pwritev: (c) => moveVector(c, writable(c), write, true),
  preadv2: (c) => moveVector(c, readable(c), read, hasPosition(c)),
  pwritev2: (c) => moveVector(c, writable(c), write, hasPosition(c)),
  lseek: seek,
  ftruncate: (c) => truncateTo(c, openForWriting(c, c.int(0)), c.long(1)),
  truncate: (c) => {
    const { inode } = lookUp(c, AT.FDCWD, 0, true);
    if (inode === null) throw new SyscallError(Errno.ENOENT);
    if (inode instanceof DirectoryInode) throw new SyscallError(Errno.EISDIR);
    if (!(inode instanceof MemoryFile) || !inode.writable) throw new SyscallError(Errno.EROFS);
    checkAccess(inode, 2);
    return truncateTo(c, inode, c.long(1));
  },
  fallocate: (c) => {
    if (c.int(1) !== 0) throw new SyscallError(Errno.ENOTSUP);
    return allocate(c, c.int(0), c.long(2), c.long(3));
  },
  fsync: (c) => (c.state.fds.get(c.int(0)), 0),
  fdatasync: (c) => (c.state.fds.get(c.int(0)), 0),
  flock: (c) => (c.state.fds.get(c.int(0)), 0),
  fadvise64: (c) => (c.state.fds.get(c.int(0)), 0),
} satisfies Record<string, Operation>;
