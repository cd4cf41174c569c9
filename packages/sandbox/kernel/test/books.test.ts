import { Errno } from '@sandpiper/abi';
import { expect, test } from 'vitest';
import { libcSurface } from '../src/index.js';
import { FakeGuest, limits } from './fake-guest.js';

/**
 * What the fuzzer of the kernel found (packages/trials/fuzz), and what was found by reading while it was written, as a person would
 * tell it. After each, the books of the kernel must add up.
 */
const O_CREAT_RDWR = 0o102;
const O_PATH = 0o10000000;
const AT_FDCWD = -100;
const AT_SYMLINK_FOLLOW = 0x400;
const EPOLL_CTL_ADD = 1;
const MMAP = 9;

function audited(guest: FakeGuest): FakeGuest {
  expect(guest.kernel.inconsistencies()).toEqual([]);
  return guest;
}

const event = () => Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

test('a folder cannot be moved into itself by a way that was opened before it was moved', () => {
  const guest = new FakeGuest();
  guest.call('mkdir', '/tmp/a', 0o755);
  guest.call('mkdir', '/tmp/b', 0o755);
  const inner = guest.open('/tmp/b', 0o200000);
  expect(guest.call('rename', '/tmp/b', '/tmp/a/b')).toBe(0);
  expect(guest.call('renameat', AT_FDCWD, '/tmp/a', inner, 'a')).toBe(-Errno.EINVAL);
  audited(guest);
});

test('a folder that another takes the place of has no links', () => {
  const guest = new FakeGuest();
  guest.call('mkdir', '/tmp/a', 0o755);
  guest.call('mkdir', '/tmp/b', 0o755);
  const fd = guest.open('/tmp/b', 0o200000);
  expect(guest.call('rename', '/tmp/a', '/tmp/b')).toBe(0);
  const at = guest.memory.room(144);
  guest.call('fstat', fd, at);
  expect(guest.memory.read(at, 144).readBigInt64LE(16)).toBe(0n);
  audited(guest);
});

test('sets that watch each other are refused, and deep ones are looked at in bounded time', () => {
  const guest = new FakeGuest();
  const sets = Array.from({ length: 8 }, () => guest.call('epoll_create1', 0));
  const [first = 0, second = 0] = sets;
  expect(guest.call('epoll_ctl', first, EPOLL_CTL_ADD, second, event())).toBe(0);
  expect(guest.call('epoll_ctl', second, EPOLL_CTL_ADD, first, event())).toBe(-Errno.ELOOP);
  for (let i = 1; i + 1 < sets.length; i++)
    expect(guest.call('epoll_ctl', sets[i] ?? 0, EPOLL_CTL_ADD, sets[i + 1] ?? 0, event())).toBe(0);
  expect(guest.call('epoll_wait', first, guest.memory.room(120), 10, 0)).toBe(0);
  const copies = Array.from({ length: 5 }, () => guest.call('dup', second));
  const results = copies.map((copy) => guest.call('epoll_ctl', first, EPOLL_CTL_ADD, copy, event()));
  expect(results.at(-1)).toBe(-Errno.ENOSPC);
  audited(guest);
});

test('a file that is held by its place alone keeps its bytes, and they are paid for', () => {
  const guest = new FakeGuest();
  guest.write(guest.open('/tmp/a', O_CREAT_RDWR), 'text');
  const place = guest.open('/tmp/a', O_PATH);
  guest.call('close', 3);
  guest.call('unlink', '/tmp/a');
  audited(guest);
  const again = guest.open(`/proc/self/fd/${place}`);
  expect(guest.read(again, 10)).toBe('text');
  guest.call('close', again);
  guest.call('close', place);
  audited(guest);
});

test('a file without a name that is given one is not counted twice', () => {
  const guest = new FakeGuest();
  const fd = guest.call('open', '/tmp', 0o20200002, 0o600);
  for (let i = 0; i < 2 * limits.files; i++) {
    const linked = guest.call(
      'linkat',
      AT_FDCWD,
      `/proc/self/fd/${fd}`,
      AT_FDCWD,
      '/tmp/named',
      AT_SYMLINK_FOLLOW,
    );
    expect(linked).toBe(0);
    expect(guest.call('unlink', '/tmp/named')).toBe(0);
  }
  guest.call('close', fd);
  audited(guest);
});

test('the attributes of a file that is gone are given back', () => {
  const guest = new FakeGuest();
  for (let i = 0; i < 40; i++) {
    guest.call('close', guest.open('/tmp/a', O_CREAT_RDWR));
    expect(guest.call('setxattr', '/tmp/a', 'user.x', Buffer.alloc(40_000), 40_000, 0)).toBe(0);
    guest.call('unlink', '/tmp/a');
    guest.memory = new FakeGuest().memory;
  }
  audited(guest);
});

test('a position of sendfile beyond any file is an error of the call', () => {
  const guest = new FakeGuest();
  guest.write(guest.open('/tmp/a', O_CREAT_RDWR), 'text');
  const position = Buffer.alloc(8);
  position.writeBigInt64LE(2n ** 63n - 1n);
  expect(guest.call('sendfile', 1, 3, position, 10)).toBe(-Errno.EINVAL);
});

test('the hole of a huge file is not walked through when it is mapped, nor when a mapping grows', () => {
  const guest = new FakeGuest();
  const fd = guest.open('/tmp/a', O_CREAT_RDWR);
  guest.write(fd, 'text');
  expect(guest.call('ftruncate', fd, 2 ** 43)).toBe(0);
  // A guest that owns its process says of any native call that it went well.
  guest.memory.nativeResults.set(MMAP, 0x20000);
  guest.memory.nativeResults.set(25, 0x20000);
  expect(guest.call('mmap', 0, 4096, 3, 1, fd, 0)).toBe(0x20000);
  expect(guest.call('mremap', 0x20000, 4096, 2 ** 43, 1, 0)).toBe(0x20000);
  expect(guest.call('mmap', 0, 2 ** 43, 1, 2, fd, 0)).toBe(0x20000);
  audited(guest);
});

test('mappings that are cut in pieces do not become more than there may be', () => {
  const guest = new FakeGuest();
  const fd = guest.open('/tmp/a', O_CREAT_RDWR);
  guest.call('ftruncate', fd, 2 ** 30);
  guest.memory.nativeResults.set(MMAP, 2 ** 32);
  expect(guest.call('mmap', 0, 2 ** 30, 1, 1, fd, 0)).toBe(2 ** 32);
  const results = Array.from({ length: 100 }, (_, i) =>
    guest.call('munmap', 2 ** 32 + (2 * i + 1) * 4096, 4096),
  );
  expect(results.filter((result) => result === 0)).toHaveLength(63);
  expect(results.at(-1)).toBe(-Errno.ENOMEM);
  expect(guest.call('munmap', 2 ** 32 + 1, 4096)).toBe(-Errno.EINVAL);
  audited(guest);
});

test('an end of a pipe that was closed does not come back through its place', () => {
  const guest = new FakeGuest();
  const ends = guest.memory.room(8);
  guest.call('pipe', ends);
  const [reader, writer] = [0, 4].map((at) => guest.memory.read(ends, 8).readInt32LE(at));
  const place = guest.open(`/proc/self/fd/${reader}`, O_PATH);
  guest.call('close', reader ?? 0);
  expect(guest.open(`/proc/self/fd/${place}`)).toBe(-Errno.ENXIO);
  expect(guest.write(writer ?? 0, 'x')).toBe(-Errno.EPIPE);
  audited(guest);
});

test('streams of folders are bounded by what may be open, whatever addresses the guest gives', () => {
  const guest = new FakeGuest({}, '', libcSurface);
  const fd = guest.call('open(pii)i', '/tmp', 0, 0);
  const results = Array.from({ length: 40 }, () => guest.outcome('fdopendir(i)p', fd));
  expect(results.filter(({ kind }) => kind === 'return')).toHaveLength(limits.openFiles);
  audited(guest);
});

test('variables that the run was given count as its own do', () => {
  const guest = audited(new FakeGuest({ env: { HOME: '/box' } }, '', libcSurface));
  expect(guest.call('unsetenv(p)i', 'HOME')).toBe(0);
  audited(guest);
  // One that does not fit leaves the old one as it was.
  guest.call('putenv(p)i', 'A=1');
  for (let i = 0; i < 4; i++) guest.call('putenv(p)i', `B${i}=${'x'.repeat(32_000)}`);
  expect(guest.call('putenv(p)i', `A=${'x'.repeat(32_000)}`)).toBe(-Errno.ENOMEM);
  expect(guest.outcome('getenv(p)p', 'A')).not.toMatchObject({ value: 0 });
  audited(guest);
});
