import { AT, O, STAT_BYTES } from '@sandpiper/abi';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FakeGuest, limits } from './fake-guest.js';

const { CREAT, WRONLY } = O;
const taken = { kind: 'return', value: 0, errno: null };

/** The folder and the records of what native/shim/stats.c of the guest package takes. */
function parsed(data: Buffer): { folder: string; stats: Map<string, string> } {
  const stats = new Map<string, string>();
  const text = (at: number) => data.toString('latin1', at + 2, at + 2 + data.readUInt16LE(at));
  const folder = text(0);
  for (let at = 2 + folder.length; at < data.length; ) {
    const name = text(at);
    at += 2 + name.length;
    stats.set(name, data.toString('hex', at, at + STAT_BYTES));
    at += STAT_BYTES;
  }
  return { folder, stats };
}

function statOf(guest: FakeGuest, path: string): string {
  const at = guest.memory.room(STAT_BYTES);
  expect(guest.call('newfstatat', AT.FDCWD, path, at, 0)).toBe(0);
  return guest.memory.read(at, STAT_BYTES).toString('hex');
}

/** Looks at a file, and returns what is told ahead. */
function look(guest: FakeGuest, path: string) {
  statOf(guest, path);
  return guest.kernel.shortCuts.offer('newfstatat', 0, 0).stats;
}

function lookAtAll(guest: FakeGuest, paths: readonly string[]) {
  let told: ReturnType<typeof look> = null;
  for (const path of paths) told = look(guest, path);
  return told;
}

const name = (i: number) => `f${String(i).padStart(3, '0')}`;

function guestWith(files: number, more: Partial<typeof limits> = {}) {
  const guest = new FakeGuest({ limits: { ...limits, files: 1000, openFiles: 900, ...more } });
  for (let i = 0; i < files; i++) guest.call('close', guest.open(`/box/${name(i)}`, CREAT | WRONLY));
  return guest;
}

const firstFour = [0, 1, 2, 3].map((i) => `/box/${name(i)}`);
const fourth = `/box/${name(3)}`;

describe('what stat(2) will say is told ahead', () => {
  it('with the fourth look in a folder, of the files behind it, and to the byte', () => {
    const guest = guestWith(40);
    expect(firstFour.slice(0, 3).map((path) => look(guest, path))).toEqual([null, null, null]);
    const told = look(guest, fourth);
    const { folder, stats } = parsed(told?.data ?? Buffer.alloc(2));
    expect(folder).toBe('/box/');
    expect([...stats.keys()]).toEqual(Array.from({ length: 16 }, (_, i) => name(4 + i)));
    for (const [file, stat] of stats) expect(stat).toBe(statOf(guest, `/box/${file}`));
  });

  it('of the first ones behind the last, and of none twice', () => {
    const guest = guestWith(10);
    const { stats } = parsed(lookAtAll(guest, firstFour)?.data ?? Buffer.alloc(2));
    expect([...stats.keys()].sort()).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9].map(name));
  });

  it('of a folder of the host', () => {
    const host = mkdtempSync(join(tmpdir(), 'stats-'));
    try {
      for (let i = 0; i < 30; i++) writeFileSync(join(host, name(i)), 'x'.repeat(i));
      symlinkSync(name(1), join(host, `${name(5)}-link`));
      const guest = new FakeGuest({ hostMounts: [{ path: '/data', host }] });
      const told = lookAtAll(
        guest,
        [0, 1, 2, 3].map((i) => `/data/${name(i)}`),
      );
      const { stats } = parsed(told?.data ?? Buffer.alloc(2));
      expect([...stats.keys()]).toEqual(Array.from({ length: 15 }, (_, i) => name(4 + i)));
      for (const [file, stat] of stats) expect(stat).toBe(statOf(guest, `/data/${file}`));
    } finally {
      rmSync(host, { recursive: true });
    }
  });

  it('by a path through a link, as the guest wrote it', () => {
    const guest = guestWith(6);
    guest.call('symlink', '/box', '/tmp/link');
    const told = lookAtAll(
      guest,
      [0, 1, 2, 3].map((i) => `/tmp/../tmp/link/${name(i)}`),
    );
    const { folder, stats } = parsed(told?.data ?? Buffer.alloc(2));
    expect([folder, stats.get(name(4))]).toEqual(['/tmp/../tmp/link/', statOf(guest, `/box/${name(4)}`)]);
  });

  it('not of links, and not of files that are mapped', () => {
    const guest = guestWith(4);
    guest.call('symlink', '/tmp', '/box/link');
    const fd = guest.open('/box/mapped', CREAT | O.RDWR);
    guest.call('ftruncate', fd, 4096);
    expect(guest.call('mmap', 0, 4096, 3, 1, fd, 0)).toBeGreaterThan(0);
    const { stats } = parsed(lookAtAll(guest, firstFour)?.data ?? Buffer.alloc(2));
    expect([...stats.keys()]).toEqual([0, 1, 2].map(name));
  });

  it.each([
    ['in a folder of the virtual kernel', [0, 1, 2, 0].map((fd) => `/proc/self/fd/${fd}`)],
    ['by a path from the working directory', [0, 1, 2, 3].map(name)],
    ['in several folders in turn', [0, 1, 2, 3, 4, 5].map((i) => (i % 2 === 0 ? `/box/${name(i)}` : '/tmp'))],
  ])('not %s', (_, paths) => {
    expect(lookAtAll(guestWith(6), paths)).toBeNull();
  });

  it('not where another call was made between', () => {
    const guest = guestWith(10);
    lookAtAll(guest, firstFour.slice(0, 3));
    guest.call('umask', 0);
    guest.kernel.shortCuts.offer('umask', 0, 0);
    expect(look(guest, fourth)).toBeNull();
  });

  it('of more files the more of them are asked for, and of none where few are', () => {
    const guest = guestWith(400);
    const { shortCuts } = guest.kernel;
    const toldAt = (i: number, answered: number) => {
      expect(shortCuts.takeStats(answered)).toEqual(taken);
      const told = look(guest, `/box/${name(i)}`);
      return told === null ? 0 : parsed(told.data).stats.size;
    };
    lookAtAll(guest, firstFour);
    expect([toldAt(20, 16), toldAt(90, 20), toldAt(91, 1), toldAt(92, 1)]).toEqual([64, 128, 32, 8]);
    const nothing = Array.from({ length: 204 }, () => toldAt(93, 0));
    expect(nothing).toEqual(nothing.map(() => 0));
    expect(toldAt(93, 0)).toBe(16);
  });

  it('within the limit of calls, against which they count', () => {
    const guest = guestWith(40);
    const { shortCuts, usage } = guest.kernel;
    expect(lookAtAll(guest, firstFour)?.calls).toBeGreaterThan(1000);
    const before = usage.syscalls;
    expect(shortCuts.takeStats(10)).toEqual(taken);
    expect(usage.syscalls).toBe(before + 10);
    const few = guestWith(10, { syscalls: 26 });
    expect(lookAtAll(few, firstFour)?.calls).toBe(2);
    expect(few.kernel.shortCuts.takeStats(3)).toMatchObject({ kind: 'violation' });
  });

  it('only as far as there is room', () => {
    const guest = guestWith(4);
    for (let i = 0; i < 300; i++)
      guest.call('close', guest.open(`/box/${String(i).padStart(250, 'n')}`, CREAT | WRONLY));
    lookAtAll(guest, firstFour);
    for (const answered of [16, 64]) {
      guest.kernel.shortCuts.takeStats(answered);
      const told = look(guest, fourth);
      expect(told?.data.length).toBeLessThanOrEqual(32 * 1024);
    }
  });
});
