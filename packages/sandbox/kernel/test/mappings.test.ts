import { Errno, MAP, O, PROT } from '@sandpiper/abi';
import { describe, expect, it } from 'vitest';
import { MAX_MAPPINGS } from '../src/mappings.js';
import { FakeGuest } from './fake-guest.js';

function mapped(text = 'one two three') {
  const guest = new FakeGuest();
  const fd = guest.open('a', O.CREAT | O.RDWR);
  guest.write(fd, text);
  const at = guest.call('mmap', 0, 4096, PROT.READ | PROT.WRITE, MAP.SHARED, fd, 0);
  const readBack = () => {
    guest.call('lseek', fd, 0, 0);
    return guest.read(fd, 100);
  };
  return { guest, fd, at, readBack };
}

describe('a shared mapping of a file', () => {
  it('shows in the file what was written to memory', () => {
    const { guest, at, readBack } = mapped();
    guest.memory.write(at + 4, Buffer.from('TWO'));
    expect(readBack()).toBe('one TWO three');
  });

  it('shows in memory what was written to the file', () => {
    const { guest, fd, at } = mapped();
    guest.call('lseek', fd, 4, 0);
    guest.write(fd, '222');
    expect(guest.memory.read(at, 13).toString()).toBe('one 222 three');
  });

  it('does not make the file longer than it is', () => {
    const { guest, at, readBack } = mapped('abc');
    guest.memory.write(at, Buffer.from('ABCDEF'));
    expect(readBack()).toBe('ABC');
    expect(guest.size('a')).toBe(3);
  });

  it('is fetched at munmap, and not afterwards', () => {
    const { guest, at, readBack } = mapped();
    guest.memory.write(at, Buffer.from('ONE'));
    expect(guest.call('munmap', at, 4096)).toBe(0);
    guest.memory.write(at, Buffer.from('xxx'));
    expect(readBack()).toBe('ONE two three');
  });

  it('keeps what a partial munmap leaves of it', () => {
    const { guest, fd } = mapped('x'.repeat(12_288));
    const at = guest.call('mmap', 0, 12_288, PROT.READ | PROT.WRITE, MAP.SHARED, fd, 0);
    guest.call('munmap', at + 4096, 4096);
    guest.memory.write(at, Buffer.from('a'));
    guest.memory.write(at + 4096, Buffer.from('b'));
    guest.memory.write(at + 8192, Buffer.from('c'));
    const to = guest.memory.room(12_288);
    guest.call('pread64', fd, to, 12_288, 0);
    const file = guest.memory.read(to, 12_288).toString();
    expect([file[0], file[4096], file[8192]]).toEqual(['a', 'x', 'c']);
  });

  it('is fetched before the process ends', () => {
    const { guest, at } = mapped();
    guest.memory.write(at, Buffer.from('ONE'));
    expect(guest.outcome('exit_group', 0).kind).toBe('exit');
    expect(guest.read(guest.open('a'), 3)).toBe('ONE');
  });

  it('shows more of the file after mremap, and is writable at its new address', () => {
    const { guest, fd } = mapped('x'.repeat(8192));
    const at = guest.call('mmap', 0, 4096, PROT.READ | PROT.WRITE, MAP.SHARED, fd, 0);
    const moved = guest.memory.room(8192);
    guest.memory.nativeResults.set(25, moved);
    expect(guest.call('mremap', at, 4096, 8192, 1, 0)).toBe(moved);
    expect(guest.memory.read(moved + 4096, 4).toString()).toBe('xxxx');
    guest.memory.write(moved + 4096, Buffer.from('y'));
    const to = guest.memory.room(8);
    guest.call('pread64', fd, to, 1, 4096);
    expect(guest.memory.read(to, 1).toString()).toBe('y');
  });

  it('is refused beyond the maximum number', () => {
    const { guest, fd } = mapped();
    const map = () => guest.call('mmap', 0, 4096, PROT.READ, MAP.SHARED, fd, 0);
    for (let i = 1; i < MAX_MAPPINGS; i++) expect(map()).toBeGreaterThan(0);
    expect(map()).toBe(-Errno.ENOMEM);
  });
});
