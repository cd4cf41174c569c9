/**
 * Structures that the kernel fills, x86-64, little-endian; sizes in bytes as the C compiler lays them out.
 */

export interface StatFields {
  readonly dev: number;
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly rdev: number;
  readonly size: number;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

const BLOCK_BYTES = 4096;
const BILLION = 1_000_000_000n;

/** In two halves: with a BigInt for each field a stat(2) costs the controller 8 microseconds more, of 43. */
function putU64(to: Buffer, value: number, at: number): void {
  const whole = Math.trunc(value);
  to.writeUInt32LE(whole >>> 0, at);
  to.writeInt32LE(Math.floor(whole / 2 ** 32), at + 4);
}

/** The time that was put last: the times of a file are often the same. */
const last = { ns: 0n, seconds: 0, rest: 0 };

/** Into seconds and nanoseconds, in {@link last}. */
function split(ns: bigint): void {
  if (ns === last.ns) return;
  const rest = Number(ns % BILLION);
  last.ns = ns;
  last.seconds = Number(ns / BILLION) - (rest < 0 ? 1 : 0);
  last.rest = rest < 0 ? rest + 1_000_000_000 : rest;
}

/** struct timespec, 16 bytes, at an offset. */
export function putTimespec(to: Buffer, ns: bigint, at: number): void {
  split(ns);
  putU64(to, last.seconds, at);
  putU64(to, last.rest, at + 8);
}

export function encodeTimespec(ns: bigint): Buffer {
  const to = Buffer.alloc(16);
  putTimespec(to, ns, 0);
  return to;
}

export function encodeTimeval(ns: bigint): Buffer {
  const to = Buffer.alloc(16);
  to.writeBigInt64LE(ns / BILLION, 0);
  to.writeBigInt64LE((ns % BILLION) / 1000n, 8);
  return to;
}

/** Size of struct stat. */
export const STAT_BYTES = 144;

/** struct stat (stat(2)), 144 bytes. */
export function encodeStat(s: StatFields): Buffer {
  const to = Buffer.alloc(STAT_BYTES);
  putStat(to, s, 0);
  return to;
}

/**
 * A struct stat as words of this machine, which is little-endian as the guest is: a program that looks at many files is
 * told of a hundred at once, and stores of words take a quarter of the time of Buffer's methods.
 */
const statWords = new Uint32Array(STAT_BYTES / 4);
const statBytes = new Uint8Array(statWords.buffer);

function setU64(word: number, value: number): void {
  statWords[word] = value;
  statWords[word + 1] = Math.floor(value / 2 ** 32);
}

function setTime(word: number, ns: bigint): void {
  split(ns);
  setU64(word, last.seconds);
  setU64(word + 2, last.rest);
}

/** struct stat at an offset. */
export function putStat(to: Buffer, s: StatFields, at: number): void {
  setU64(0, s.dev);
  setU64(2, s.ino);
  setU64(4, s.nlink);
  statWords[6] = s.mode;
  statWords[7] = s.uid;
  statWords[8] = s.gid;
  setU64(10, s.rdev);
  setU64(12, s.size);
  setU64(14, BLOCK_BYTES);
  setU64(16, Math.ceil(s.size / 512));
  setTime(18, s.atimeNs);
  setTime(22, s.mtimeNs);
  setTime(26, s.ctimeNs);
  to.set(statBytes, at);
}

/** struct statx (statx(2)), 256 bytes; the basic fields. */
export function encodeStatx(s: StatFields): Buffer {
  const to = Buffer.alloc(256);
  to.writeUInt32LE(0x7ff, 0); // STATX_BASIC_STATS
  to.writeUInt32LE(BLOCK_BYTES, 4);
  to.writeUInt32LE(s.nlink, 16);
  to.writeUInt32LE(s.uid, 20);
  to.writeUInt32LE(s.gid, 24);
  to.writeUInt16LE(s.mode, 28);
  putU64(to, s.ino, 32);
  putU64(to, s.size, 40);
  putU64(to, Math.ceil(s.size / 512), 48);
  const times = [s.atimeNs, s.ctimeNs, s.ctimeNs, s.mtimeNs];
  for (const [i, ns] of times.entries()) {
    // struct statx_timestamp: the same eight bytes of seconds, then four of nanoseconds and four of padding
    putTimespec(to, ns, 64 + 16 * i);
  }
  to.writeUInt32LE(s.dev & 0xff, 140);
  return to;
}

/** One struct linux_dirent64 (getdents64(2)), padded to 8 bytes. `name` holds bytes as latin1. */
export function encodeDirent(ino: number, next: number, mode: number, name: string): Buffer {
  const size = (19 + name.length + 1 + 7) & ~7;
  const to = Buffer.alloc(size);
  putU64(to, ino, 0);
  putU64(to, next, 8);
  to.writeUInt16LE(size, 16);
  to[18] = (mode >> 12) & 15; // DT_* is the file type's four bits
  to.write(name, 19, 'latin1');
  return to;
}

/** struct utsname (uname(2)): six fields of 65 bytes. */
export function encodeUtsname(fields: readonly string[]): Buffer {
  const to = Buffer.alloc(390);
  for (const [i, field] of fields.slice(0, 6).entries()) to.write(field.slice(0, 64), 65 * i, 'latin1');
  return to;
}

/** struct statfs (statfs(2)), 120 bytes; a tmpfs. Counts in blocks of 4096 bytes. */
export function encodeStatfs(f: { blocks: number; free: number; files: number; filesFree: number }): Buffer {
  const to = Buffer.alloc(120);
  putU64(to, 0x01021994, 0); // TMPFS_MAGIC
  putU64(to, BLOCK_BYTES, 8);
  putU64(to, f.blocks, 16);
  putU64(to, f.free, 24);
  putU64(to, f.free, 32);
  putU64(to, f.files, 40);
  putU64(to, f.filesFree, 48);
  putU64(to, 255, 64);
  putU64(to, BLOCK_BYTES, 72);
  return to;
}

/** struct statvfs of glibc (statvfs(3)), 112 bytes. Counts in blocks of 4096 bytes. */
export function encodeStatvfs(f: { blocks: number; free: number; files: number; filesFree: number }): Buffer {
  const to = Buffer.alloc(112);
  const words = [
    BLOCK_BYTES,
    BLOCK_BYTES,
    f.blocks,
    f.free,
    f.free,
    f.files,
    f.filesFree,
    f.filesFree,
    0,
    0,
    255,
  ];
  for (const [i, word] of words.entries()) putU64(to, word, 8 * i);
  return to;
}

/** struct rusage (getrusage(2)), 144 bytes; user time and peak resident set only. */
export function encodeRusage(userNs: bigint, maxRssKib: number): Buffer {
  const to = Buffer.alloc(144);
  encodeTimeval(userNs).copy(to, 0);
  putU64(to, maxRssKib, 32);
  return to;
}

/** struct rlimit, 16 bytes; Infinity is RLIM_INFINITY. */
export function encodeRlimit(soft: number, hard: number): Buffer {
  const to = Buffer.alloc(16);
  const put = (value: number, at: number) =>
    to.writeBigUInt64LE(value === Number.POSITIVE_INFINITY ? 0xffffffffffffffffn : BigInt(value), at);
  put(soft, 0);
  put(hard, 8);
  return to;
}
