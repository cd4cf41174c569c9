import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Errno, O } from '@sandpiper/abi';
import { describe, expect, it } from 'vitest';
import { FakeGuest, limits } from './fake-guest.js';

const { CREAT, RDWR, WRONLY } = O;

/** How often a call succeeds before it says ENOSPC. */
function until(refusal: () => number): number {
  let count = 0;
  for (let result = refusal(); result >= 0 && count < 1000; result = refusal()) count++;
  return count;
}

describe('the quota of a guest', () => {
  it('covers the growth of input files', () => {
    const guest = new FakeGuest({ files: [{ path: '/box/main.py', data: Buffer.from('x') }] });
    const fd = guest.open('main.py', RDWR);
    guest.call('lseek', fd, 0, 2);
    let written = 0;
    for (let n = 1; n > 0 && written < 4 * limits.diskBytes; written += Math.max(n, 0)) {
      n = guest.write(fd, 'y'.repeat(65536));
    }
    expect(written).toBeLessThanOrEqual(limits.diskBytes + 4096);
    expect(guest.kernel.diskLimitHit).toBe(true);
  });

  it('charges an unlinked file until its last descriptor is closed, and releases it once', () => {
    const guest = new FakeGuest();
    const first = guest.open('a', CREAT | RDWR);
    guest.write(first, 'kept');
    const second = guest.open('a');
    guest.call('unlink', 'a');
    guest.call('close', first);
    expect(guest.read(second, 10)).toBe('kept');
    guest.call('close', second);
    expect(until(() => guest.call('mkdir', `d${Math.random()}`, 0o755))).toBe(limits.files);
  });

  it('counts every name of a file', () => {
    const guest = new FakeGuest();
    guest.call('close', guest.open('a', CREAT | WRONLY));
    let i = 0;
    expect(until(() => guest.call('link', 'a', `l${i++}`))).toBe(limits.files - 1);
    for (let k = 0; k < limits.files - 1; k++) expect(guest.call('unlink', `l${k}`)).toBe(0);
    i = 0;
    expect(until(() => guest.call('mkdir', `d${i++}`, 0o755))).toBe(limits.files - 1);
  });

  it('does not grow when folders of the initial layout are removed', () => {
    const files = Array.from({ length: 5 }, (_, i) => ({ path: `/box/g${i}/f`, data: Buffer.alloc(0) }));
    const guest = new FakeGuest({ files });
    for (let i = 0; i < 5; i++) {
      expect(guest.call('unlink', `g${i}/f`)).toBe(0);
      expect(guest.call('rmdir', `g${i}`)).toBe(0);
    }
    let i = 0;
    expect(until(() => guest.call('mkdir', `d${i++}`, 0o755))).toBe(limits.files);
  });
});

describe('host files', () => {
  it('give EIO when they vanish after the lookup, and cannot be unlinked', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sandpiper-kernel-'));
    try {
      writeFileSync(join(folder, 'gone'), 'hello');
      const guest = new FakeGuest({ mounts: [{ host: join(folder, 'gone'), path: '/box/gone' }] });
      const fd = guest.open('gone');
      unlinkSync(join(folder, 'gone'));
      expect(guest.call('read', fd, guest.memory.room(16), 5)).toBe(-Errno.EIO);
      expect(guest.call('unlink', 'gone')).toBe(-Errno.EBUSY);
      expect(guest.call('rename', 'gone', 'other')).toBe(-Errno.EBUSY);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
