import { DN_MULTISHOT, Errno, F, FD_CLOEXEC, O, S_IF, SyscallError } from '@sandpiper/abi';
import type { Call, Operation } from '../call.js';
import { OpenDirectory } from '../open-files.js';
import { Pipe, PipeEnd } from '../streams.js';

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
    case F.NOTIFY:
      if (!(file instanceof OpenDirectory)) throw new SyscallError(Errno.ENOTDIR);
      // Of no event: that is the end of a watch. Of others none is told, as inotify(7) tells none.
      if ((call.int(2) & ~DN_MULTISHOT) === 0) return 0;
      throw new SyscallError(Errno.EINVAL);
    default:
      throw new SyscallError(Errno.EINVAL);
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
  // No descriptor is a terminal, and no other device has controls.
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
} satisfies Record<string, Operation>;
