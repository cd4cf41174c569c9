import { Errno, MAP, PROT, SyscallError } from '@sandpiper/abi';
import { MemoryFile } from '@sandpiper/vfs';
import type { Call, Operation } from '../call.js';
import { RegularFile } from '../open-files.js';
import { MAX_MOVE } from './files.js';

const MMAP = 9;
const MPROTECT = 10;
const MUNMAP = 11;
const MREMAP = 25;
const PAGE = 4096;
/** No user address lies above (x86-64, 47 bits). */
const ADDRESS_LIMIT = 2 ** 47;

const ZEROES = Buffer.alloc(MAX_MOVE);

function isZero(bytes: Buffer): boolean {
  return bytes.equals(ZEROES.subarray(0, bytes.length));
}

/** The program may catch that it is refused memory, and go on: see the verdicts of the controller package. */
function refuseGrowth(call: Call, bytes: number): never {
  call.state.options.onGrowthRefused?.(bytes);
  throw new SyscallError(Errno.ENOMEM);
}

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
  if (at === -Errno.ENOMEM) refuseGrowth(call, length);
  return at;
}

/**
 * A file's bytes in the guest's memory: an anonymous mapping, filled, then protected as asked. See
 * {@link Mappings}.
 */
function mapFile(call: Call): number {
  const [address = 0, length = 0, protection = 0, flags = 0, fd = -1, offset = 0] = call.args;
  if (length <= 0 || length > 2 ** 47 || (protection & ~(PROT.READ | PROT.WRITE | PROT.EXEC)) !== 0) {
    throw new SyscallError(Errno.EINVAL);
  }
  const placed = flags & (MAP.FIXED | MAP.NOREPLACE);
  if ((flags & MAP.ANONYMOUS) !== 0) {
    // No fork, so no one shares it: a private one is equivalent. Other flags (huge pages, stacks) are
    // refused.
    if ((flags & ~placed) !== (MAP.SHARED | MAP.ANONYMOUS)) throw new SyscallError(Errno.EINVAL);
    return mapAnonymous(call, address, length, protection, placed);
  }
  const file = call.state.fds.get(fd | 0);
  if (!(file instanceof RegularFile)) throw new SyscallError(Errno.ENODEV);
  if (!file.readable) throw new SyscallError(Errno.EACCES);
  if (offset < 0 || offset % 4096 !== 0) throw new SyscallError(Errno.EINVAL);
  const shared = (flags & 0xf) !== MAP.PRIVATE;
  const writable = shared && (protection & PROT.WRITE) !== 0;
  if (writable && !(file.writable && file.inode instanceof MemoryFile)) throw new SyscallError(Errno.EACCES);
  const { mappings } = call.state;
  // One more, and another where it splits an existing one.
  if (shared) mappings.assertRoom((flags & MAP.FIXED) === 0 ? 1 : 2);
  call.bringUpToDate(file.inode);
  const at = mapAnonymous(call, address, length, PROT.READ | PROT.WRITE, placed);
  if (at < 0) return at;
  // New memory is zero already: a hole of the file becomes a hole in the guest's memory.
  for (const [begin, end] of file.inode.parts(offset, length, MAX_MOVE)) {
    call.moved(end - begin);
    const piece = file.inode.read(begin, end - begin);
    if (!isZero(piece)) call.memory.write(at + begin - offset, piece);
  }
  if (protection !== (PROT.READ | PROT.WRITE)) {
    const status = call.memory.syscall(MPROTECT, at, length, protection);
    if (status < 0) {
      call.memory.syscall(MUNMAP, at, length);
      return status;
    }
  }
  if (shared) {
    if ((flags & MAP.FIXED) !== 0) mappings.remove(call.memory, at, length);
    mappings.add({ inode: file.inode, address: at, length, offset, writable });
  }
  return at;
}

/** For shared mappings only, and whole ones; the shim makes the others natively. */
function remap(call: Call): number {
  const [from = 0, oldLength = 0, length = 0, flags = 0, to = 0] = call.args;
  const { mappings } = call.state;
  mappings.fetchAll(call.memory);
  const at = call.memory.syscall(MREMAP, from, oldLength, length, flags, to);
  if (at === -Errno.ENOMEM) refuseGrowth(call, length);
  if (at >= 0) mappings.resize(call.memory, from, at, length);
  return at;
}

/** For shared mappings only; the shim makes the others natively. */
function unmap(call: Call): number {
  const [address = 0, length = 0] = call.args;
  if (address < 0 || address % PAGE !== 0 || length <= 0 || address + length > ADDRESS_LIMIT)
    throw new SyscallError(Errno.EINVAL);
  call.state.mappings.remove(call.memory, address, length);
  return call.memory.syscall(MUNMAP, address, length);
}

export const memoryOperations = {
  mmap: mapFile,
  munmap: unmap,
  mremap: remap,
  msync: (c) => {
    const [ASYNC, INVALIDATE, SYNC] = [1, 2, 4];
    const flags = c.int(2);
    const both = (flags & (ASYNC | SYNC)) === (ASYNC | SYNC);
    if (c.pointer(0) % PAGE !== 0 || both || (flags & ~(ASYNC | INVALIDATE | SYNC)) !== 0) {
      throw new SyscallError(Errno.EINVAL);
    }
    c.state.mappings.fetchAll(c.memory);
    return 0;
  },
  madvise: () => {
    throw new SyscallError(Errno.EINVAL);
  },
} satisfies Record<string, Operation>;
