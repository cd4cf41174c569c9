import { Errno, O } from '@sandpiper/abi';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../src/index.js';
import { FakeGuest } from './fake-guest.js';

const CTL = { add: 1, remove: 2, modify: 3 };
const [EPOLLIN, EPOLLHUP, ONESHOT] = [1, 16, 1 << 30];

function pair(guest: FakeGuest, name: 'pipe2' | 'socketpair' = 'socketpair'): [number, number] {
  const at = guest.memory.room(8);
  const made = name === 'pipe2' ? guest.call('pipe2', at, 0) : guest.call('socketpair', 1, 1, 0, at);
  expect(made).toBe(0);
  const ends = guest.memory.read(at, 8);
  return [ends.readInt32LE(0), ends.readInt32LE(4)];
}

function event(events: number, data: bigint): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32LE(events >>> 0, 0);
  bytes.writeBigUInt64LE(data, 4);
  return bytes;
}

function wait(guest: FakeGuest, epoll: number): { count: number; events: number; data: bigint } {
  const at = guest.memory.room(48);
  const count = guest.call('epoll_wait', epoll, at, 4, 0);
  const bytes = guest.memory.read(at, 12);
  return { count, events: bytes.readUInt32LE(0), data: bytes.readBigUInt64LE(4) };
}

describe('a socket pair', () => {
  it('carries bytes both ways, and ends when one is closed', () => {
    const guest = new FakeGuest();
    const [a, b] = pair(guest);
    expect(guest.call('sendto', a, Buffer.from('ping'), 4, 0, 0, 0)).toBe(4);
    expect(guest.read(b, 10)).toBe('ping');
    guest.write(b, 'pong');
    expect(guest.read(a, 10)).toBe('pong');
    guest.call('close', a);
    expect(guest.read(b, 10)).toBe('');
    expect(guest.write(b, 'x')).toBe(-Errno.EPIPE);
  });

  it('of another family or type is refused, as it would lead out', () => {
    const guest = new FakeGuest();
    const at = guest.memory.room(8);
    expect(guest.call('socketpair', 2, 1, 0, at)).toBe(-Errno.EPERM);
    expect(guest.call('socketpair', 1, 2, 0, at)).toBe(-Errno.EPERM);
    expect(guest.call('socket', 1, 1, 0)).toBe(-Errno.EPERM);
  });

  it('reports ENOTSOCK for what is no socket', () => {
    const guest = new FakeGuest();
    expect(guest.call('shutdown', 0, 2)).toBe(-Errno.ENOTSOCK);
    expect(guest.call('recvfrom', 99, 0, 0, 0, 0, 0)).toBe(-Errno.EBADF);
  });
});

describe('epoll', () => {
  it('reports what is ready, with its data', () => {
    const guest = new FakeGuest();
    const [reader, writer] = pair(guest, 'pipe2');
    const epoll = guest.call('epoll_create1', 0);
    expect(guest.call('epoll_ctl', epoll, CTL.add, reader, event(EPOLLIN, 77n))).toBe(0);
    expect(wait(guest, epoll).count).toBe(0);
    guest.write(writer, 'x');
    expect(wait(guest, epoll)).toEqual({ count: 1, events: EPOLLIN, data: 77n });
    guest.call('close', writer);
    guest.read(reader, 10);
    expect(wait(guest, epoll)).toEqual({ count: 1, events: EPOLLHUP, data: 77n });
  });

  it('reports a one-shot once until it is armed again', () => {
    const guest = new FakeGuest();
    const [reader, writer] = pair(guest, 'pipe2');
    const epoll = guest.call('epoll_create1', 0);
    guest.call('epoll_ctl', epoll, CTL.add, reader, event(EPOLLIN | ONESHOT, 1n));
    guest.write(writer, 'x');
    expect([wait(guest, epoll).count, wait(guest, epoll).count]).toEqual([1, 0]);
    guest.call('epoll_ctl', epoll, CTL.modify, reader, event(EPOLLIN, 1n));
    expect(wait(guest, epoll).count).toBe(1);
  });

  it('forgets closed descriptors', () => {
    const guest = new FakeGuest();
    const [reader, writer] = pair(guest, 'pipe2');
    const epoll = guest.call('epoll_create1', 0);
    guest.call('epoll_ctl', epoll, CTL.add, reader, event(EPOLLIN, 1n));
    guest.write(writer, 'x');
    guest.call('close', reader);
    expect(wait(guest, epoll).count).toBe(0);
    expect(guest.call('epoll_ctl', epoll, CTL.remove, reader, 0)).toBe(-Errno.EBADF);
  });

  it('refuses files, itself, and descriptors that are already watched', () => {
    const guest = new FakeGuest();
    const epoll = guest.call('epoll_create1', 0);
    const add = (fd: number) => guest.call('epoll_ctl', epoll, CTL.add, fd, event(EPOLLIN, 0n));
    expect(add(guest.open('a', O.CREAT | O.RDWR))).toBe(-Errno.EPERM);
    expect(add(epoll)).toBe(-Errno.EINVAL);
    expect([add(0), add(0)]).toEqual([0, -Errno.EEXIST]);
    expect(guest.call('epoll_ctl', 0, CTL.add, 1, event(1, 0n))).toBe(-Errno.EINVAL);
  });
});

describe('a wait for a pipe that only the guest itself could end', () => {
  it('is refused with EAGAIN', () => {
    const guest = new FakeGuest();
    const [reader] = pair(guest, 'pipe2');
    expect(guest.call('read', reader, guest.memory.room(8), 8)).toBe(-Errno.EAGAIN);
  });

  it('lasts until the signal when a timer runs', () => {
    let asked = 0;
    const guest = new FakeGuest({
      clock: new VirtualClock(0n),
      shouldStop: () => ++asked > 1,
      setTimer: () => {},
    });
    const [reader] = pair(guest, 'pipe2');
    guest.call('alarm', 1);
    expect(guest.call('read', reader, guest.memory.room(8), 8)).toBe(-Errno.EINTR);
    expect(asked).toBe(2);
  });
});
