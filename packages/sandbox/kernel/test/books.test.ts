import { Errno } from '@sandpiper/abi';
import { expect, test } from 'vitest';
import { libcSurface } from '../src/index.js';
import { FakeGuest, limits } from './fake-guest.js';

/**
 * Findings of the kernel's fuzzer (packages/trials/fuzz), and of review while it was written, as readable
 * steps. After each, the books of the kernel must balance.
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

test('a folder cannot be moved into itself through a descriptor opened before an earlier move', () => {
  const guest = new FakeGuest();
  guest.call('mkdir', '/tmp/a', 0o755);
  guest.call('mkdir', '/tmp/b', 0o755);
  const inner = guest.open('/tmp/b', 0o200000);
  expect(guest.call('rename', '/tmp/b', '/tmp/a/b')).toBe(0);
  expect(guest.call('renameat', AT_FDCWD, '/tmp/a', inner, 'a')).toBe(-Errno.EINVAL);
  audited(guest);
});

test('a folder replaced by a rename has no links', () => {
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

test('sets that watch each other are refused, and deeply nested ones are searched in bounded time', () => {
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

test('a file referenced only through O_PATH keeps its bytes, which stay charged', () => {
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

test('an unnamed file that is linked is not counted twice', () => {
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

test('the attributes of a deleted file are no longer charged', () => {
  const guest = new FakeGuest();
  for (let i = 0; i < 40; i++) {
    guest.call('close', guest.open('/tmp/a', O_CREAT_RDWR));
    expect(guest.call('setxattr', '/tmp/a', 'user.x', Buffer.alloc(40_000), 40_000, 0)).toBe(0);
    guest.call('unlink', '/tmp/a');
    guest.memory = new FakeGuest().memory;
  }
  audited(guest);
});

test('sendfile refuses a position beyond any file', () => {
  const guest = new FakeGuest();
  guest.write(guest.open('/tmp/a', O_CREAT_RDWR), 'text');
  const position = Buffer.alloc(8);
  position.writeBigInt64LE(2n ** 63n - 1n);
  expect(guest.call('sendfile', 1, 3, position, 10)).toBe(-Errno.EINVAL);
});

test('mapping a huge sparse file, or growing the mapping, does not iterate over its hole', () => {
  const guest = new FakeGuest();
  const fd = guest.open('/tmp/a', O_CREAT_RDWR);
  guest.write(fd, 'text');
  expect(guest.call('ftruncate', fd, 2 ** 43)).toBe(0);
  // A guest that controls its process can answer any native call with success.
  guest.memory.nativeResults.set(MMAP, 0x20000);
  guest.memory.nativeResults.set(25, 0x20000);
  expect(guest.call('mmap', 0, 4096, 3, 1, fd, 0)).toBe(0x20000);
  expect(guest.call('mremap', 0x20000, 4096, 2 ** 43, 1, 0)).toBe(0x20000);
  expect(guest.call('mmap', 0, 2 ** 43, 1, 2, fd, 0)).toBe(0x20000);
  audited(guest);
});

test('splitting mappings cannot exceed their maximum number', () => {
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

test('a closed end of a pipe cannot be reopened through O_PATH', () => {
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

test('directory streams are bounded by the open files, whatever addresses the guest passes', () => {
  const guest = new FakeGuest({}, '', libcSurface);
  const fd = guest.call('open(pii)i', '/tmp', 0, 0);
  const results = Array.from({ length: 40 }, () => guest.outcome('fdopendir(i)p', fd));
  expect(results.filter(({ kind }) => kind === 'return')).toHaveLength(limits.openFiles);
  audited(guest);
});

test('the environment of the run counts like variables that the guest sets', () => {
  const guest = audited(new FakeGuest({ env: { HOME: '/box' } }, '', libcSurface));
  expect(guest.call('unsetenv(p)i', 'HOME')).toBe(0);
  audited(guest);
  // A value that does not fit leaves the old one in place.
  guest.call('putenv(p)i', 'A=1');
  for (let i = 0; i < 4; i++) guest.call('putenv(p)i', `B${i}=${'x'.repeat(32_000)}`);
  expect(guest.call('putenv(p)i', `A=${'x'.repeat(32_000)}`)).toBe(-Errno.ENOMEM);
  expect(guest.outcome('getenv(p)p', 'A')).not.toMatchObject({ value: 0 });
  audited(guest);
});
