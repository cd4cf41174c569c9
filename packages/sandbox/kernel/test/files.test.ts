import { Errno, F, MAP, O, PROT, S_IF } from '@sandpiper/abi';
import { describe, expect, it } from 'vitest';
import { FakeGuest } from './fake-guest.js';

const { CREAT, EXCL, RDWR, WRONLY, APPEND, TRUNC } = O;

describe('files of a guest', () => {
  it('are written, read, seeked and truncated', () => {
    const guest = new FakeGuest();
    const fd = guest.open('a', CREAT | RDWR);
    expect(fd).toBe(3);
    expect(guest.write(fd, 'hello world')).toBe(11);
    expect(guest.call('lseek', fd, 6, 0)).toBe(6);
    expect(guest.read(fd, 100)).toBe('world');
    expect(guest.call('ftruncate', fd, 5)).toBe(0);
    expect(guest.size('/box/a')).toBe(5);
    expect(guest.call('lseek', fd, -1, 0)).toBe(-Errno.EINVAL);
    expect(guest.call('lseek', fd, 0, 99)).toBe(-Errno.EINVAL);
  });

  it('append at the end, whatever the offset, with O_APPEND', () => {
    const guest = new FakeGuest();
    guest.write(guest.open('a', CREAT | WRONLY), 'one');
    const fd = guest.open('a', WRONLY | APPEND);
    guest.call('lseek', fd, 0, 0);
    guest.write(fd, 'two');
    expect(guest.read(guest.open('a'), 10)).toBe('onetwo');
  });

  it('are created exclusively once (O_EXCL) and truncated on request (O_TRUNC)', () => {
    const guest = new FakeGuest();
    guest.write(guest.open('a', CREAT | EXCL | WRONLY), 'text');
    expect(guest.open('a', CREAT | EXCL | WRONLY)).toBe(-Errno.EEXIST);
    guest.open('a', WRONLY | TRUNC);
    expect(guest.size('a')).toBe(0);
  });

  it('stay readable after unlink, until closed', () => {
    const guest = new FakeGuest();
    const fd = guest.open('a', CREAT | RDWR);
    guest.write(fd, 'kept');
    expect(guest.call('unlink', 'a')).toBe(0);
    expect(guest.open('a')).toBe(-Errno.ENOENT);
    guest.call('lseek', fd, 0, 0);
    expect(guest.read(fd, 10)).toBe('kept');
  });

  it('share the offset after dup, but not after a second open', () => {
    const guest = new FakeGuest();
    const fd = guest.open('a', CREAT | RDWR);
    const twin = guest.call('dup', fd);
    guest.write(fd, 'abc');
    expect(guest.call('lseek', twin, 0, 1)).toBe(3);
    expect(guest.call('lseek', guest.open('a'), 0, 1)).toBe(0);
  });

  it('follow the rules of rename(2)', () => {
    const guest = new FakeGuest();
    guest.call('mkdir', 'd', 0o755);
    guest.call('mkdir', 'd/e', 0o755);
    guest.write(guest.open('a', CREAT | WRONLY), 'a');
    expect(guest.call('rename', 'd', 'd/e/f')).toBe(-Errno.EINVAL);
    expect(guest.call('rename', 'a', 'd')).toBe(-Errno.EISDIR);
    expect(guest.call('rename', 'd', 'a')).toBe(-Errno.ENOTDIR);
    expect(guest.call('rename', 'd/e', 'd')).toBe(-Errno.ENOTEMPTY);
    expect(guest.call('rename', 'a', 'd/b')).toBe(0);
    expect(guest.read(guest.open('d/b'), 9)).toBe('a');
    expect(guest.call('rmdir', 'd')).toBe(-Errno.ENOTEMPTY);
  });

  it('cannot be created where the guest may not write', () => {
    const guest = new FakeGuest();
    expect(guest.open('/new', CREAT | WRONLY)).toBe(-Errno.EROFS);
    expect(guest.call('unlink', '/etc/passwd')).toBe(-Errno.EROFS);
    expect(guest.call('mkdir', '/etc/x', 0o755)).toBe(-Errno.EROFS);
  });

  it('are all listed by getdents64, in pieces of any size', () => {
    const guest = new FakeGuest();
    const names = ['one', 'two', 'three', 'a-rather-longer-name'];
    for (const name of names) guest.call('close', guest.open(name, CREAT | WRONLY));
    const fd = guest.open('.');
    const at = guest.memory.room(64);
    const seen: string[] = [];
    for (let n = guest.call('getdents64', fd, at, 64); n > 0; n = guest.call('getdents64', fd, at, 64)) {
      const data = guest.memory.read(at, n);
      for (let i = 0; i < n; i += data.readUInt16LE(i + 16)) {
        seen.push(data.toString('latin1', i + 19, data.indexOf(0, i + 19)));
      }
    }
    expect(seen.sort()).toEqual(['.', '..', ...names].sort());
    expect(guest.call('getdents64', guest.open('.'), at, 8)).toBe(-Errno.EINVAL);
  });
});

it('a folder can be watched for no event, which ends a watch', () => {
  const guest = new FakeGuest();
  const [folder, file] = [guest.open('/tmp'), guest.open('/tmp/a', O.CREAT | O.RDWR)];
  const [NOTIFY, DN_MODIFY] = [1026, 2];
  expect(guest.call('fcntl', folder, NOTIFY, 0x80000000)).toBe(0);
  expect(guest.call('fcntl', folder, NOTIFY, DN_MODIFY)).toBe(-Errno.EINVAL);
  expect(guest.call('fcntl', file, NOTIFY, 0)).toBe(-Errno.ENOTDIR);
});

describe('mmap of a file', () => {
  it('is an anonymous mapping, filled and then protected', () => {
    const guest = new FakeGuest();
    const fd = guest.open('a', CREAT | RDWR);
    guest.write(fd, 'mapped');
    const at = guest.call('mmap', 0, 4096, PROT.READ, MAP.PRIVATE, fd, 0);
    expect(guest.memory.read(at, 6).toString()).toBe('mapped');
    expect(guest.memory.nativeCalls.map(([number]) => number)).toEqual([9, 10]);
    expect(guest.memory.nativeCalls[1]?.slice(1)).toEqual([at, 4096, PROT.READ]);
  });

  it('is refused as writable for a read-only file, and for anything but a file', () => {
    const guest = new FakeGuest();
    guest.open('a', CREAT | RDWR);
    const fd = guest.open('a');
    expect(guest.call('mmap', 0, 4096, PROT.READ | PROT.WRITE, MAP.SHARED, fd, 0)).toBe(-Errno.EACCES);
    expect(guest.call('mmap', 0, 4096, PROT.READ, MAP.PRIVATE, 1, 0)).toBe(-Errno.ENODEV);
    expect(guest.call('mmap', 0, 4096, PROT.READ, MAP.PRIVATE, fd, 1)).toBe(-Errno.EINVAL);
    expect(guest.call('mmap', 0, 0, PROT.READ, MAP.PRIVATE, fd, 0)).toBe(-Errno.EINVAL);
    expect(guest.call('mmap', 0, 4096, PROT.READ, MAP.PRIVATE, 77, 0)).toBe(-Errno.EBADF);
  });
});

describe('pipes and devices', () => {
  it('carry bytes from one end to the other and end with the writer', () => {
    const guest = new FakeGuest();
    const at = guest.memory.room(8);
    expect(guest.call('pipe2', at, 0)).toBe(0);
    const ends = guest.memory.read(at, 8);
    const [reader, writer] = [ends.readInt32LE(0), ends.readInt32LE(4)];
    guest.write(writer, 'through');
    expect(guest.read(reader, 100)).toBe('through');
    guest.call('close', writer);
    expect(guest.read(reader, 100)).toBe('');
  });

  it('hold what fcntl says, in powers of two from a page to a mebibyte', () => {
    const guest = new FakeGuest();
    const at = guest.memory.room(8);
    guest.call('pipe2', at, 0x800); // O_NONBLOCK
    const ends = guest.memory.read(at, 8);
    const [reader, writer] = [ends.readInt32LE(0), ends.readInt32LE(4)];
    const holds = () => guest.call('fcntl', reader, F.GETPIPE_SZ, 0);
    const hold = (bytes: number) => guest.call('fcntl', writer, F.SETPIPE_SZ, bytes);
    expect([holds(), hold(5000), holds(), hold(1), holds()]).toEqual([65536, 8192, 8192, 4096, 4096]);
    expect(guest.call('write', writer, Buffer.alloc(10_000), 10_000)).toBe(4096);
    expect([hold(2 ** 20), holds()]).toEqual([2 ** 20, 2 ** 20]);
    expect(guest.call('write', writer, Buffer.alloc(2 ** 20), 2 ** 20)).toBe(2 ** 20 - 4096);
    expect([hold(2 ** 20 + 1), hold(2 ** 19), hold(-1)]).toEqual([-Errno.EPERM, -Errno.EBUSY, -Errno.EINVAL]);
    expect(guest.call('fcntl', 1, F.GETPIPE_SZ, 0)).toBe(-Errno.EBADF);
  });

  it('report to poll what is ready and what is not open', () => {
    const guest = new FakeGuest();
    const entries = Buffer.alloc(24);
    entries.writeInt32LE(1, 0);
    entries.writeInt16LE(4, 4);
    entries.writeInt32LE(55, 8);
    entries.writeInt32LE(-1, 16);
    const at = guest.memory.room(24);
    guest.memory.write(at, entries);
    expect(guest.call('poll', at, 3, 0)).toBe(2);
    const out = guest.memory.read(at, 24);
    expect([out.readInt16LE(6), out.readInt16LE(14), out.readInt16LE(22)]).toEqual([4, 32, 0]);
  });

  it('include null, zero, full and random', () => {
    const guest = new FakeGuest();
    expect(guest.read(guest.open('/dev/null', RDWR), 5)).toBe('');
    expect(guest.read(guest.open('/dev/zero'), 3)).toBe('\0\0\0');
    expect(guest.read(guest.open('/dev/urandom'), 9)).toHaveLength(9);
    expect(guest.write(guest.open('/dev/full', WRONLY), 'x')).toBe(-Errno.ENOSPC);
  });

  it('the standard streams look like pipes', () => {
    const guest = new FakeGuest();
    const at = guest.memory.room(144);
    guest.call('fstat', 1, at);
    expect(guest.memory.read(at, 144).readUInt32LE(24) & S_IF.MT).toBe(S_IF.IFO);
    expect(guest.call('ioctl', 1, 0x5401, at)).toBe(-Errno.ENOTTY);
  });

  it('wait or not as FIONBIO says', () => {
    const guest = new FakeGuest();
    const at = guest.memory.room(8);
    guest.call('pipe2', at, 0);
    const reader = guest.memory.read(at, 8).readInt32LE(0);
    const flags = () => guest.call('fcntl', reader, 3, 0);
    const before = flags();
    guest.memory.write(at, Buffer.from([1, 0, 0, 0]));
    expect(guest.call('ioctl', reader, 0x5421, at)).toBe(0);
    expect(flags()).toBe(before | O.NONBLOCK);
    expect(guest.read(reader, 1)).toBe(`errno ${Errno.EAGAIN}`);
    guest.memory.write(at, Buffer.alloc(4));
    expect(guest.call('ioctl', reader, 0x5421, at)).toBe(0);
    expect(flags()).toBe(before);
    expect(guest.call('ioctl', reader, 0x5421, 0)).toBe(-Errno.EFAULT);
  });
});

it('the clock of a thread or a process by its number is the CPU time of the guest', () => {
  const guest = new FakeGuest();
  const at = guest.memory.room(16);
  // clock_getcpuclockid(3): the number, inverted, above three bits for its kind
  const clockOf = (id: number, kind: number) => (~id << 3) | kind;
  for (const clock of [clockOf(0, 2), clockOf(1234, 6)]) {
    expect(guest.call('clock_gettime', clock, at)).toBe(0);
    expect(guest.memory.read(at, 16).readBigInt64LE(0)).toBeLessThan(1_000_000n);
  }
  expect(guest.call('clock_gettime', clockOf(3, 3), at)).toBe(-Errno.EINVAL);
});

it('its one CPU can be asked for and chosen', () => {
  const guest = new FakeGuest();
  const at = guest.memory.room(8);
  const choose = (pid: number, mask: number) =>
    guest.call('sched_setaffinity', pid, 8, Buffer.from([mask, 0, 0, 0, 0, 0, 0, 0]));
  expect(guest.call('sched_getaffinity', 0, 8, at)).toBe(8);
  expect(guest.memory.read(at, 8)).toEqual(Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]));
  expect([choose(0, 3), choose(0, 2), choose(-1, 1)]).toEqual([0, -Errno.EINVAL, -Errno.ESRCH]);
  expect(guest.call('sched_getaffinity', -1, 8, at)).toBe(-Errno.ESRCH);
  for (const size of [0, -1, -(2 ** 40)])
    expect(guest.call('sched_setaffinity', 0, size, at)).toBe(-Errno.EINVAL);
  expect(guest.call('sched_setaffinity', 0, 2 ** 40, at)).toBe(0);
});

it('preadv2 and pwritev2 read and write at a position or at that of the file', () => {
  const guest = new FakeGuest();
  const fd = guest.open('/box/file', O.RDWR | O.CREAT);
  guest.write(fd, '0123456789');
  const data = guest.memory.room(4);
  const vector = Buffer.alloc(16);
  vector.writeBigUInt64LE(BigInt(data), 0);
  vector.writeBigUInt64LE(4n, 8);
  const move = (call: string, position: number, flags: number) =>
    guest.call(call, fd, vector, 1, position, 0, flags);
  const seen = () => guest.memory.read(data, 4).toString();
  expect([move('preadv2', 2, 1), seen()]).toEqual([4, '2345']); // RWF_HIPRI
  guest.call('lseek', fd, 5, 0);
  expect([move('preadv2', -1, 0), seen()]).toEqual([4, '5678']);
  expect([move('preadv2', -1, 0), seen()]).toEqual([1, '9678']);
  expect([move('pwritev2', 0, 4), move('pwritev2', 0, 8)]).toEqual([4, -Errno.ENOTSUP]); // RWF_SYNC, RWF_NOWAIT
  guest.call('lseek', fd, 0, 0);
  expect(guest.read(fd, 100)).toBe('9678456789');
});
