import { AT, encodeDirent, encodeStatvfs, Errno, O, S_IF, SyscallError } from '@sandpiper/abi';
import { keptText } from '@sandpiper/vfs';
import type { Call, Operation } from '../call.js';
import { OpenDirectory } from '../open-files.js';
import { bytesOfVariable, ENVIRONMENT_BYTES } from '../libc-state.js';
import { duplicateTo } from './descriptors.js';
import { allocate, fileOperations, makeNode, open } from './files.js';
import { folderOperations, inodeOf, setTimes } from './folders.js';
import { existing, lookUp } from './paths.js';
import { ownNiceness } from './process.js';
import { sendSignal } from './signals.js';

/**
 * sizeof(struct dirent64) of glibc; one such block is the guest's DIR, as with earlier controllers. Bytes.
 */
const DIRENT_BYTES = 280;

function place(call: Call, data: Uint8Array): number {
  const address = call.memory.malloc(data);
  if (address === 0) throw new SyscallError(Errno.ENOMEM);
  return address;
}

function placeText(call: Call, text: string): number {
  return place(call, Buffer.from(`${text}\0`, 'latin1'));
}

function setVariable(call: Call, name: string, value: string | null): void {
  const { libc } = call.state;
  const old = libc.environment.get(name);
  const before = old === undefined ? 0 : bytesOfVariable(name, old);
  const after = value === null ? 0 : bytesOfVariable(name, value);
  if (after > before && libc.environmentBytes + after - before > ENVIRONMENT_BYTES) {
    throw new SyscallError(Errno.ENOMEM);
  }
  libc.environmentBytes += after - before;
  libc.placed.delete(name);
  if (value === null) libc.environment.delete(name);
  else libc.environment.set(keptText(name), keptText(value));
}

/** A NULL-terminated array of pointers to `NAME=VALUE`. */
function environ(call: Call): number {
  const { environment } = call.state.libc;
  const pointers = Buffer.alloc(8 * (environment.size + 1));
  let at = 0;
  for (const [name, value] of environment) {
    call.state.work.step();
    at = pointers.writeBigUInt64LE(BigInt(placeText(call, `${name}=${value}`)), at);
  }
  return place(call, pointers);
}

function getVariable(call: Call): number {
  const { libc } = call.state;
  const name = call.path(0);
  const value = libc.environment.get(name);
  if (value === undefined) return 0;
  let address = libc.placed.get(name);
  if (address === undefined) {
    address = placeText(call, value);
    libc.placed.set(keptText(name), address);
  }
  return address;
}

/**
 * The guest says where its block is, so the table is bounded by the open files: streams whose descriptor was
 * closed directly are dropped first, and a guest that wants more streams than open folders gets none.
 */
function openStream(call: Call, fd: number): number {
  const { fds, libc, options } = call.state;
  const { directories } = libc;
  if (directories.size >= options.limits.openFiles) {
    for (const [address, its] of directories) if (!fds.has(its)) directories.delete(address);
    if (directories.size >= options.limits.openFiles) throw new SyscallError(Errno.ENOMEM);
  }
  const address = place(call, Buffer.alloc(DIRENT_BYTES));
  directories.set(address, fd);
  return address;
}

function openDirectory(call: Call): number {
  const fd = open(call, AT.FDCWD, 0, O.RDONLY | O.DIRECTORY | O.CLOEXEC, 0);
  try {
    return openStream(call, fd);
  } catch (error) {
    call.state.fds.close(fd);
    throw error;
  }
}

function streamOf(call: Call): { fd: number; file: OpenDirectory } {
  const fd = call.state.libc.directories.get(call.pointer(0));
  if (fd === undefined) throw new SyscallError(Errno.EBADF);
  const file = call.state.fds.get(fd);
  if (!(file instanceof OpenDirectory)) throw new SyscallError(Errno.EBADF);
  return { fd, file };
}

/** pathconf(3): _PC_NAME_MAX, _PC_PATH_MAX, _PC_PIPE_BUF, _PC_LINK_MAX. */
const PATH_LIMITS = new Map([
  [0, 127],
  [3, 255],
  [4, 4096],
  [5, 4096],
]);

function pathLimit(name: number): number {
  const value = PATH_LIMITS.get(name);
  if (value === undefined) throw new SyscallError(Errno.EINVAL);
  return value;
}

/** sysconf(3), by glibc's numbers. */
function systemLimit(call: Call): number {
  const values: Record<number, number> = {
    0: 2_097_152, // _SC_ARG_MAX
    1: 1, // _SC_CHILD_MAX
    2: 100, // _SC_CLK_TCK
    3: 65_536, // _SC_NGROUPS_MAX
    4: call.state.options.limits.openFiles, // _SC_OPEN_MAX
    30: 4096, // _SC_PAGESIZE
    60: 1024, // _SC_IOV_MAX
    83: 1, // _SC_NPROCESSORS_CONF
    84: 1, // _SC_NPROCESSORS_ONLN
    85: Math.floor(call.state.memoryBytes / 4096), // _SC_PHYS_PAGES, as sysinfo tells
    86: Math.floor(call.state.memoryBytes / 8192), // _SC_AVPHYS_PAGES
  };
  const value = Object.hasOwn(values, call.int(0)) ? values[call.int(0)] : undefined;
  if (value === undefined) throw new SyscallError(Errno.EINVAL);
  return value;
}

function errorOf(operation: () => number): number {
  try {
    return operation();
  } catch (error) {
    if (error instanceof SyscallError) return error.errno;
    throw error;
  }
}

/** C functions that are not system calls. Pointers are returned as addresses. */
export const libcOperations = {
  initHome: (c) => placeText(c, Buffer.from(c.state.options.executable).toString('latin1')),
  free: (c) => {
    if (c.pointer(0) !== 0) c.memory.free(c.pointer(0));
    return 0;
  },
  nothing: () => 0,
  clock: (c) => Number(c.state.cpuNs() / 1000n), // CLOCKS_PER_SEC is a million
  environ,
  getenv: getVariable,
  putenv: (c) => {
    const text = c.text(0, ENVIRONMENT_BYTES);
    const at = text.indexOf('=');
    if (at === 0) throw new SyscallError(Errno.EINVAL);
    if (at < 0) setVariable(c, text, null);
    else setVariable(c, text.slice(0, at), text.slice(at + 1));
    return 0;
  },
  unsetenv: (c) => {
    const name = c.path(0);
    if (name === '' || name.includes('=')) throw new SyscallError(Errno.EINVAL);
    setVariable(c, name, null);
    return 0;
  },
  opendir: openDirectory,
  fdopendir: (c) => {
    if (!(c.state.fds.get(c.int(0)) instanceof OpenDirectory)) throw new SyscallError(Errno.ENOTDIR);
    return openStream(c, c.int(0));
  },
  readdir: (c) => {
    const { file } = streamOf(c);
    const entry = file.entry();
    if (entry === null) return 0;
    file.offset++;
    c.put(0, encodeDirent(entry.inode.ino, file.offset, entry.inode.mode, entry.name));
    return c.pointer(0);
  },
  rewinddir: (c) => {
    streamOf(c).file.rewind();
    return 0;
  },
  closedir: (c) => {
    const { fd } = streamOf(c);
    c.state.libc.directories.delete(c.pointer(0));
    c.memory.free(c.pointer(0));
    c.state.fds.close(fd);
    return 0;
  },
  dirfd: (c) => streamOf(c).fd,
  getStandardOutput: (c) => {
    c.state.libc.standardOutput ||= place(c, Buffer.alloc(16));
    return c.state.libc.standardOutput;
  },
  fileno: (c) => {
    if (c.pointer(0) === 0 || c.pointer(0) !== c.state.libc.standardOutput)
      throw new SyscallError(Errno.EBADF);
    return 1;
  },
  getlogin: (c) => placeText(c, 'user'),
  ctermid: (c) => {
    const NAME = '/dev/tty';
    if (c.pointer(0) === 0) return placeText(c, NAME);
    c.put(0, Buffer.from(`${NAME}\0`));
    return c.pointer(0);
  },
  confstr: (c) => {
    const _CS_PATH = 0;
    if (c.int(0) !== _CS_PATH) throw new SyscallError(Errno.EINVAL);
    const value = Buffer.from('/bin:/usr/bin\0');
    if (c.pointer(1) !== 0 && c.long(2) > 0) c.put(1, value.subarray(0, Math.min(value.length, c.size(2))));
    return value.length;
  },
  sysconf: systemLimit,
  pathconf: (c) => {
    existing(lookUp(c, AT.FDCWD, 0, true));
    return pathLimit(c.int(1));
  },
  fpathconf: (c) => {
    c.state.fds.get(c.int(0));
    return pathLimit(c.int(1));
  },
  statvfs: (c) => {
    existing(lookUp(c, AT.FDCWD, 0, true));
    return c.put(1, encodeStatvfs(c.state.space.statistics()));
  },
  fstatvfs: (c) => {
    c.state.fds.get(c.int(0));
    return c.put(1, encodeStatvfs(c.state.space.statistics()));
  },
  getcwd: (c) => {
    folderOperations.getcwd(c);
    return c.pointer(0);
  },
  isatty: (c) => {
    c.state.fds.get(c.int(0));
    c.errno = Errno.ENOTTY;
    return 0;
  },
  killpg: (c) => sendSignal(c, -c.int(0), c.int(1)),
  nice: (c) => {
    if (c.int(0) < 0) throw new SyscallError(Errno.EPERM);
    c.state.niceness = Math.min(19, c.state.niceness + c.int(0));
    return c.state.niceness;
  },
  getpriority: ownNiceness,
  mkfifo: (c) => makeNode(c, AT.FDCWD, 0, S_IF.IFO | (c.int(1) & 0o7777)),
  mkfifoat: (c) => makeNode(c, c.int(0), 1, S_IF.IFO | (c.int(2) & 0o7777)),
  cpuCount: () => 1,
  lockf: (c) => {
    c.state.fds.get(c.int(0));
    return 0;
  },
  getInheritable: (c) => (c.state.fds.closeOnExec(c.int(0)) ? 0 : 1),
  setInheritable: (c) => {
    c.state.fds.setCloseOnExec(c.int(0), c.int(1) === 0);
    return 0;
  },
  duplicate: (c) => c.state.fds.add(c.state.fds.get(c.int(0)), true),
  duplicateTo: (c) => duplicateTo(c, true, 'ok'),
  getStatusFlags: (c) => c.state.fds.get(c.int(0)).statusFlags,
  setStatusFlags: (c) => {
    c.state.fds.get(c.int(0)).statusFlags = c.int(1);
    return 0;
  },
  futimens: (c) => setTimes(c, inodeOf(c, c.int(0)), c.pointer(1), 'ns'),
  // Return their error instead of setting errno (posix_fallocate(3), posix_fadvise(3))
  posixFadvise: (c) => errorOf(() => fileOperations.fadvise64(c)),
  posixFallocate: (c) => errorOf(() => allocate(c, c.int(0), c.long(1), c.long(2))),
  system: (c) => {
    if (c.pointer(0) === 0) return 0; // there is no shell
    c.state.refused.add('processes');
    throw new SyscallError(Errno.EPERM);
  },
} satisfies Record<string, Operation>;
