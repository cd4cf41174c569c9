import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MAP, O, PROT } from '@sandpiper/abi';
import { describe, expect, it } from 'vitest';
import { libcSurface, linuxSurface } from '../src/index.js';
import { FakeGuest, FakeMemory, limits } from './fake-guest.js';

/**
 * What a guest makes the controller hold, against what it is charged for. Each structure is filled to its
 * bound; the heap then holds, buffers included, at most four times the charge. For limits that count things,
 * each thing counts as a fixed number of bytes (ARCHITECTURE.md, "What a guest makes the controller hold").
 */
const CHARGE = { file: 512, descriptor: 8192, watch: 128, mapping: 512, name: 512, signal: 96 };
const MOST = 4;
/** The test's own memory and uncollected garbage: differences below this mean nothing. Bytes. */
const NOISE = 300_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function heldNow(): number {
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

interface Structure {
  readonly name: string;
  readonly surface?: 'libc';
  /** How many guests at once, where the bound of one guest is too small to measure. */
  readonly guests?: number;
  readonly limits?: Partial<typeof limits>;
  /** Fills the structure and returns the charge, bytes. */
  readonly fill: (guest: Guest) => number;
}

class Guest extends FakeGuest {
  /** Puts each string anew at the same address: the guest's memory is not what is measured. */
  at(text: string, place = 0): number {
    const address = 0x20000 + 0x10000 * place;
    this.memory.write(address, Buffer.from(`${text}\0`, 'latin1'));
    return address;
  }

  /** Repeats until it fails. */
  asLong(act: (i: number) => number): number {
    let count = 0;
    while (act(count) >= 0) count++;
    return count;
  }

  make(name: string): number {
    const fd = this.call('open', this.at(name), O.CREAT | O.RDWR, 0o644);
    return fd < 0 ? fd : this.call('close', fd);
  }
}

const MANY = { files: 10_000, diskBytes: 64 * 1024 * 1024 };
const OPEN = { openFiles: 2048 };
const long = (i: number) => String(i).padEnd(255, 'x');
const charged = (guest: Guest, act: (i: number) => number, each: number) => guest.asLong(act) * each;

/** Nested folders, as deep as a path is long. */
function deep(guest: Guest): void {
  while (guest.call('mkdir', guest.at('a'), 0o755) === 0 && guest.call('chdir', guest.at('a')) === 0);
}

const STRUCTURES: readonly Structure[] = [
  { name: 'files', limits: MANY, fill: (g) => charged(g, (i) => g.make(`f${i}`), CHARGE.file) },
  { name: 'long names', limits: MANY, fill: (g) => charged(g, (i) => g.make(long(i)), CHARGE.file) },
  {
    name: 'names at the end of long paths',
    limits: MANY,
    fill: (g) => charged(g, (i) => g.make(`${'./'.repeat(1900)}a name of some length ${i}`), CHARGE.file),
  },
  {
    name: 'folders',
    limits: MANY,
    fill: (g) => charged(g, (i) => g.call('mkdir', g.at(long(i)), 0o755), CHARGE.file),
  },
  {
    name: 'links',
    limits: MANY,
    fill: (g) => {
      g.make('f');
      return charged(g, (i) => g.call('link', g.at('f'), g.at(long(i), 1)), CHARGE.file);
    },
  },
  {
    name: 'symbolic links, short',
    limits: MANY,
    fill: (g) => charged(g, (i) => g.call('symlink', g.at('x'.repeat(60)), g.at(long(i), 1)), CHARGE.file),
  },
  {
    name: 'symbolic links, long',
    limits: MANY,
    fill: (g) =>
      charged(g, (i) => g.call('symlink', g.at('x'.repeat(4000)), g.at(long(i), 1)), CHARGE.file + 4096),
  },
  {
    name: 'blocks of files',
    limits: { diskBytes: 16 * 1024 * 1024 },
    fill: (g) => {
      const fd = g.open('f', O.CREAT | O.RDWR);
      return charged(g, (i) => g.call('pwrite64', fd, 0x20000, 1, 8192 * i), 4096);
    },
  },
  {
    name: 'files that shrank',
    limits: { files: 2000, diskBytes: 16 * 1024 * 1024 },
    fill: (g) =>
      charged(
        g,
        (i) => {
          const fd = g.call('open', g.at(`f${i}`), O.CREAT | O.RDWR, 0o644);
          if (fd < 0) return fd;
          g.call('write', fd, 0x20000, 65536);
          g.call('ftruncate', fd, 1);
          return g.call('close', fd);
        },
        CHARGE.file + 4096,
      ),
  },
  {
    name: 'pipes with names, that were written to',
    limits: MANY,
    fill: (g) =>
      charged(
        g,
        (i) => {
          const made = g.call('mknod', g.at(`p${i}`), 0o10644);
          if (made < 0) return made;
          const fd = g.call('open', g.at(`p${i}`), O.RDWR | O.NONBLOCK, 0);
          g.call('write', fd, 0x20000, 65536);
          return g.call('close', fd);
        },
        CHARGE.file,
      ),
  },
  {
    name: 'attributes of one file',
    fill: (g) => {
      g.make('f');
      const bytes = 64 + 'user.12345678'.length + 1;
      return charged(
        g,
        (i) => g.call('setxattr', g.at('f'), g.at(`user.${String(i).padStart(8, '0')}`, 1), 0x20000, 1, 0),
        bytes,
      );
    },
  },
  {
    name: 'attributes of many files',
    limits: MANY,
    fill: (g) =>
      charged(
        g,
        (i) => {
          const made = g.make(`f${i}`);
          return made < 0 ? made : g.call('setxattr', g.at(`f${i}`), g.at('user.1', 1), 0x20000, 1, 0);
        },
        CHARGE.file + 64 + 7,
      ),
  },
  {
    name: 'large attributes',
    guests: 10,
    fill: (g) => {
      g.make('f');
      const bytes = 64 + 7 + 60_000;
      return charged(
        g,
        (i) => g.call('setxattr', g.at('f'), g.at(`user.${10 + i}`, 1), 0x20000, 60_000, 0),
        bytes,
      );
    },
  },
  {
    name: 'descriptors',
    limits: OPEN,
    fill: (g) => {
      g.make('f');
      return charged(g, () => g.call('open', g.at('f'), O.RDWR, 0), CHARGE.descriptor);
    },
  },
  {
    name: 'descriptors of deep folders',
    limits: { ...OPEN, files: 3000 },
    fill: (g) => {
      deep(g);
      return charged(g, () => g.call('open', g.at('.'), 0, 0), CHARGE.descriptor);
    },
  },
  {
    name: 'places',
    limits: { ...OPEN, files: 3000 },
    fill: (g) => {
      deep(g);
      return charged(g, () => g.call('open', g.at('.'), O.PATH, 0), CHARGE.descriptor);
    },
  },
  {
    name: 'files without names',
    limits: { ...OPEN, files: 3000 },
    fill: (g) =>
      charged(g, () => g.call('memfd_create', g.at('m'.repeat(200)), 0), CHARGE.descriptor + CHARGE.file),
  },
  {
    name: 'pipes, full',
    limits: OPEN,
    fill: (g) => {
      const pairs = charged(
        g,
        () => {
          const made = g.call('pipe2', 0x30000, O.NONBLOCK);
          if (made === 0) g.call('write', g.memory.read(0x30004, 4).readInt32LE(), 0x20000, 65536);
          return made;
        },
        2 * CHARGE.descriptor,
      );
      return pairs + 16 * 1024 * 1024;
    },
  },
  {
    name: 'sockets, full both ways',
    limits: OPEN,
    fill: (g) => {
      const pairs = charged(
        g,
        () => {
          const made = g.call('socketpair', 1, 1 | O.NONBLOCK, 0, 0x30000);
          if (made === 0)
            for (const at of [0x30000, 0x30004])
              g.call('write', g.memory.read(at, 4).readInt32LE(), 0x20000, 65536);
          return made;
        },
        2 * CHARGE.descriptor,
      );
      return pairs + 16 * 1024 * 1024;
    },
  },
  {
    name: 'watches',
    limits: OPEN,
    fill: (g) => {
      const sets = Array.from({ length: 20 }, () => g.call('epoll_create1', 0));
      g.asLong(() => g.call('pipe2', 0x30000, O.NONBLOCK));
      let watches = 0;
      for (const set of sets)
        for (let fd = 23; fd < 2048; fd++) if (g.call('epoll_ctl', set, 1, fd, 0x20000) === 0) watches++;
      expect(watches).toBe(4 * 2048);
      return watches * CHARGE.watch;
    },
  },
  {
    name: 'signal handlers',
    guests: 30,
    fill: (g) => {
      for (let signal = 1; signal <= 64; signal++) {
        g.call('rt_sigaction', signal, 0x20000, 0, 8);
        // Small buffers of other calls in between: a slice of a pool would keep them all.
        for (let i = 0; i < 2; i++) g.call('access', g.at('a'.repeat(4000), 1), 0);
      }
      g.call('sigaltstack', 0x20000, 0);
      return 64 * CHARGE.signal;
    },
  },
  {
    name: 'mappings',
    guests: 50,
    fill: (g) => {
      const fd = g.open('f', O.CREAT | O.RDWR);
      g.call('ftruncate', fd, 4096);
      return charged(
        g,
        () => {
          return g.call('mmap', 0, 4096, PROT.READ | PROT.WRITE, MAP.SHARED, fd, 0);
        },
        CHARGE.mapping,
      );
    },
  },
  {
    name: 'variables',
    surface: 'libc',
    guests: 10,
    fill: (g) => charged(g, (i) => g.call('putenv(p)i', g.at(`${i.toString(36)}=`)), 64 + 3),
  },
  {
    name: 'variables that were long',
    surface: 'libc',
    fill: (g) => {
      const set = (i: number) => {
        const name = `a name of some length ${i}`;
        const put = g.call('putenv(p)i', g.at(`${name}=${'x'.repeat(30_000)}`));
        return put < 0 ? put : g.call('putenv(p)i', g.at(`${name}=`));
      };
      return charged(g, set, 64 + 25);
    },
  },
  {
    name: 'names of calls that were refused',
    guests: 100,
    fill: (g) => {
      for (let i = 0; i < 40; i++) g.call(`call_${i}_`.padEnd(250, 'x'));
      return 32 * CHARGE.name;
    },
  },
  {
    name: 'a folder that changes while it is listed',
    limits: { files: 100 },
    fill: (g) => {
      for (let i = 0; i < 20; i++) g.make(`before${i}`);
      const fd = g.open('.');
      g.call('getdents64', fd, 0x30000, 64);
      for (let i = 0; i < 20_000; i++) {
        g.make(`f${i}`);
        g.call('unlink', g.at(`f${i}`));
      }
      return 21 * CHARGE.file;
    },
  },
];

describe('the charge covers what is held', () => {
  const memory = new FakeMemory();
  const surfaces = { libc: libcSurface, linux: linuxSurface };

  it.each(STRUCTURES.map((structure) => [structure.name, structure] as const))('%s', (_, structure) => {
    const { guests: count = 1, surface = 'linux', fill } = structure;
    const guests = Array.from({ length: count }, () => {
      const options = { limits: { ...limits, syscalls: 1e9, ...structure.limits } };
      const guest = new Guest({ ...options, trace: () => {} }, '', surfaces[surface]);
      guest.memory = memory;
      memory.nativeResults.set(9, 0x100000);
      return guest;
    });
    const before = heldNow();
    const charge = guests.reduce((sum, guest) => sum + fill(guest), 0);
    const held = heldNow() - before;
    process.stdout.write(`${structure.name}: ${charge} bytes charged, ${held} held\n`);
    expect(charge).toBeGreaterThan(0);
    expect(held).toBeLessThan(MOST * charge + NOISE);
    for (const guest of guests.slice(0, 3)) expect(guest.kernel.inconsistencies()).toEqual([]);
  });

  it('detects an undercharge: a slice of a pool, a part of a string', () => {
    const kept: unknown[] = [];
    const before = heldNow();
    for (let i = 0; i < 2000; i++) {
      kept.push(Buffer.from('x'));
      Buffer.allocUnsafe(4000);
      Buffer.allocUnsafe(4000);
    }
    expect(heldNow() - before).toBeGreaterThan(MOST * kept.length * 65 + NOISE);
  });
});
