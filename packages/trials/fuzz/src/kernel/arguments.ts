import type { Source } from '../source.js';
import type { FuzzedCall } from './calls.js';
import type { HostileMemory } from './memory.js';
import { TEMPLATES } from './templates.js';

/** Names that recur, so that sequences interact; and known troublemakers. */
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

/** Few, so that calls interact. */
const USUAL = ['a', 'b', 'c'];

function usualPath(source: Source): string {
  const first = source.pick(USUAL);
  const text = source.chance(90) ? `${first}/${source.pick(USUAL)}` : first;
  return source.chance(60) ? `/tmp/${text}` : text;
}

function path(source: Source): string {
  const kind = source.byte();
  if (kind >= 110) return usualPath(source);
  if (kind < 40) return source.pick(PLACES);
  if (kind < 70) return `/proc/self/fd/${source.below(12)}`;
  if (kind < 80) return `${source.pick(PLACES)}/${source.pick(NAMES)}`;
  if (kind < 85) return source.pick(HOSTILE_NAMES);
  if (kind < 88) return 'a/'.repeat(source.below(2100));
  let text = source.pick(NAMES);
  for (let more = source.below(4); more > 0; more--) text += `/${source.pick(NAMES)}`;
  return kind < 95 ? `${text}/` : kind < 100 ? `/tmp/${text}` : text;
}

/** Reading, writing, creating, folders, places, unnamed files, and odd mixtures. */
const OPEN_FLAGS = [0, 1, 2, 0o100, 0o102, 0o1102, 0o302, 0o2002, 0o200000, 0o10000000, 0o20200002, 0o4000];

/** Bytes of a structure: small and hostile numbers, eight each. */
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

const AT_FDCWD = -100;
const O_CLOEXEC = 0o2000000;

function text(memory: HostileMemory, value: string): number {
  return memory.place(Buffer.from(`${value}\0`, 'latin1'));
}

/** Mostly the first descriptors that the guest opens itself; else its streams, or closed ones. */
function descriptor(source: Source): number {
  const kind = source.byte();
  return kind < 180 ? 3 + (kind % 5) : kind % 13;
}

function ofClass(letter: string, source: Source, memory: HostileMemory): number {
  switch (letter) {
    case 'd':
      return descriptor(source);
    case 'D':
      return source.chance(128) ? descriptor(source) : AT_FDCWD;
    case 'O':
      return source.pick([1, 1, 1, 2, 3]);
    case 'P':
      return text(memory, path(source));
    case 'o':
      return source.pick(OPEN_FLAGS);
    case 'm':
      return source.pick([0o755, 0o644, 0o777, 0, 0o500]);
    case 'b':
      return memory.place(Buffer.alloc(64 + source.byte(), 0x41));
    case 's':
      return memory.place(structure(source, memory));
    case 'n':
      return source.number(1 + source.below(2));
    case 'c':
      return source.below(8);
    case 'a':
      return memory.seen.length === 0
        ? source.hostile()
        : source.pick(memory.seen) + 4096 * (source.byte() >> 6);
    case 'g':
      return 4096 * source.below(20);
    case 'X':
      return text(memory, `user.${source.pick(USUAL)}`);
    case 'E':
      return text(memory, `${source.pick(USUAL)}=${'v'.repeat(source.number(2) % 9000)}`);
    case 'N':
      return text(memory, source.pick([...USUAL, 'HOME', 'LANG']));
    case 'u':
      return source.pick([0, 0x200]);
    case 'l':
      return source.pick([0, 0x400]);
    case 'M':
      return source.pick([1, 2, 0x11, 0x12, 0x21]);
    case 'T':
      return source.pick([0o010644, 0o100644, 0o020644]);
    case 'e':
      return source.pick([0, O_CLOEXEC]);
    default:
      return 0;
  }
}

/** A value that no register holds, or that is taken for another. */
export const ODD_NUMBERS: readonly number[] = [
  Number.NaN,
  Infinity,
  -Infinity,
  -0,
  0.5,
  -1.5,
  1e300,
  2 ** 53 + 2,
  2 ** 63,
  2 ** 64,
  2 ** 65,
  -(2 ** 63),
  -(2 ** 64),
];

/** Whether a call with this many arguments is well-formed. */
export function isWellFormed(args: readonly number[], arity: number): boolean {
  return (
    args.length === arity &&
    args.every((value) => Number.isInteger(value) && value >= -(2 ** 63) && value <= 2 ** 64)
  );
}

/** One argument more or less, or one beyond 64 bits, or at the very edge. */
export function spoiled(args: readonly number[], source: Source): number[] {
  const at = source.below(args.length + 1);
  switch (source.below(4)) {
    case 0:
      return args.slice(0, at);
    case 1:
      return [...args, source.pick(ODD_NUMBERS)];
    default:
      return args.length === 0 ? [] : args.with(at % args.length, source.pick(ODD_NUMBERS));
  }
}

/** Arguments for a call, placed into the guest's memory where they are addresses: one in ten is arbitrary. */
export function argumentsFor(call: FuzzedCall, source: Source, memory: HostileMemory): number[] {
  const [name = ''] = call.key.split('(', 1);
  const template = TEMPLATES[name] ?? '';
  const wild = template === '' || source.chance(12);
  return call.kinds.split('').map((kind, i) => {
    const letter = template[i];
    if (!wild && letter !== undefined && !source.chance(20)) return ofClass(letter, source, memory);
    return kind === 'p' ? pointer(source, memory) : integer(source, i === 0);
  });
}
