import { Errno, MAP, O, PROT } from '@sandpiper/abi';
import { describe, expect, it } from 'vitest';
import { FakeGuest, FakeMemory, limits } from './fake-guest.js';

/** The work of one call is bounded, whatever the guest has prepared: counted here, not timed. */

const MIB = 1024 * 1024;

/**
 * Counts transferred bytes, and claims more room than it holds: addresses beyond are accepted and dropped.
 */
class CountingMemory extends FakeMemory {
  moved = 0;

  override read(address: number, size: number): Buffer {
    this.moved += size;
    return super.read(address, size);
  }

  override write(address: number, data: Uint8Array): void {
    this.moved += data.length;
    super.write(address, data);
  }
}

function names(guest: FakeGuest, fd: number, size = 64, each: (name: string) => void = () => {}): string[] {
  const at = guest.memory.room(size);
  const seen: string[] = [];
  for (let n = guest.call('getdents64', fd, at, size); n > 0; n = guest.call('getdents64', fd, at, size)) {
    const data = guest.memory.read(at, n);
    for (let i = 0; i < n; i += data.readUInt16LE(i + 16)) {
      const name = data.toString('latin1', i + 19, data.indexOf(0, i + 19));
      seen.push(name);
      each(name);
    }
  }
  return seen;
}

function folderOf(count: number): FakeGuest {
  const guest = new FakeGuest({ limits: { ...limits, files: 1000 } });
  guest.call('mkdir', 'd', 0o755);
  for (let i = 0; i < count; i++) guest.call('close', guest.open(`d/${i}`, O.CREAT | O.WRONLY));
  return guest;
}

describe('listing a folder without copying it', () => {
  it('yields each lasting name once while others come and go', () => {
    const guest = folderOf(50);
    const fd = guest.open('d');
    const seen = names(guest, fd, 64, (name) => {
      if (name.startsWith('.')) return;
      if (Number(name) % 2 === 0) guest.call('rename', `d/${name}`, `d/${name}-renamed`);
      if (Number(name) % 10 === 1) guest.call('unlink', `d/${Number(name) + 2}`);
    });
    const gone = (name: string) => Number(name) % 10 === 3;
    const stay = Array.from({ length: 50 }, (_, i) => String(i)).filter((name) => !gone(name));
    // A piece of the listing may have been read before a name in it was removed.
    expect(seen.filter((name) => !gone(name))).toEqual(['.', '..', ...stay]);
  });

  it('continues from a reported position, and restarts', () => {
    const guest = folderOf(20);
    const fd = guest.open('d');
    const at = guest.memory.room(64);
    const n = guest.call('getdents64', fd, at, 64);
    // d_off of the last entry of this piece (getdents(2))
    const first = guest.memory.read(at, n);
    let last = 0;
    for (let i = 0; i < n; i += first.readUInt16LE(i + 16)) last = i;
    const told = Number(first.readBigInt64LE(last + 8));
    const rest = names(guest, fd);
    expect(guest.call('lseek', fd, told, 0)).toBe(told);
    expect(names(guest, fd)).toEqual(rest);
    guest.call('lseek', fd, 0, 0);
    expect(names(guest, fd)).toHaveLength(22);
    guest.call('lseek', fd, 10_000, 0);
    expect(names(guest, fd)).toEqual([]);
  });

  it('ends although names are created while it is read', () => {
    const guest = folderOf(3);
    let made = 0;
    const seen = names(guest, guest.open('d'), 64, () =>
      guest.call('close', guest.open(`d/new${made++}`, O.CREAT | O.WRONLY)),
    );
    expect(seen).toEqual(['.', '..', '0', '1', '2']);
  });
});

describe('one call moves at most a mebibyte', () => {
  it('with a thousand vectors', () => {
    const guest = new FakeGuest({ limits: { ...limits, diskBytes: 8 * MIB } });
    const memory = new CountingMemory();
    guest.memory = memory;
    const fd = guest.open('/dev/null', O.WRONLY);
    const data = memory.room(MIB);
    const vectors = Buffer.alloc(16 * 1024);
    for (let i = 0; i < 1024; i++) {
      vectors.writeBigUInt64LE(BigInt(data), 16 * i);
      vectors.writeBigUInt64LE(BigInt(MIB / 2), 16 * i + 8);
    }
    expect(guest.call('writev', fd, vectors, 1024)).toBe(MIB);
    expect(memory.moved).toBeLessThan(2 * MIB);
    expect(guest.call('readv', guest.open('/dev/zero'), vectors, 1024)).toBe(MIB);
    expect(memory.moved).toBeLessThan(4 * MIB);
  });

  it('and nothing for a mapping of a hole', () => {
    const guest = new FakeGuest();
    const memory = new CountingMemory();
    guest.memory = memory;
    const fd = guest.open('sparse', O.CREAT | O.RDWR);
    guest.call('ftruncate', fd, 2 ** 40);
    guest.call('pwrite64', fd, Buffer.from('x'), 1, 2 * MIB);
    memory.moved = 0;
    const at = guest.call('mmap', 0, 3 * MIB, PROT.READ | PROT.WRITE, MAP.PRIVATE, fd, 0);
    expect(memory.read(at + 2 * MIB, 1).toString()).toBe('x');
    expect(memory.moved).toBeLessThan(2 * MIB);
    // Beyond what any guest's file could hold: the native call succeeds, and there is nothing to fill in.
    memory.nativeResults.set(9, 2 ** 32);
    memory.moved = 0;
    guest.call('ftruncate', fd, 1);
    guest.call('ftruncate', fd, 2 ** 36);
    expect(guest.call('mmap', 0, 2 ** 36, PROT.READ | PROT.WRITE, MAP.PRIVATE, fd, 0)).toBe(2 ** 32);
    expect(memory.moved).toBe(0);
  });
});

describe('a kernel pipe', () => {
  it('returns what was written, in pieces of all sizes', () => {
    const guest = new FakeGuest();
    const at = guest.memory.room(8);
    guest.call('pipe2', at, O.NONBLOCK);
    const [reader, writer] = [
      guest.memory.read(at, 8).readInt32LE(0),
      guest.memory.read(at, 8).readInt32LE(4),
    ];
    const from = guest.memory.room(70_000);
    const to = guest.memory.room(70_000);
    let put = 0;
    let taken = 0;
    for (let step = 0; step < 1000; step++) {
      const size = (step * 7919) % (step % 3 === 0 ? 40_000 : 97);
      const whole = Buffer.from(Array.from({ length: size }, (_, i) => (put + i) % 251));
      guest.memory.write(from, whole);
      put += Math.max(0, guest.call('write', writer, from, size));
      const n = guest.call('read', reader, to, (step * 104_729) % 50_000);
      if (n > 0) {
        const got = guest.memory.read(to, n);
        expect(got.every((byte, i) => byte === (taken + i) % 251)).toBe(true);
        taken += n;
      }
    }
    expect(put).toBeGreaterThan(500_000);
    expect(put - taken).toBeLessThanOrEqual(65_536);
  });

  it('with a name (FIFO) holds nothing while no descriptor is open', () => {
    const guest = new FakeGuest();
    guest.call('mknod', 'fifo', 0o10644);
    const fd = guest.open('fifo', O.RDWR | O.NONBLOCK);
    expect(guest.write(fd, 'lost')).toBe(4);
    guest.call('close', fd);
    expect(guest.read(guest.open('fifo', O.RDONLY | O.NONBLOCK), 10)).toBe('');
  });
});

describe('the file tree of a guest', () => {
  it('is no deeper than a path can be long', () => {
    const guest = new FakeGuest({ limits: { ...limits, files: 5000 } });
    let depth = 0;
    while (guest.call('mkdir', 'a', 0o755) === 0 && guest.call('chdir', 'a') === 0) {
      depth++;
    }
    expect(depth).toBeGreaterThan(2000);
    expect(depth).toBeLessThanOrEqual(2048);
    expect(guest.call('mkdir', 'a', 0o755)).toBe(-Errno.ENAMETOOLONG);
    expect(guest.open('a', O.CREAT | O.WRONLY)).toBe(-Errno.ENAMETOOLONG);
    // The way back exists, and everything can be removed.
    for (; depth > 0; depth--) {
      expect([guest.call('chdir', '..'), guest.call('rmdir', 'a')]).toEqual([0, 0]);
    }
  });
});

describe('work within a call is counted and the clock checked', () => {
  class TimeOver extends Error {}

  /** Each does some thousands of steps within one call, on what the guest has prepared. */
  const dear: readonly (readonly [name: string, prepare: (guest: FakeGuest) => () => unknown])[] = [
    [
      'a walk through links',
      (guest) => {
        let last = '.';
        for (let i = 0; i < 38; i++) {
          guest.call('symlink', './'.repeat(2000) + last, `l${i}`);
          last = `l${i}`;
        }
        return () => guest.call('access', last, 0);
      },
    ],
    [
      'a position far into a folder',
      (guest) => {
        for (let i = 0; i < 3000; i++) guest.call('mknod', `f${i}`, 0o100644);
        const fd = guest.open('.');
        guest.call('lseek', fd, 3000, 0);
        return () => guest.call('getdents64', fd, guest.memory.room(64), 64);
      },
    ],
    [
      'truncating a file of many blocks',
      (guest) => {
        const fd = guest.open('f', O.CREAT | O.RDWR);
        for (let i = 0; i < 3000; i++) guest.call('pwrite64', fd, 0x10000, 1, 8192 * i);
        return () => guest.call('ftruncate', fd, 0);
      },
    ],
    [
      'listing extended attributes',
      (guest) => {
        guest.open('f', O.CREAT | O.RDWR);
        for (let i = 0; i < 3000; i++) guest.call('setxattr', 'f', `user.${i}`, 0x10000, 1, 0);
        return () => guest.call('listxattr', 'f', 0, 0);
      },
    ],
  ];

  it.each(dear)('%s', (_, prepare) => {
    let over = false;
    const look = () => {
      if (over) throw new TimeOver();
    };
    const guest = new FakeGuest({ limits: { ...limits, files: 4000, diskBytes: 16 * MIB }, look });
    const act = prepare(guest);
    over = true;
    const before = guest.kernel.steps;
    expect(act).toThrow(TimeOver);
    expect(guest.kernel.steps - before).toBeLessThanOrEqual(1001);
  });
});
