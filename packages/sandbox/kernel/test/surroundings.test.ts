import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Errno, O } from '@sandpiper/abi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { libcSurface, VirtualClock } from '../src/index.js';
import { FakeGuest, limits } from './fake-guest.js';

const read = (guest: FakeGuest, path: string) => guest.read(guest.open(path), 4096);

function target(guest: FakeGuest, path: string): string {
  const at = guest.memory.room(200);
  return guest.memory.read(at, guest.call('readlink', path, at, 200)).toString();
}

describe('folders and devices of an ordinary system', () => {
  it('/dev/shm is writable and charged to the disk', () => {
    const guest = new FakeGuest({ limits: { ...limits, diskBytes: 8192 } });
    const fd = guest.open('/dev/shm/sem.a', O.CREAT | O.EXCL | O.RDWR, 0o600);
    expect(guest.write(fd, 'x'.repeat(8192))).toBe(8192);
    expect(guest.write(fd, 'x')).toBe(-Errno.ENOSPC);
    expect(guest.kernel.inconsistencies()).toEqual([]);
    expect(guest.call('unlink', '/dev/shm/sem.a')).toBe(0);
    guest.call('close', fd);
    const again = guest.open('/dev/shm/sem.b', O.CREAT | O.RDWR);
    expect(guest.write(again, 'x'.repeat(8192))).toBe(8192);
  });

  it('/dev/tty is a device without a terminal', () => {
    const guest = new FakeGuest();
    expect(guest.open('/dev/tty', O.RDWR)).toBe(-Errno.ENXIO);
    const at = guest.memory.room(144);
    expect(guest.call('stat', '/dev/tty', at)).toBe(0);
    expect(guest.memory.read(at, 144).readBigUInt64LE(40)).toBe(0x500n);
  });

  it('/etc/hostname is the name that uname tells', () => {
    expect(read(new FakeGuest(), '/etc/hostname')).toBe('sandpiper\n');
  });

  it('/etc/ssl/certs has a file that trusts no one on a host without certificates', () => {
    const guest = new FakeGuest();
    expect(read(guest, '/etc/ssl/certs/ca-certificates.crt')).toContain('BEGIN X509 CRL');
    expect(guest.open('/etc/ssl/certs/new', O.CREAT | O.WRONLY)).toBe(-Errno.EROFS);
  });
});

describe('/etc/localtime', () => {
  const zones = mkdtempSync(join(tmpdir(), 'sandpiper-zones-'));
  beforeAll(() => {
    mkdirSync(join(zones, 'Europe'));
    writeFileSync(join(zones, 'Europe', 'Oslo'), 'TZif of Oslo');
  });
  afterAll(() => rmSync(zones, { recursive: true }));

  const hostMounts = [{ host: zones, path: '/usr/share/zoneinfo' }];

  it.each([
    ['Europe/Oslo', 'Europe/Oslo'],
    [':Europe/Oslo', 'Europe/Oslo'],
    ['', 'Etc/UTC'],
    ['CET-1CEST', 'Etc/UTC'],
    ['Europe', 'Etc/UTC'],
    ['../../../etc/passwd/x', 'Etc/UTC'],
    ['x'.repeat(300), 'Etc/UTC'],
  ])('for TZ=%s is %s', (zone, file) => {
    const guest = new FakeGuest({ hostMounts, env: zone === '' ? {} : { TZ: zone } });
    expect(target(guest, '/etc/localtime')).toBe(`/usr/share/zoneinfo/${file}`);
    if (file !== 'Etc/UTC') expect(read(guest, '/etc/localtime')).toBe('TZif of Oslo');
  });
});

describe('the figures in /proc', () => {
  const figures = { VmSize: 400_000, VmPeak: 500_000, RssAnon: 12_000 };
  const guest = () =>
    new FakeGuest({
      limits: { ...limits, memoryBytes: 64 << 20 },
      memoryFigures: () => new Map(Object.entries(figures)),
      cpuNs: () => 1_230_000_000n,
    });

  it('are the guest’s own, and the limit is its memory', () => {
    const status = read(guest(), '/proc/self/status');
    for (const line of ['VmPeak:\t  500000 kB', 'VmSize:\t  400000 kB', 'VmRSS:\t   44768 kB'])
      expect(status.split('\n')).toContain(line);
    const stat = read(guest(), '/proc/self/stat').trim().split(' ');
    expect([stat.length, stat[1], stat[13], stat[22], stat[23]]).toEqual([
      52,
      '(pypy3)',
      '123',
      String(400_000 * 1024),
      String(44_768 / 4),
    ]);
    expect(read(guest(), '/proc/self/statm')).toBe('100000 11192 8192 0 0 3000 0\n');
    expect(read(guest(), '/proc/meminfo')).toMatch(/^MemTotal: +65536 kB\nMemFree: +53536 kB\n/);
  });

  it('do not tell which pages of files are resident', () => {
    const before = read(guest(), '/proc/self/status');
    Object.assign(figures, { VmRSS: 999_999, RssFile: 999_999, VmHWM: 999_999 });
    expect(read(guest(), '/proc/self/status')).toBe(before);
  });

  it('read in pieces are one text, with invented figures in a deterministic run', () => {
    const one = new FakeGuest({ clock: new VirtualClock(0n) });
    const fd = one.open('/proc/self/status');
    let text = '';
    for (let piece = one.read(fd, 7); piece !== ''; piece = one.read(fd, 7)) text += piece;
    expect(text).toBe(read(one, '/proc/self/status'));
    expect(text).toContain('VmSize:\t  262144 kB\n');
  });
});

describe('the scheduling of an ordinary process', () => {
  const [OTHER, FIFO, BATCH, DEADLINE] = [0, 1, 3, 6];
  const parameter = (priority: number) => Buffer.from([priority, 0, 0, 0]);

  it('has the priorities of its policies, and may not be of real time', () => {
    const guest = new FakeGuest();
    expect(guest.call('sched_get_priority_max', FIFO)).toBe(99);
    expect(guest.call('sched_get_priority_min', FIFO)).toBe(1);
    expect(guest.call('sched_get_priority_max', OTHER)).toBe(0);
    expect(guest.call('sched_get_priority_max', 77)).toBe(-Errno.EINVAL);
    expect(guest.call('sched_setscheduler', 0, FIFO, parameter(5))).toBe(-Errno.EPERM);
    expect(guest.call('sched_setscheduler', 0, FIFO, parameter(0))).toBe(-Errno.EINVAL);
    expect(guest.call('sched_setscheduler', 0, DEADLINE, parameter(0))).toBe(-Errno.EINVAL);
    expect(guest.call('sched_setscheduler', 0, BATCH, parameter(0))).toBe(0);
    expect(guest.call('sched_getscheduler', 2)).toBe(BATCH);
    expect(guest.call('sched_getscheduler', 1)).toBe(OTHER);
    expect(guest.call('sched_setscheduler', 1, BATCH, parameter(0))).toBe(-Errno.EPERM);
    expect(guest.call('sched_getscheduler', 3)).toBe(-Errno.ESRCH);
    expect(guest.call('sched_setparam', 0, parameter(1))).toBe(-Errno.EINVAL);
    const at = guest.memory.room(16);
    expect(guest.call('sched_getparam', 0, at)).toBe(0);
    expect(guest.call('sched_rr_get_interval', 0, at)).toBe(0);
    expect(guest.memory.read(at, 16).readBigInt64LE(8)).toBe(4_000_000n);
  });
});

describe('a futex that is not private', () => {
  const [WAIT, WAKE, WAIT_BITSET] = [0, 1, 9];
  const timespec = (ns: bigint) => {
    const bytes = Buffer.alloc(16);
    bytes.writeBigInt64LE(ns, 8);
    return bytes;
  };

  it('wakes none, and a wait for it ends at its time', () => {
    const clock = new VirtualClock(0n);
    const guest = new FakeGuest({ clock });
    const word = guest.memory.room(8, 8);
    expect(guest.call('futex', word, WAKE, 1)).toBe(0);
    expect(guest.call('futex', word, WAIT, 1, 0)).toBe(-Errno.EAGAIN);
    expect(guest.call('futex', word, WAIT, 0, timespec(500_000_000n))).toBe(-Errno.ETIMEDOUT);
    expect(clock.monotonicNs()).toBeGreaterThanOrEqual(500_000_000n);
    expect(guest.call('futex', word, WAIT_BITSET, 0, timespec(900_000_000n), 0, -1)).toBe(-Errno.ETIMEDOUT);
    expect(clock.monotonicNs()).toBeLessThan(1_000_000_000n);
    expect(guest.call('futex', word + 1, WAIT, 0)).toBe(-Errno.EINVAL);
    expect(guest.call('futex', word, 2 ** 32 + WAKE, 1)).toBe(-Errno.ENOSYS);
    expect(guest.call('futex', 8, WAIT, 0)).toBe(-Errno.EFAULT);
  });

  it('without a time is waited for until the run ends', () => {
    const guest = new FakeGuest({ shouldStop: () => true });
    expect(guest.call('futex', guest.memory.room(8, 8), WAIT_BITSET, 0, 0, 0, -1)).toBe(-Errno.EINTR);
  });
});

describe('what a guest asked for and did not get', () => {
  const refusedBy = (...calls: [string, ...(number | Buffer | string)[]][]) => {
    const guest = new FakeGuest();
    for (const [name, ...args] of calls) expect(guest.call(name, ...args)).toBeLessThan(0);
    return [...guest.kernel.refused].toSorted();
  };
  const THREAD = 0x10000;
  const cloneArguments = (flags: number) => {
    const bytes = Buffer.alloc(64);
    bytes.writeUInt32LE(flags);
    return bytes;
  };

  it('is told by the call and its flags', () => {
    expect(refusedBy(['fork'])).toEqual(['processes']);
    expect(refusedBy(['clone', 17])).toEqual(['processes']);
    expect(refusedBy(['clone', 0x3d0f00 | THREAD])).toEqual(['threads']);
    expect(refusedBy(['clone3', cloneArguments(THREAD), 64])).toEqual(['threads']);
    expect(refusedBy(['clone3', cloneArguments(17), 64], ['vfork'])).toEqual(['processes']);
    expect(refusedBy(['execve', '/bin/true', 0, 0])).toEqual(['processes']);
    expect(refusedBy(['socket', 2, 1, 0], ['fork'])).toEqual(['processes', 'sockets']);
    expect(refusedBy(['socketpair', 2, 1, 0, 0])).toEqual(['sockets']);
  });

  it('is EAGAIN for a clone, wherever its arguments lie', () => {
    const guest = new FakeGuest();
    expect(guest.call('clone3', 8, 64)).toBe(-Errno.EAGAIN);
    expect(guest.call('clone', THREAD)).toBe(-Errno.EAGAIN);
  });

  it('does not count what the C library tries by itself, nor other calls', () => {
    expect(refusedBy(['socket', 1, 1 | O.NONBLOCK | O.CLOEXEC, 0])).toEqual([]);
    expect(refusedBy(['mount', 0, 0, 0, 0, 0], ['made_up'])).toEqual([]);
  });

  it('is told of the other surface too', () => {
    const guest = new FakeGuest({}, '', libcSurface);
    expect(guest.call('system(p)i', 'true')).toBe(-Errno.EPERM);
    expect([...guest.kernel.refused]).toEqual(['processes']);
  });
});
