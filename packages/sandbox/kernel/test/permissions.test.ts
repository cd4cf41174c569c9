import { AT, Errno, O } from '@sandpiper/abi';
import { describe, expect, it } from 'vitest';
import { FakeGuest } from './fake-guest.js';

describe('permissions of a folder', () => {
  it.each([
    { mode: 0o500, make: -Errno.EACCES, list: 3, reach: 0 },
    { mode: 0o300, make: 0, list: -Errno.EACCES, reach: 0 },
    { mode: 0o600, make: -Errno.EACCES, list: 3, reach: -Errno.EACCES },
    { mode: 0o000, make: -Errno.EACCES, list: -Errno.EACCES, reach: -Errno.EACCES },
  ])('allow at mode $mode only what it says', ({ mode, make, list, reach }) => {
    const guest = new FakeGuest();
    guest.call('mkdir', 'd', 0o700);
    guest.call('mkdir', 'd/inner', 0o700);
    guest.call('chmod', 'd', mode);
    expect(guest.call('access', 'd/inner', 0)).toBe(reach);
    expect(guest.open('d')).toBe(list);
    expect(guest.call('mkdir', 'd/new', 0o700)).toBe(make);
  });

  it('do not hide that a name exists', () => {
    const guest = new FakeGuest();
    expect(guest.call('mkdir', '/dev/null', 0o700)).toBe(-Errno.EEXIST);
    expect(guest.call('mkdir', '/dev/more', 0o700)).toBe(-Errno.EROFS);
  });
});

describe('O_PATH', () => {
  it('opens a link itself, which readlinkat can read', () => {
    const guest = new FakeGuest();
    guest.call('symlink', '/nowhere', 'l');
    const fd = guest.open('l', O.PATH | O.NOFOLLOW);
    const at = guest.memory.room(100);
    expect(guest.call('readlinkat', fd, '', at, 100)).toBe(8);
    expect(guest.memory.read(at, 8).toString()).toBe('/nowhere');
    expect(guest.call('read', fd, at, 1)).toBe(-Errno.EBADF);
    expect(guest.call('write', fd, at, 1)).toBe(-Errno.EBADF);
  });

  it('opens a folder for paths to start from, even one that cannot be listed', () => {
    const guest = new FakeGuest();
    guest.call('mkdir', 'd', 0o100);
    const fd = guest.open('d', O.PATH | O.DIRECTORY);
    expect(guest.call('newfstatat', fd, '', guest.memory.room(144), AT.EMPTY_PATH)).toBe(0);
    expect(guest.call('faccessat', fd, 'x', 0)).toBe(-Errno.ENOENT);
    expect(guest.call('fchdir', fd)).toBe(0);
  });
});

describe('/proc/self/fd', () => {
  it('leads to open files, even to those without a name', () => {
    const guest = new FakeGuest({}, 'typed');
    const fd = guest.open('.', O.TMPFILE | O.RDWR);
    guest.write(fd, 'unnamed');
    expect(guest.read(guest.open(`/proc/self/fd/${fd}`), 100)).toBe('unnamed');
    expect(guest.read(guest.open('/dev/stdin'), 100)).toBe('typed');
    expect(guest.open('/proc/self/fd/99')).toBe(-Errno.ENOENT);
    expect(guest.open('/proc/self/fd/0/x')).toBe(-Errno.ENOTDIR);
  });

  it('of a folder can be walked through', () => {
    const guest = new FakeGuest();
    guest.call('mkdir', 'd', 0o755);
    const fd = guest.open('d');
    expect(guest.call('mkdir', `/proc/self/fd/${fd}/inner`, 0o755)).toBe(0);
    expect(guest.call('access', '/box/d/inner', 0)).toBe(0);
    expect(guest.call('access', `/proc/self/fd/${fd}/../d`, 0)).toBe(0);
  });
});

describe('files without a name', () => {
  it('are charged to the disk until they are closed', () => {
    const guest = new FakeGuest();
    const fd = guest.open('.', O.TMPFILE | O.RDWR);
    expect(guest.call('write', fd, 0x10000, 1 << 20)).toBe(1 << 20);
    expect(guest.write(guest.open('b', O.CREAT | O.WRONLY), 'x')).toBe(-Errno.ENOSPC);
    guest.call('close', fd);
    expect(guest.write(guest.open('b', O.WRONLY), 'x')).toBe(1);
  });
});

describe('extended attributes', () => {
  it('are stored with the file, by name', () => {
    const guest = new FakeGuest();
    guest.open('a', O.CREAT | O.RDWR);
    expect(guest.call('setxattr', 'a', 'user.x', Buffer.from('value'), 5, 0)).toBe(0);
    const at = guest.memory.room(64);
    expect(guest.call('getxattr', 'a', 'user.x', at, 64)).toBe(5);
    expect(guest.memory.read(at, 5).toString()).toBe('value');
    expect(guest.call('getxattr', 'a', 'user.x', at, 2)).toBe(-Errno.ERANGE);
    expect(guest.call('listxattr', 'a', 0, 0)).toBe(7);
    expect(guest.call('removexattr', 'a', 'user.x')).toBe(0);
    expect(guest.call('getxattr', 'a', 'user.x', at, 64)).toBe(-Errno.ENODATA);
  });

  it('are bounded, and limited to the name space `user`', () => {
    const guest = new FakeGuest();
    guest.open('a', O.CREAT | O.RDWR);
    expect(guest.call('setxattr', 'a', 'trusted.x', 0x10000, 1, 0)).toBe(-Errno.ENOTSUP);
    let last = 0;
    for (let i = 0; i < 20; i++) last = guest.call('setxattr', 'a', `user.${i}`, 0x10000, 65_536, 0);
    expect(last).toBe(-Errno.ENOSPC);
  });
});
