import { Errno, O, PATH_MAX } from '@sandpiper/abi';
import { describe, expect, it } from 'vitest';
import { FakeGuest, limits } from './fake-guest.js';

const { CREAT, DIRECTORY } = O;

/** Names of a folder as getdents64(2) gives them from where it stands, in pieces of `size` bytes. */
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

describe('what a guest can make its controller hold', () => {
  it('ends with a path as long as a path may be, however short the steps are', () => {
    const guest = new FakeGuest({ limits: { ...limits, files: 10_000 } });
    let depth = 0;
    let result = 0;
    for (; result === 0 && depth < 5000; depth++) {
      expect(guest.call('mkdir', 'd'.repeat(100), 0o755)).toBeOneOf([0, -Errno.ENAMETOOLONG]);
      result = guest.call('chdir', 'd'.repeat(100));
    }
    expect(result).toBe(-Errno.ENAMETOOLONG);
    expect(depth).toBeLessThan(PATH_MAX / 100 + 2);
    // Back and down again, and by the way of a link: there is no deeper.
    expect(guest.call('chdir', '..')).toBe(0);
    expect(guest.call('symlink', '.', 'here')).toBe(0);
    expect(guest.call('chdir', `${'here/'.repeat(30)}${'d'.repeat(100)}`)).toBe(0);
    expect(guest.call('chdir', 'd'.repeat(100))).toBeOneOf([-Errno.ENAMETOOLONG, -Errno.ENOENT]);
    expect(guest.kernel.inconsistencies()).toEqual([]);
  });

  it('is no list for each folder that is open', () => {
    const guest = new FakeGuest({ limits: { ...limits, files: 1000, openFiles: 64 } });
    guest.call('mkdir', 'd', 0o755);
    for (let i = 0; i < 300; i++) guest.call('close', guest.open(`d/${i}`, CREAT));
    const folders = Array.from({ length: 50 }, () => guest.open('d', DIRECTORY));
    for (const fd of folders)
      expect(guest.call('getdents64', fd, guest.memory.room(256), 256)).toBeGreaterThan(0);
    // Each goes on where it stands, and tells what is there now.
    guest.call('unlink', 'd/299');
    for (const fd of folders) {
      const rest = list(guest, fd);
      expect(rest).toContain('298');
      expect(rest).not.toContain('299');
      expect(new Set(rest).size).toBe(rest.length);
    }
  });

  it('is no folder without end: what is made or renamed while it is read comes the next time', () => {
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
    // Anywhere behind the end is the end.
    expect(guest.call('lseek', fd, 2 ** 40, 0)).toBe(2 ** 40);
    expect(list(guest, fd)).toEqual([]);
  });

  it('has its place on the disk where it is the target of a link', () => {
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
