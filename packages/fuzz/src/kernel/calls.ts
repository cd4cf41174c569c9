import { readFileSync } from 'node:fs';
import { libcSurface, linuxSurface } from '@sandpiper/kernel';
import type { Source } from '../source.js';
import type { HostileMemory } from './memory.js';

/** A call that a guest can make, and of what kinds its arguments are: `i`, `p` or `f` each. */
export interface FuzzedCall {
  readonly key: string;
  readonly kinds: string;
}

/** The arguments of the system calls as they come over the wire: a table of the shim's. */
function linuxKinds(): Map<string, string> {
  const table = readFileSync(new URL('../../../guest/native/syscalls.tsv', import.meta.url), 'utf8');
  const rows = table.split('\n').flatMap((line) => {
    const [, name, kinds] = /^\d+\t(\S+)\t(\S+)/.exec(line) ?? [];
    return name === undefined || kinds === undefined ? [] : [[name, kinds === '-' ? '' : kinds] as const];
  });
  return new Map(rows);
}

/** Those that end a run: rarely, or a sequence would be short. */
const LAST = /^(exit|exit_group|_exit|kill|tkill|tgkill|killpg)\b/;
/** Those that change files and descriptors, on which all the rest depends: more often than the others. */
const MAKERS =
  /^(open|openat|creat|mkdir|mkdirat|rmdir|unlink|unlinkat|rename|renameat|renameat2|link|linkat|symlink|dup|dup2|dup3|close|write|pwrite64|pwrite|ftruncate|truncate|mmap|munmap|pipe|pipe2|socketpair|memfd_create|mknod|mkfifo|epoll_ctl|epoll_create1|setxattr|fsetxattr|opendir|fdopendir|closedir|putenv|unsetenv|fcntl|chdir|fchdir)\b/;

function weighted(calls: readonly FuzzedCall[]): FuzzedCall[] {
  const usual = calls.filter(({ key }) => !LAST.test(key));
  const makers = usual.filter(({ key }) => MAKERS.test(key));
  const last = calls.filter(({ key }) => LAST.test(key));
  return [...usual, ...makers, ...makers, ...makers, ...makers, ...last];
}

const kinds = linuxKinds();
export const LINUX_CALLS = weighted(
  [...linuxSurface.rows.values()].map(({ key }) => ({ key, kinds: kinds.get(key) ?? 'iiiiii' })),
);
export const LIBC_CALLS = weighted(
  [...libcSurface.rows.values()].map(({ key }) => ({ key, kinds: /\((.*)\)/.exec(key)?.[1] ?? '' })),
);

/** Names that a walk meets again, so that sequences hang together; and those that have bitten others. */
const NAMES = ['a', 'b', 'c', 'd', '.', '..', '', '__proto__', 'constructor', 'toString', 'x'.repeat(255)];
const HOSTILE_NAMES = ['x'.repeat(256), '\xff\xfe', 'e\u0301', '%s%n', '\n\x1b[2J', '-1', '0', ' '];
const PLACES = [
  '/box',
  '/tmp',
  '/',
  '/proc/self/fd',
  '/dev/null',
  '/dev/full',
  '/dev/zero',
  '/dev/fd/3',
  '/etc/passwd',
  '/given',
  '/box/given',
];

function path(source: Source): string {
  const kind = source.byte();
  if (kind < 40) return source.pick(PLACES);
  if (kind < 70) return `/proc/self/fd/${source.below(12)}`;
  if (kind < 80) return `${source.pick(PLACES)}/${source.pick(NAMES)}`;
  if (kind < 85) return source.pick(HOSTILE_NAMES);
  if (kind < 88) return 'a/'.repeat(source.below(2100));
  let text = source.pick(NAMES);
  for (let more = source.below(4); more > 0; more--) text += `/${source.pick(NAMES)}`;
  return kind < 110 ? `${text}/` : kind < 130 ? `/tmp/${text}` : text;
}

const OPEN_FLAGS = [0, 1, 2, 0o100, 0o102, 0o1102, 0o302, 0o2002, 0o200000, 0o10000000, 0o20200002, 0o4000];

/** Bytes that a structure may be: little numbers and hostile ones, eight each. */
function structure(source: Source, memory: HostileMemory): Buffer {
  const bytes = Buffer.alloc(8 * (1 + source.below(8)));
  for (let at = 0; at < bytes.length; at += 8) {
    const value =
      source.below(3) === 0 ? source.hostile() : source.below(2) === 0 ? source.byte() : memory.place(bytes);
    bytes.writeBigInt64LE(BigInt.asIntN(64, BigInt(Math.trunc(value))), at);
  }
  return bytes;
}

function pointer(source: Source, memory: HostileMemory): number {
  const kind = source.byte();
  if (kind < 20) return 0;
  if (kind < 30) return source.hostile();
  if (kind < 170) return memory.place(Buffer.from(`${path(source)}\0`, 'latin1'));
  if (kind < 180) return memory.place(Buffer.from(`user.${source.pick(NAMES)}\0`, 'latin1'));
  if (kind < 190)
    return memory.place(
      Buffer.from(`${source.pick(NAMES)}=${'v'.repeat(source.number(2) % 9000)}\0`, 'latin1'),
    );
  if (kind < 220) return memory.place(structure(source, memory));
  return memory.place(Buffer.alloc(64 + source.byte(), source.byte()));
}

function integer(source: Source, first: boolean): number {
  const kind = source.byte();
  if (first && kind < 180) return kind < 20 ? -100 : source.below(14);
  if (kind < 60) return source.below(14);
  if (kind < 110) return source.pick(OPEN_FLAGS);
  if (kind < 150) return source.number(1 + source.below(2));
  if (kind < 200) return source.byte() * 4096;
  if (kind < 210) return -100;
  return source.hostile();
}

/** Arguments for a call, put into the guest's memory where they are addresses. */
export function argumentsFor(call: FuzzedCall, source: Source, memory: HostileMemory): number[] {
  return call.kinds.split('').map((kind, i) => {
    if (kind === 'p') return pointer(source, memory);
    return integer(source, i === 0);
  });
}
