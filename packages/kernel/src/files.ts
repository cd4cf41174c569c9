import { AT, Errno, F, FD_CLOEXEC, MAP, O, PROT, S_IF, SyscallError } from '@sandpiper/abi';
import { DeviceInode, DirectoryInode, FileInode, type Inode, MemoryFile, SymlinkInode } from '@sandpiper/vfs';
import { Device, OpenDirectory, type OpenFile, Pipe, PipeEnd, RegularFile } from './descriptors.js';
import { lookUp, makeEntry, type Found } from './paths.js';
import type { Call, Handler } from './state.js';
import { RunEnds } from './types.js';

/** What one read or write moves at most; the guest asks again for the rest. Bytes. */
const MAX_MOVE = 1024 * 1024;
/** IOV_MAX of readv(2). */
const IOV_MAX = 1024;

function open(call: Call, dirfd: number, pathIndex: number, flags: number, mode: number): number {
  const { state } = call;
  if ((flags & O.TMPFILE) === O.TMPFILE) throw new SyscallError(Errno.ENOTSUP);
  const exclusive = (flags & (O.CREAT | O.EXCL)) === (O.CREAT | O.EXCL);
  const follow = (flags & O.NOFOLLOW) === 0 && !exclusive;
  const found = lookUp(call, dirfd, pathIndex, follow);
  let { inode } = found;
  let created = false;
  if (inode === null) {
    if ((flags & O.CREAT) === 0) throw new SyscallError(Errno.ENOENT);
    if (found.mustBeDirectory) throw new SyscallError(Errno.EISDIR);
    const permissions = mode & 0o7777 & ~state.umask;
    inode = makeEntry(call, found, (ino, now) => new MemoryFile(ino, permissions, now, state.space.quota));
    created = true;
  } else if (exclusive) {
    throw new SyscallError(Errno.EEXIST);
  }
  const file = openInode(call, inode, found, flags, created);
  const fd = state.fds.add(file, (flags & O.CLOEXEC) !== 0);
  state.options.onOpen?.(Buffer.from(found.path, 'latin1').toString('utf8'));
  return fd;
}

function openInode(call: Call, inode: Inode, found: Found, flags: number, created: boolean): OpenFile {
  const writes = (flags & O.ACCMODE) !== O.RDONLY;
  if (inode instanceof DirectoryInode) {
    if (writes || (flags & O.CREAT) !== 0) throw new SyscallError(Errno.EISDIR);
    return new OpenDirectory(inode, flags, { directory: inode, path: found.path, parents: found.parents });
  }
  if ((flags & O.DIRECTORY) !== 0) throw new SyscallError(Errno.ENOTDIR);
  if (inode instanceof SymlinkInode) throw new SyscallError(Errno.ELOOP);
  if (inode instanceof DeviceInode) return new Device(inode, flags);
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

/** `wanted` is made of 4 (read), 2 (write), 1 (execute). The guest owns what it can write, the rest is root's. */
export function checkAccess(inode: Inode, wanted: number): void {
  const shift = inode.uid === 1000 ? 6 : 0;
  if (((inode.mode >> shift) & wanted) !== wanted) throw new SyscallError(Errno.EACCES);
}

function readable(call: Call): OpenFile {
  const file = call.state.fds.get(call.int(0));
  if (!file.readable) throw new SyscallError(Errno.EBADF);
  return file;
}

function writable(call: Call): OpenFile {
  const file = call.state.fds.get(call.int(0));
  if (!file.writable) throw new SyscallError(Errno.EBADF);
  return file;
}

/** The position of a pread or pwrite: such calls need a file that has one. */
function position(call: Call, file: OpenFile, index: number): number {
  if (!file.seekable) throw new SyscallError(Errno.ESPIPE);
  const at = call.long(index);
  if (at < 0 || at > Number.MAX_SAFE_INTEGER) throw new SyscallError(Errno.EINVAL);
  return at;
}

function read(call: Call, file: OpenFile, address: number, size: number, at: number | null): number {
  const data = file.read(Math.min(size, MAX_MOVE), at);
  call.memory.write(address, data);
  call.state.usage.bytesRead += data.length;
  return data.length;
}

function write(call: Call, file: OpenFile, address: number, size: number, at: number | null): number {
  if (size === 0) return 0;
  const written = file.write(call.memory.read(address, Math.min(size, MAX_MOVE)), at);
  call.state.usage.bytesWritten += written;
  return written;
}

/** struct iovec, 16 bytes each; stops at the first that is not moved whole. */
function vector(call: Call, move: (address: number, size: number) => number): number {
  const count = call.int(2);
  if (count < 0 || count > IOV_MAX) throw new SyscallError(Errno.EINVAL);
  const vectors = call.memory.read(call.pointer(1), 16 * count);
  let total = 0;
  for (let i = 0; i < count; i++) {
    const address = Number(vectors.readBigUInt64LE(16 * i));
    const size = Number(vectors.readBigUInt64LE(16 * i + 8));
    if (size > 2 ** 47) throw new SyscallError(Errno.EINVAL);
    if (size === 0) continue;
    const moved = move(address, size);
    total += moved;
    if (moved < size) break;
  }
  return total;
}

function seek(call: Call): number {
  const file = call.state.fds.get(call.int(0));
  const offset = call.long(1);
  if (file instanceof OpenDirectory) {
    if (call.int(2) !== 0 || offset < 0) throw new SyscallError(Errno.EINVAL);
    file.offset = offset;
    if (offset === 0) file.entries = null;
    return offset;
  }
  if (!file.seekable) throw new SyscallError(Errno.ESPIPE);
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
    case 3: // SEEK_DATA: lseek(2) allows a file system to know no holes
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

function truncateTo(call: Call, file: MemoryFile, size: number): number {
  if (size < 0 || size > Number.MAX_SAFE_INTEGER)
    throw new SyscallError(size < 0 ? Errno.EINVAL : Errno.EFBIG);
  file.truncate(size);
  file.mtimeNs = file.ctimeNs = call.state.now();
  return 0;
}

function openForWriting(call: Call): MemoryFile {
  const file = call.state.fds.get(call.int(0));
  if (!file.writable) throw new SyscallError(Errno.EINVAL);
  if (!(file instanceof RegularFile)) throw new SyscallError(Errno.EINVAL);
  return file.memory();
}

const SETTABLE = O.APPEND | O.NONBLOCK;

function control(call: Call): number {
  const { fds } = call.state;
  const fd = call.int(0);
  const file = fds.get(fd);
  switch (call.int(1)) {
    case F.DUPFD:
      return fds.add(file, false, call.int(2));
    case F.DUPFD_CLOEXEC:
      return fds.add(file, true, call.int(2));
    case F.GETFD:
      return fds.closeOnExec(fd) ? FD_CLOEXEC : 0;
    case F.SETFD:
      fds.setCloseOnExec(fd, (call.int(2) & FD_CLOEXEC) !== 0);
      return 0;
    case F.GETFL:
      return file.flags & ~(O.CREAT | O.EXCL | O.NOCTTY | O.TRUNC | O.CLOEXEC);
    case F.SETFL:
      file.flags = (file.flags & ~SETTABLE) | (call.int(2) & SETTABLE);
      return 0;
    case F.GETLK: {
      // Nobody else could hold a lock: struct flock with l_type F_UNLCK (2)
      const lock = call.memory.read(call.pointer(2), 32);
      lock.writeInt16LE(2, 0);
      call.memory.write(call.pointer(2), lock);
      return 0;
    }
    case F.SETLK:
    case F.SETLKW:
      return 0;
    default:
      throw new SyscallError(Errno.EINVAL);
  }
}

function duplicateTo(call: Call, closeOnExec: boolean, same: 'ok' | 'error'): number {
  const { fds } = call.state;
  const file = fds.get(call.int(0));
  const target = call.int(1);
  if (target === call.int(0)) {
    if (same === 'error') throw new SyscallError(Errno.EINVAL);
    return target;
  }
  fds.replace(target, file, closeOnExec);
  return target;
}

function pipe(call: Call, flags: number): number {
  if ((flags & ~(O.CLOEXEC | O.NONBLOCK)) !== 0) throw new SyscallError(Errno.EINVAL);
  const { fds } = call.state;
  const closeOnExec = (flags & O.CLOEXEC) !== 0;
  const shared = new Pipe();
  const status = flags & O.NONBLOCK;
  const ends = Buffer.alloc(8);
  const reader = fds.add(new PipeEnd(shared, O.RDONLY | status), closeOnExec);
  try {
    ends.writeInt32LE(fds.add(new PipeEnd(shared, O.WRONLY | status), closeOnExec), 4);
  } catch (error) {
    fds.close(reader);
    throw error;
  }
  ends.writeInt32LE(reader, 0);
  call.memory.write(call.pointer(0), ends);
  return 0;
}

const MMAP = 9;
const MPROTECT = 10;
const MUNMAP = 11;

/** What the kernel refuses for want of memory is the run's memory limit. */
function mapAnonymous(
  call: Call,
  address: number,
  length: number,
  protection: number,
  placed: number,
): number {
  const at = call.memory.syscall(
    MMAP,
    address,
    length,
    protection,
    MAP.PRIVATE | MAP.ANONYMOUS | placed,
    -1,
    0,
  );
  if (at === -Errno.ENOMEM) throw new RunEnds({ kind: 'limit', limit: 'memoryBytes' });
  return at;
}

/**
 * A file's bytes in the guest's memory: an anonymous mapping, filled, then protected as asked. That is what a private
 * mapping of a file that nobody changes is; a shared mapping that could be written to cannot be had.
 */
function mapFile(call: Call): number {
  const [address = 0, length = 0, protection = 0, flags = 0, fd = -1, offset = 0] = call.args;
  if (length <= 0 || length > 2 ** 47 || (protection & ~(PROT.READ | PROT.WRITE | PROT.EXEC)) !== 0) {
    throw new SyscallError(Errno.EINVAL);
  }
  const placed = flags & (MAP.FIXED | MAP.NOREPLACE);
  if ((flags & MAP.ANONYMOUS) !== 0) {
    // Shared with nobody, as there is no fork: a private one is the same. Other flags (huge pages, stacks) are refused.
    if ((flags & ~placed) !== (MAP.SHARED | MAP.ANONYMOUS)) throw new SyscallError(Errno.EINVAL);
    return mapAnonymous(call, address, length, protection, placed);
  }
  const file = call.state.fds.get(fd | 0);
  if (!(file instanceof RegularFile)) throw new SyscallError(Errno.ENODEV);
  if (!file.readable) throw new SyscallError(Errno.EACCES);
  if (offset < 0 || offset % 4096 !== 0) throw new SyscallError(Errno.EINVAL);
  const shared = (flags & 0xf) !== MAP.PRIVATE;
  if (shared && (protection & PROT.WRITE) !== 0) throw new SyscallError(Errno.EACCES);
  const at = mapAnonymous(call, address, length, PROT.READ | PROT.WRITE, placed);
  if (at < 0) return at;
  for (let done = 0; done < length; ) {
    const piece = file.inode.read(offset + done, Math.min(MAX_MOVE, length - done));
    if (piece.length === 0) break;
    call.memory.write(at + done, piece);
    done += piece.length;
  }
  if (protection !== (PROT.READ | PROT.WRITE)) {
    const status = call.memory.syscall(MPROTECT, at, length, protection);
    if (status < 0) {
      call.memory.syscall(MUNMAP, at, length);
      return status;
    }
  }
  return at;
}

export const fileHandlers: Record<string, Handler> = {
  open: (c) => open(c, AT.FDCWD, 0, c.int(1), c.int(2)),
  openat: (c) => open(c, c.int(0), 1, c.int(2), c.int(3)),
  creat: (c) => open(c, AT.FDCWD, 0, O.CREAT | O.WRONLY | O.TRUNC, c.int(1)),
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
  readv: (c) => {
    const file = readable(c);
    return vector(c, (address, size) => read(c, file, address, size, null));
  },
  writev: (c) => {
    const file = writable(c);
    return vector(c, (address, size) => write(c, file, address, size, null));
  },
  lseek: seek,
  ftruncate: (c) => truncateTo(c, openForWriting(c), c.long(1)),
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
    const file = openForWriting(c);
    const end = c.long(2) + c.long(3);
    if (c.long(2) < 0 || c.long(3) <= 0) throw new SyscallError(Errno.EINVAL);
    // Nothing is reserved, so nothing may be promised that the quota does not hold.
    if (end - file.size > c.state.space.quota.bytes - c.state.space.quota.usedBytes)
      throw new SyscallError(Errno.ENOSPC);
    return end > file.size ? truncateTo(c, file, end) : 0;
  },
  fsync: (c) => (c.state.fds.get(c.int(0)), 0),
  fdatasync: (c) => (c.state.fds.get(c.int(0)), 0),
  flock: (c) => (c.state.fds.get(c.int(0)), 0),
  fadvise64: (c) => (c.state.fds.get(c.int(0)), 0),
  fcntl: control,
  dup: (c) => c.state.fds.add(c.state.fds.get(c.int(0)), false),
  dup2: (c) => duplicateTo(c, false, 'ok'),
  dup3: (c) => {
    if ((c.int(2) & ~O.CLOEXEC) !== 0) throw new SyscallError(Errno.EINVAL);
    return duplicateTo(c, (c.int(2) & O.CLOEXEC) !== 0, 'error');
  },
  pipe: (c) => pipe(c, 0),
  pipe2: (c) => pipe(c, c.int(1)),
  // No descriptor is a terminal, and of no other device are there any controls.
  ioctl: (c) => {
    const file = c.state.fds.get(c.int(0));
    const FIONREAD = 0x541b;
    if (c.int(1) === FIONREAD && (file.stat().mode & S_IF.MT) === S_IF.REG) {
      const left = Buffer.alloc(4);
      left.writeInt32LE(Math.max(0, Math.min(0x7fffffff, file.stat().size - file.offset)));
      c.memory.write(c.pointer(2), left);
      return 0;
    }
    const FIOCLEX = 0x5451;
    const FIONCLEX = 0x5450;
    if (c.int(1) === FIOCLEX || c.int(1) === FIONCLEX) {
      c.state.fds.setCloseOnExec(c.int(0), c.int(1) === FIOCLEX);
      return 0;
    }
    throw new SyscallError(Errno.ENOTTY);
  },
  mmap: mapFile,
};
