import { AT, Errno, SyscallError } from '@sandpiper/abi';
import { DirectoryInode, type Inode, MemoryDirectory, MemoryFile } from '@sandpiper/vfs';
import type { Call, Operation } from '../call.js';
import { inodeOf } from './folders.js';
import { existing, lookUp } from './paths.js';

/** xattr(7): longest name with its NUL, longest value; bytes. */
const MAX_NAME = 256;
const MAX_VALUE = 65536;
const CREATE = 1;
const REPLACE = 2;

type Find = (call: Call) => Inode;
const byPath: Find = (c) => existing(lookUp(c, AT.FDCWD, 0, true));
const byLink: Find = (c) => existing(lookUp(c, AT.FDCWD, 0, false));
const byDescriptor: Find = (c) => inodeOf(c, c.int(0));

/** Attributes of the `user` name space, which only files and folders can have. */
function nameOf(call: Call, inode: Inode): string {
  const name = call.text(1, MAX_NAME);
  if (!name.startsWith('user.')) throw new SyscallError(Errno.ENOTSUP);
  if (!(inode instanceof MemoryFile) && !(inode instanceof DirectoryInode))
    throw new SyscallError(Errno.EPERM);
  return name;
}

function set(call: Call, inode: Inode): number {
  const name = nameOf(call, inode);
  const size = call.size(3);
  if (size > MAX_VALUE) throw new SyscallError(Errno.E2BIG);
  if (!inode.writable) throw new SyscallError(Errno.EROFS);
  // A removed folder would never give back its charge.
  if (inode instanceof MemoryDirectory && inode.dead) throw new SyscallError(Errno.ENOENT);
  if (!inode.permits(2)) throw new SyscallError(Errno.EACCES);
  const flags = call.int(4);
  if ((flags & ~(CREATE | REPLACE)) !== 0) throw new SyscallError(Errno.EINVAL);
  const before = inode.attributes.get(name);
  if (before !== undefined && (flags & CREATE) !== 0) throw new SyscallError(Errno.EEXIST);
  if (before === undefined && (flags & REPLACE) !== 0) throw new SyscallError(Errno.ENODATA);
  const value = call.memory.read(call.pointer(2), size).toString('latin1');
  call.state.space.quota.setAttribute(inode, name, value);
  inode.ctimeNs = call.state.now();
  return 0;
}

/** Gives a value; with no room, only its size. */
function give(call: Call, index: number, value: string): number {
  const room = call.size(index + 1);
  if (room === 0) return value.length;
  if (value.length > room) throw new SyscallError(Errno.ERANGE);
  call.put(index, Buffer.from(value, 'latin1'));
  return value.length;
}

function get(call: Call, inode: Inode): number {
  const value = inode.attributes.get(nameOf(call, inode));
  if (value === undefined) throw new SyscallError(Errno.ENODATA);
  return give(call, 2, value);
}

function list(call: Call, inode: Inode): number {
  let names = '';
  for (const name of inode.attributes.keys()) {
    call.state.work.step();
    names += `${name}\0`;
  }
  return give(call, 1, names);
}

function remove(call: Call, inode: Inode): number {
  const name = nameOf(call, inode);
  if (!inode.writable) throw new SyscallError(Errno.EROFS);
  if (!inode.attributes.has(name)) throw new SyscallError(Errno.ENODATA);
  call.state.space.quota.setAttribute(inode, name, null);
  return 0;
}

export const attributeOperations = {
  setxattr: (c) => set(c, byPath(c)),
  lsetxattr: (c) => set(c, byLink(c)),
  fsetxattr: (c) => set(c, byDescriptor(c)),
  getxattr: (c) => get(c, byPath(c)),
  lgetxattr: (c) => get(c, byLink(c)),
  fgetxattr: (c) => get(c, byDescriptor(c)),
  listxattr: (c) => list(c, byPath(c)),
  llistxattr: (c) => list(c, byLink(c)),
  flistxattr: (c) => list(c, byDescriptor(c)),
  removexattr: (c) => remove(c, byPath(c)),
  lremovexattr: (c) => remove(c, byLink(c)),
  fremovexattr: (c) => remove(c, byDescriptor(c)),
} satisfies Record<string, Operation>;
