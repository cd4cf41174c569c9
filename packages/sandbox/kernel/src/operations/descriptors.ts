import { DN_MULTISHOT, Errno, F, FD_CLOEXEC, O, S_IF, SyscallError } from '@sandpiper/abi';
import type { Call, Operation } from '../call.js';
import type { OpenFile } from '../descriptors.js';
import { OpenDirectory } from '../open-files.js';
import { GUEST_PID } from '../state.js';
import { Pipe, PipeEnd } from '../streams.js';
import type { Terminal } from '../types.js';

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
      return file.statusFlags;
    case F.SETFL:
      file.statusFlags = call.int(2);
      return 0;
    case F.GETLK: {
      // No other process could hold a lock: struct flock with l_type F_UNLCK (2)
      const lock = call.memory.read(call.pointer(2), 32);
      lock.writeInt16LE(2, 0);
      call.memory.write(call.pointer(2), lock);
      return 0;
    }
    case F.SETLK:
    case F.SETLKW:
      return 0;
    case F.GETPIPE_SZ:
      return pipeOf(file).capacity;
    case F.SETPIPE_SZ: {
      const pipe = pipeOf(file);
      pipe.setCapacity(call.int(2));
      return pipe.capacity;
    }
    case F.NOTIFY:
      if (!(file instanceof OpenDirectory)) throw new SyscallError(Errno.ENOTDIR);
      // Of no event: that is the end of a watch. Of others none is told, as inotify(7) tells none.
      if ((call.int(2) & ~DN_MULTISHOT) === 0) return 0;
      throw new SyscallError(Errno.EINVAL);
    default:
      throw new SyscallError(Errno.EINVAL);
  }
}

function pipeOf(file: OpenFile): Pipe {
  if (file instanceof PipeEnd) return file.pipe;
  throw new SyscallError(Errno.EBADF);
}

/** ioctl_tty(2) */
const TCGETS = 0x5401;
const TIOCGPGRP = 0x540f;
const TIOCGWINSZ = 0x5413;
/** Those that set its attributes, in three ways, its process group, or its size: it is not the guest's. */
const SETTERS = [0x5402, 0x5403, 0x5404, 0x5410, 0x5414];
const TERMINAL_CONTROLS: ReadonlySet<number> = new Set([TCGETS, TIOCGPGRP, TIOCGWINSZ, ...SETTERS]);

/** struct termios of the kernel, of an ordinary terminal: four words of flags, the line discipline, characters. */
const TERMIOS = Buffer.alloc(36);
for (const [i, flags] of [0x500, 0x5, 0xbf, 0x8a3b].entries()) TERMIOS.writeUInt32LE(flags, 4 * i);
TERMIOS.set([3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22], 17);

/** A program that wants no echo must learn that it cannot have that: getpass(3) and its like warn then. */
function controlTerminal(call: Call, { rows, columns }: Terminal): number {
  switch (call.int(1)) {
    case TCGETS:
      return call.put(2, TERMIOS);
    case TIOCGWINSZ: {
      const size = Buffer.alloc(8);
      size.writeUInt16LE(rows, 0);
      size.writeUInt16LE(columns, 2);
      return call.put(2, size);
    }
    case TIOCGPGRP: {
      const group = Buffer.alloc(4);
      group.writeInt32LE(GUEST_PID);
      return call.put(2, group);
    }
    default:
      throw new SyscallError(Errno.EPERM);
  }
}

export function duplicateTo(call: Call, closeOnExec: boolean, same: 'ok' | 'error'): number {
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
  const shared = new Pipe(call.state.space.newIno(), call.state.pipes);
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

export const descriptorOperations = {
  fcntl: control,
  dup: (c) => c.state.fds.add(c.state.fds.get(c.int(0)), false),
  dup2: (c) => duplicateTo(c, false, 'ok'),
  dup3: (c) => {
    if ((c.int(2) & ~O.CLOEXEC) !== 0) throw new SyscallError(Errno.EINVAL);
    return duplicateTo(c, (c.int(2) & O.CLOEXEC) !== 0, 'error');
  },
  pipe: (c) => pipe(c, 0),
  pipe2: (c) => pipe(c, c.int(1)),
  // Besides terminals no device has controls.
  ioctl: (c) => {
    const file = c.state.fds.get(c.int(0));
    if (file.terminal !== null && TERMINAL_CONTROLS.has(c.int(1))) return controlTerminal(c, file.terminal);
    const FIONREAD = 0x541b;
    if (c.int(1) === FIONREAD && (file.stat().mode & S_IF.MT) === S_IF.REG) {
      const left = Buffer.alloc(4);
      left.writeInt32LE(Math.max(0, Math.min(0x7fffffff, file.stat().size - file.offset)));
      c.memory.write(c.pointer(2), left);
      return 0;
    }
    // How CPython makes sockets and descriptors wait or not; PyPy uses fcntl.
    const FIONBIO = 0x5421;
    if (c.int(1) === FIONBIO) {
      const isOn = c.memory.read(c.pointer(2), 4).readInt32LE() !== 0;
      file.statusFlags = isOn ? file.statusFlags | O.NONBLOCK : file.statusFlags & ~O.NONBLOCK;
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
} satisfies Record<string, Operation>;
