import { Errno, O, PATH_MAX } from '@sandpiper/abi';
import { describe, expect, it } from 'vitest';
import { FakeGuest, limits } from './fake-guest.js';

const { CREAT, DIRECTORY } = O;

/** Names of a folder as getdents64(2) returns them from the current position, in pieces of `size` bytes. */
function list(
  guest: FakeGuest,
  fd: number,
  size = 256,
  between: (name: string) => void = () => {},
): string[] {
  const names: string[] = [];
  const at = guest.memory.room(size);
  for (;;) {
    const used = guest.call('getdents64', fd, at, size);
    if (used <= 0) return names;
    const bytes = guest.memory.read(at, used);
    for (let record = 0; record < used; record += bytes.readUInt16LE(record + 16)) {
      const end = bytes.indexOf(0, record + 19);
      const name = bytes.toString('latin1', record + 19, end);
      names.push(name);
      between(name);
    }
  }
}

describe('memory that a guest can make its controller hold', () => {
  it('is bounded by PATH_MAX, even for a descent in short steps', () => {
    const guest = new FakeGuest({ limits: { ...limits, files: 10_000 } });
    let depth = 0;
    let result = 0;
    for (; result === 0 && depth < 5000; depth++) {
      expect(guest.call('mkdir', 'd'.repeat(100), 0o755)).toBeOneOf([0, -Errno.ENAMETOOLONG]);
      result = guest.call('chdir', 'd'.repeat(100));
    }
    expect(result).toBe(-Errno.ENAMETOOLONG);
    expect(depth).toBeLessThan(PATH_MAX / 100 + 2);
    // Back up and down again, also through a link: no deeper.
    expect(guest.call('chdir', '..')).toBe(0);
    expect(guest.call('symlink', '.', 'here')).toBe(0);
    expect(guest.call('chdir', `${'here/'.repeat(30)}${'d'.repeat(100)}`)).toBe(0);
    expect(guest.call('chdir', 'd'.repeat(100))).toBeOneOf([-Errno.ENAMETOOLONG, -Errno.ENOENT]);
    expect(guest.kernel.inconsistencies()).toEqual([]);
  });

  it('includes no listing per open folder', () => {
    const guest = new FakeGuest({ limits: { ...limits, files: 1000, openFiles: 64 } });
    guest.call('mkdir', 'd', 0o755);
    for (let i = 0; i < 300; i++) guest.call('close', guest.open(`d/${i}`, CREAT));
    const folders = Array.from({ length: 50 }, () => guest.open('d', DIRECTORY));
    for (const fd of folders)
      expect(guest.call('getdents64', fd, guest.memory.room(256), 256)).toBeGreaterThan(0);
    // Each continues at its position, and shows what is there now.
    guest.call('unlink', 'd/299');
    for (const fd of folders) {
      const rest = list(guest, fd);
      expect(rest).toContain('298');
      expect(rest).not.toContain('299');
      expect(new Set(rest).size).toBe(rest.length);
    }
  });

  it('includes no endless folder: names created or renamed during a listing appear in the next one', () => {
    const guest = new FakeGuest({ limits: { ...limits, files: 500 } });
    guest.call('mkdir', 'd', 0o755);
    for (let i = 0; i < 40; i++) guest.call('close', guest.open(`d/${i}`, CREAT));
    const fd = guest.open('d', DIRECTORY);
    let made = 0;
    const names = list(guest, fd, 256, (name) => {
      if (name.startsWith('.')) return;
      guest.call('rename', `d/${name}`, `d/again-${name}`);
      guest.call('close', guest.open(`d/new-${made++}`, CREAT));
    });
    expect(names.toSorted()).toEqual(
      ['.', '..', ...Array.from({ length: 40 }, (_, i) => String(i))].toSorted(),
    );
    expect(guest.call('lseek', fd, 0, 0)).toBe(0);
    expect(list(guest, fd)).toHaveLength(2 + 80);
    // Any position behind the end is the end.
    expect(guest.call('lseek', fd, 2 ** 40, 0)).toBe(2 ** 40);
    expect(list(guest, fd)).toEqual([]);
  });

  it('is charged to the disk for a long link target', () => {
    const guest = new FakeGuest({ limits: { ...limits, files: 10_000 } });
    let count = 0;
    while (guest.call('symlink', 'x'.repeat(4000), `l${count}`) === 0) count++;
    expect(count).toBe(limits.diskBytes / 4096);
    expect(guest.kernel.diskLimitHit).toBe(true);
    expect(guest.call('symlink', 'short', 's')).toBe(0);
    expect(guest.kernel.inconsistencies()).toEqual([]);
    for (let i = 0; i < count; i++) expect(guest.call('unlink', `l${i}`)).toBe(0);
    expect(guest.call('symlink', 'x'.repeat(4000), 'again')).toBe(0);
    expect(guest.kernel.inconsistencies()).toEqual([]);
  });
});
