import { Errno, O, SyscallError } from '@sandpiper/abi';
import type { Call, Operation } from '../call.js';
import { Epoll } from '../epoll.js';
import type { Readiness } from '../readiness.js';
import { Pipe, SocketEnd } from '../streams.js';
import { MAX_MOVE, orWait } from './files.js';
import { waitFor } from './waiting.js';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const MSG_PEEK = 2;
const MSG_DONTWAIT = 0x40;

/** A connected pair of stream sockets within the guest; any other socket would lead out of it. */
function socketPair(call: Call): number {
  const { fds, pipes: budget, space } = call.state;
  const status = call.int(1) & (O.NONBLOCK | O.CLOEXEC);
  if (call.int(0) !== AF_UNIX || (call.int(1) & ~status) !== SOCK_STREAM) {
    call.state.refused.add('sockets');
    throw new SyscallError(Errno.EPERM);
  }
  const pipes = [new Pipe(space.newIno(), budget), new Pipe(space.newIno(), budget)] as const;
  const nonBlocking = status & O.NONBLOCK;
  const closeOnExec = (status & O.CLOEXEC) !== 0;
  const first = fds.add(new SocketEnd(space.newIno(), pipes[0], pipes[1], nonBlocking), closeOnExec);
  const ends = Buffer.alloc(8);
  try {
    const second = fds.add(new SocketEnd(space.newIno(), pipes[1], pipes[0], nonBlocking), closeOnExec);
    ends.writeInt32LE(second, 4);
  } catch (error) {
    fds.close(first);
    throw error;
  }
  ends.writeInt32LE(first, 0);
  return call.put(3, ends);
}

function socketOf(call: Call): SocketEnd {
  const file = call.state.fds.get(call.int(0));
  if (!(file instanceof SocketEnd)) throw new SyscallError(Errno.ENOTSOCK);
  return file;
}

function waiting<T>(call: Call, socket: SocketEnd, flags: number, move: () => T): T {
  return (flags & MSG_DONTWAIT) !== 0 ? move() : orWait(call, socket, move);
}

/** Neither end has a name: struct sockaddr_un with the family alone. */
function unnamed(call: Call): number {
  socketOf(call);
  const room = call.memory.read(call.pointer(2), 4).readInt32LE();
  if (room < 0) throw new SyscallError(Errno.EINVAL);
  const address = Buffer.from([AF_UNIX, 0]);
  call.put(1, address.subarray(0, room));
  const length = Buffer.alloc(4);
  length.writeInt32LE(address.length);
  return call.put(2, length);
}

/** SO_TYPE, SO_ERROR, SO_DOMAIN, SO_PROTOCOL of SOL_SOCKET (socket(7)). */
const OPTIONS = new Map([
  [3, SOCK_STREAM],
  [4, 0],
  [39, AF_UNIX],
  [38, 0],
]);

function getOption(call: Call): number {
  const SOL_SOCKET = 1;
  socketOf(call);
  const value = call.int(1) === SOL_SOCKET ? OPTIONS.get(call.int(2)) : undefined;
  if (value === undefined) throw new SyscallError(Errno.ENOPROTOOPT);
  const data = Buffer.alloc(4);
  const length = Buffer.alloc(4);
  data.writeInt32LE(value);
  length.writeInt32LE(4);
  call.put(3, data);
  return call.put(4, length);
}

function epollOf(call: Call): Epoll {
  const file = call.state.fds.get(call.int(0));
  if (!(file instanceof Epoll)) throw new SyscallError(Errno.EINVAL);
  return file;
}

function createEpoll(call: Call, flags: number): number {
  if ((flags & ~O.CLOEXEC) !== 0) throw new SyscallError(Errno.EINVAL);
  const { fds, space } = call.state;
  return fds.add(new Epoll(space.newIno(), call.state), (flags & O.CLOEXEC) !== 0);
}

/** struct epoll_event is packed on x86-64: four bytes of events, eight of data. */
const EVENT_BYTES = 12;

function controlEpoll(call: Call): number {
  const [ADD, DELETE, MODIFY] = [1, 2, 3];
  const epoll = epollOf(call);
  if (call.int(1) === DELETE) {
    epoll.remove(call.int(2));
    return 0;
  }
  const event = call.memory.read(call.pointer(3), EVENT_BYTES);
  const [events, data] = [event.readUInt32LE(0), event.readBigUInt64LE(4)];
  if (call.int(1) === ADD) epoll.add(call.int(2), events, data);
  else if (call.int(1) === MODIFY) epoll.modify(call.int(2), events, data);
  else throw new SyscallError(Errno.EINVAL);
  return 0;
}

function waitEpoll(call: Call): number {
  const epoll = epollOf(call);
  const max = call.int(2);
  if (max <= 0) throw new SyscallError(Errno.EINVAL);
  const timeout = call.int(3);
  let found: ReturnType<Epoll['ready']> = [];
  const look = (readiness: Readiness) => {
    found = epoll.ready(Math.min(max, call.state.options.limits.openFiles), readiness);
    return found.length;
  };
  waitFor(call, look, timeout < 0 ? null : BigInt(timeout) * 1_000_000n);
  const records = Buffer.alloc(EVENT_BYTES * found.length);
  for (const [i, { events, data }] of found.entries()) {
    records.writeUInt32LE(events, EVENT_BYTES * i);
    records.writeBigUInt64LE(data, EVENT_BYTES * i + 4);
  }
  call.put(1, records);
  return found.length;
}

export const socketOperations = {
  socketpair: socketPair,
  sendto: (c) => {
    const socket = socketOf(c);
    if (c.pointer(4) !== 0) throw new SyscallError(Errno.EISCONN);
    const data = c.memory.read(c.pointer(1), Math.min(c.size(2), MAX_MOVE));
    const sent = waiting(c, socket, c.int(3), () => socket.write(data));
    c.state.usage.bytesWritten += sent;
    return sent;
  },
  recvfrom: (c) => {
    const socket = socketOf(c);
    const size = Math.min(c.size(2), MAX_MOVE);
    const peek = (c.int(3) & MSG_PEEK) !== 0;
    const data = waiting(c, socket, c.int(3), () => (peek ? socket.peek(size) : socket.read(size)));
    c.put(1, data);
    c.state.usage.bytesRead += data.length;
    return data.length;
  },
  shutdown: (c) => {
    const how = c.int(1);
    if (how < 0 || how > 2) throw new SyscallError(Errno.EINVAL);
    socketOf(c).shutDown(how !== 1, how !== 0);
    return 0;
  },
  getsockname: unnamed,
  getpeername: unnamed,
  getsockopt: getOption,
  setsockopt: (c) => (socketOf(c), 0),
  epoll_create: (c) => {
    if (c.int(0) <= 0) throw new SyscallError(Errno.EINVAL);
    return createEpoll(c, 0);
  },
  epoll_create1: (c) => createEpoll(c, c.int(0)),
  epoll_ctl: controlEpoll,
  epoll_wait: waitEpoll,
  epoll_pwait: waitEpoll,
} satisfies Record<string, Operation>;
