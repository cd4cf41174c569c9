import { describe, expect, it } from 'vitest';
import {
  encodeDirent,
  encodeRlimit,
  encodeRusage,
  encodeStat,
  encodeStatfs,
  encodeStatx,
  encodeTimespec,
  encodeTimeval,
  encodeUtsname,
} from '../src/index.js';

const file = {
  dev: 2,
  ino: 2 ** 40 + 7,
  mode: 0o100644,
  nlink: 3,
  uid: 1000,
  gid: 1001,
  rdev: 259,
  size: 2 ** 33 + 5,
  atimeNs: 1_700_000_000_000_000_001n,
  mtimeNs: 1_700_000_001_000_000_002n,
  ctimeNs: 1_700_000_002_000_000_003n,
};

describe('struct stat', () => {
  it('has the fields where the C compiler puts them', () => {
    const out = encodeStat(file);
    expect(out.length).toBe(144);
    expect(out.readBigUInt64LE(8)).toBe(2n ** 40n + 7n);
    expect(out.readBigUInt64LE(16)).toBe(3n);
    expect([out.readUInt32LE(24), out.readUInt32LE(28), out.readUInt32LE(32)]).toEqual([
      0o100644, 1000, 1001,
    ]);
    expect(out.readBigUInt64LE(40)).toBe(259n);
    expect(out.readBigUInt64LE(48)).toBe(2n ** 33n + 5n);
    expect([out.readBigInt64LE(72), out.readBigInt64LE(80)]).toEqual([1_700_000_000n, 1n]);
    expect([out.readBigInt64LE(88), out.readBigInt64LE(96)]).toEqual([1_700_000_001n, 2n]);
    expect([out.readBigInt64LE(104), out.readBigInt64LE(112)]).toEqual([1_700_000_002n, 3n]);
  });

  it('keeps nanoseconds positive before 1970', () => {
    const out = encodeStat({ ...file, mtimeNs: -1n });
    expect([out.readBigInt64LE(88), out.readBigInt64LE(96)]).toEqual([-1n, 999_999_999n]);
  });
});

describe('struct statx', () => {
  it('has the fields where the C compiler puts them', () => {
    const out = encodeStatx(file);
    expect(out.length).toBe(256);
    expect(out.readUInt32LE(0)).toBe(0x7ff);
    expect([out.readUInt32LE(16), out.readUInt16LE(28)]).toEqual([3, 0o100644]);
    expect([out.readBigUInt64LE(32), out.readBigUInt64LE(40)]).toEqual([2n ** 40n + 7n, 2n ** 33n + 5n]);
    expect([out.readBigInt64LE(64), out.readUInt32LE(72)]).toEqual([1_700_000_000n, 1]);
    expect([out.readBigInt64LE(112), out.readUInt32LE(120)]).toEqual([1_700_000_001n, 2]);
  });
});

describe('struct linux_dirent64', () => {
  it.each(['a', 'abcd', 'abcde', 'x'.repeat(255)])(
    'is padded to eight bytes and ends with NUL: %s',
    (name) => {
      const out = encodeDirent(9, 4, 0o040755, name);
      expect(out.length % 8).toBe(0);
      expect(out.readUInt16LE(16)).toBe(out.length);
      expect(out.readUInt8(18)).toBe(4);
      expect(out.subarray(19, 19 + name.length).toString('latin1')).toBe(name);
      expect(out.readUInt8(19 + name.length)).toBe(0);
    },
  );
});

describe('the smaller structures', () => {
  it('have the sizes of x86-64', () => {
    for (const ns of [-1n, -1_000_000_000n, -1_500_000_001n, 1_764_450_000_123_456_789n, 2n ** 62n]) {
      const timespec = encodeTimespec(ns);
      expect(timespec.readBigInt64LE(0) * 1_000_000_000n + timespec.readBigInt64LE(8)).toBe(ns);
      expect(timespec.readBigInt64LE(8)).toBeGreaterThanOrEqual(0n);
    }
    expect(encodeTimespec(5_000_000_007n)).toEqual(Buffer.from('05000000000000000700000000000000', 'hex'));
    expect(encodeTimeval(5_000_007_000n)).toEqual(Buffer.from('05000000000000000700000000000000', 'hex'));
    expect(encodeUtsname(['a', 'b', 'c', 'd', 'e', 'f']).length).toBe(390);
    expect(encodeStatfs({ blocks: 1, free: 1, files: 1, filesFree: 1 }).length).toBe(120);
    expect(encodeRusage(0n, 1).length).toBe(144);
    expect(encodeRlimit(7, Number.POSITIVE_INFINITY).toString('hex')).toBe(
      '0700000000000000ffffffffffffffff',
    );
  });

  it('cuts a host name that is too long and keeps its NUL', () => {
    expect(encodeUtsname(['Linux', 'n'.repeat(100)])[65 + 64]).toBe(0);
  });
});
