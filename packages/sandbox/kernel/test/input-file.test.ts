import { AT, Errno, MAP, O, PROT, S_IF } from '@sandpiper/abi';
import { describe, expect, it } from 'vitest';
import { type InputFile, libcSurface } from '../src/index.js';
import { FakeGuest, limits } from './fake-guest.js';

const MIB = 1024 * 1024;

/** Input of a run, and how much of it was read at once. */
class Given implements InputFile {
  longest = 0;

  constructor(
    private readonly data: Buffer,
    readonly begin = 0,
  ) {}

  get size(): number {
    return this.data.length;
  }

  readAt(offset: number, length: number): Buffer {
    this.longest = Math.max(this.longest, length);
    return this.data.subarray(offset, offset + length);
  }
}

const guestWith = (text: string, begin = 0): FakeGuest =>
  new FakeGuest({ stdin: new Given(Buffer.from(text), begin) });

function statOf(guest: FakeGuest, fd: number): { type: number; permissions: number; size: number } {
  const at = guest.memory.room(144);
  expect(guest.call('fstat', fd, at)).toBe(0);
  const fields = guest.memory.read(at, 144);
  const mode = fields.readUInt32LE(24);
  return { type: mode & S_IF.MT, permissions: mode & 0o777, size: Number(fields.readBigInt64LE(48)) };
}

function linkOf(guest: FakeGuest, path: string): string {
  const at = guest.memory.room(100);
  const size = guest.call('readlink', path, at, 100);
  return guest.memory.read(at, size).toString();
}

describe('standard input whose bytes are known', () => {
  it('is a regular file with its size', () => {
    expect(statOf(guestWith('1 2 3\n'), 0)).toEqual({ type: S_IF.REG, permissions: 0o444, size: 6 });
    expect(statOf(guestWith(''), 0)).toMatchObject({ type: S_IF.REG, size: 0 });
  });

  it('is read, sought and read at a position', () => {
    const guest = guestWith('one\ntwo\n');
    expect(guest.read(0, 4)).toBe('one\n');
    expect(guest.call('lseek', 0, 0, 1)).toBe(4);
    const at = guest.memory.room(3);
    expect(guest.call('pread64', 0, at, 3, 0)).toBe(3);
    expect(guest.memory.read(at, 3).toString()).toBe('one');
    expect(guest.read(0, 100)).toBe('two\n');
    expect(guest.read(0, 100)).toBe('');
    expect(guest.call('lseek', 0, -4, 2)).toBe(4);
    expect(guest.read(0, 100)).toBe('two\n');
    expect(guest.call('lseek', 0, -9, 2)).toBe(-Errno.EINVAL);
  });

  it('is mapped, and stays mapped when it is closed', () => {
    const guest = guestWith('mapped');
    for (const kind of [MAP.PRIVATE, MAP.SHARED]) {
      const at = guest.call('mmap', 0, 4096, PROT.READ, kind, 0, 0);
      expect(guest.memory.read(at, 7).toString()).toBe('mapped\0');
    }
    expect(guest.call('mmap', 0, 4096, PROT.READ | PROT.WRITE, MAP.SHARED, 0, 0)).toBe(-Errno.EACCES);
    expect(guest.call('close', 0)).toBe(0);
    expect(guest.kernel.inconsistencies()).toEqual([]);
  });

  it('shares its position with copies of the descriptor, and not with those that open it again', () => {
    const guest = guestWith('0123456789');
    const copy = guest.call('dup', 0);
    guest.call('dup2', 0, 7);
    expect([guest.read(0, 2), guest.read(copy, 2), guest.read(7, 2)]).toEqual(['01', '23', '45']);
    const again = guest.open('/dev/stdin');
    expect(guest.read(again, 3)).toBe('012');
    expect(guest.read(guest.open('/proc/self/fd/0'), 3)).toBe('012');
    expect(guest.read(0, 10)).toBe('6789');
    guest.call('close', 0);
    expect(guest.open('/dev/stdin')).toBe(-Errno.ENOENT);
    expect(guest.read(guest.open(`/proc/self/fd/${copy}`), 3)).toBe('012');
    expect(guest.kernel.inconsistencies()).toEqual([]);
  });

  it('is a file for a translated guest too', () => {
    const guest = new FakeGuest({ stdin: new Given(Buffer.from('1 2 3\n')) }, '', libcSurface);
    const at = guest.memory.room(144);
    expect(guest.call('fstat64(ip)i', 0, at)).toBe(0);
    const size = Number(guest.memory.read(at, 144).readBigInt64LE(48));
    expect(guest.call('read(ipi)i', 0, at, size)).toBe(6);
    expect(guest.call('lseek(iii)i', 0, 2, 0)).toBe(2);
    expect(guest.call('read(ipi)i', 0, at, 1)).toBe(1);
    expect(guest.memory.read(at, 1).toString()).toBe('2');
  });

  it('has a path that can be opened', () => {
    const guest = guestWith('by name');
    const path = linkOf(guest, '/proc/self/fd/0');
    expect(path).toMatch(/^\//);
    expect(guest.read(guest.open(path), 100)).toBe('by name');
    expect(guest.size('/dev/stdin')).toBe(7);
  });

  it('cannot be written, cut, renamed, linked or removed', () => {
    const guest = guestWith('kept');
    const path = linkOf(guest, '/proc/self/fd/0');
    expect(guest.write(0, 'x')).toBe(-Errno.EBADF);
    expect(guest.call('ftruncate', 0, 0)).toBe(-Errno.EINVAL);
    expect(guest.open('/dev/stdin', O.WRONLY)).toBe(-Errno.EROFS);
    expect(guest.open('/dev/stdin', O.RDWR | O.TRUNC)).toBe(-Errno.EROFS);
    expect(guest.call('truncate', path, 0)).toBe(-Errno.EROFS);
    expect(guest.call('fchmod', 0, 0o666)).toBeLessThan(0);
    expect(guest.call('unlink', path)).toBeLessThan(0);
    expect(guest.call('rename', path, '/box/mine')).toBeLessThan(0);
    expect(guest.call('linkat', AT.FDCWD, '/dev/stdin', AT.FDCWD, '/box/mine', AT.SYMLINK_FOLLOW)).toBe(
      -Errno.EXDEV,
    );
    expect(guest.read(0, 100)).toBe('kept');
    expect(guest.kernel.inconsistencies()).toEqual([]);
  });

  it('begins where its reader had come to', () => {
    const guest = guestWith('read\nleft\n', 5);
    expect(guest.read(0, 100)).toBe('left\n');
    expect(guest.read(guest.open('/dev/stdin'), 100)).toBe('read\nleft\n');
  });

  it('is not charged to the disk, however often it is opened', () => {
    const guest = new FakeGuest({
      limits: { ...limits, diskBytes: 4096 },
      stdin: new Given(Buffer.alloc(MIB)),
    });
    for (let i = 0; i < 10; i++) expect(guest.open('/dev/stdin')).toBeGreaterThan(0);
    expect(guest.write(guest.open('own', O.CREAT | O.WRONLY), 'x')).toBe(1);
  });
});

describe('one read of a file', () => {
  it('gives all that is asked for, in pieces', () => {
    const given = new Given(Buffer.alloc(2.5 * MIB, 'abc'));
    const guest = new FakeGuest({ stdin: given });
    const at = guest.memory.room(3 * MIB);
    expect(guest.call('read', 0, at, 3 * MIB)).toBe(2.5 * MIB);
    expect(guest.memory.read(at, 2.5 * MIB).equals(Buffer.alloc(2.5 * MIB, 'abc'))).toBe(true);
    expect(given.longest).toBe(MIB);
    expect(guest.call('pread64', 0, at, 2 * MIB, MIB)).toBe(1.5 * MIB);
    expect(guest.kernel.usage.bytesRead).toBe(4 * MIB);
  });

  it('ends midway when the run is over', () => {
    let looks = 0;
    const guest = new FakeGuest({
      look: () => {
        if (++looks === 3) throw new Error('over');
      },
    });
    const fd = guest.open('sparse', O.CREAT | O.RDWR);
    guest.call('ftruncate', fd, 2 ** 40);
    guest.memory.write = () => undefined;
    expect(() => guest.call('read', fd, 4096, 2 ** 40)).toThrow('over');
  });

  it('is at most as long as on Linux', () => {
    const guest = new FakeGuest();
    const fd = guest.open('sparse', O.CREAT | O.RDWR);
    guest.call('ftruncate', fd, 2 ** 40);
    guest.memory.write = () => undefined;
    expect(guest.call('read', fd, 4096, 2 ** 40)).toBe(0x7ffff000);
  });
});

describe('/dev/null as standard input', () => {
  it('is the device', () => {
    const guest = new FakeGuest({ stdin: 'null' });
    expect(statOf(guest, 0)).toMatchObject({ type: S_IF.CHR, size: 0 });
    expect(guest.read(0, 10)).toBe('');
    expect(guest.call('lseek', 0, 5, 2)).toBe(0);
    expect(guest.call('lseek', 0, 5, 9)).toBe(-Errno.EINVAL);
    expect(linkOf(guest, '/proc/self/fd/0')).toBe('/dev/null');
    expect(guest.read(guest.open('/dev/stdin'), 10)).toBe('');
    expect(guest.call('mmap', 0, 4096, PROT.READ, MAP.PRIVATE, 0, 0)).toBe(-Errno.ENODEV);
  });
});
