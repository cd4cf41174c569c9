import { Errno, O, SyscallError } from '@sandpiper/abi';
import { describe, expect, it } from 'vitest';
import {
  REAL_GUESTS,
  RECORDED_RUNS,
  readRecording,
  readSignatures,
} from '../../protocol/test/real-guests.js';
import { type GuestMemory, libcSurface, type CallOutcome } from '../src/index.js';
import { FakeGuest } from './fake-guest.js';

interface Op {
  readonly op: 'Z' | 'R' | 'W' | 'M' | 'F' | 'E';
  readonly addr?: number;
  readonly data?: string;
  readonly length?: number;
  readonly errno?: number;
}

interface Recorded {
  readonly call: string;
  readonly args: readonly number[];
  readonly ops: readonly Op[];
  readonly result: number;
}

interface Opening {
  readonly argv: readonly string[];
  readonly files: Readonly<Record<string, string>>;
  readonly stdin: string;
}

/** The memory that a real guest had at the call; what the kernel does to it is recorded. */
class RecordedMemory implements GuestMemory {
  readonly written: { address: number; data: Buffer }[] = [];
  readonly freed: number[] = [];
  allocations = 0;

  constructor(private readonly call: Recorded) {}

  read(address: number, size: number): Buffer {
    return this.#find('R', address).subarray(0, size);
  }

  readString(address: number): Buffer {
    return this.#find('Z', address);
  }

  write(address: number, data: Uint8Array): void {
    this.written.push({ address, data: Buffer.from(data) });
  }

  syscall(): number {
    throw new Error('a translated guest makes no native calls');
  }

  malloc(): number {
    this.allocations++;
    return this.call.ops.find((op) => op.op === 'M')?.addr ?? 0x1000 * this.allocations;
  }

  free(address: number): void {
    this.freed.push(address);
  }

  /** The reference controller read less than a real kernel reads: the rest is a placeholder. */
  #find(kind: 'R' | 'Z', address: number): Buffer {
    const op = this.call.ops.find((one) => one.op === kind && one.addr === address);
    if (op === undefined) throw new SyscallError(Errno.EFAULT);
    return Buffer.from(op.data ?? '', 'base64');
  }
}

/**
 * Where our answers are better than the reference controller's: it was read-only, without /proc, uname or
 * fcntl.
 */
const BETTER: Readonly<Record<string, string>> = {
  'uname(p)i': 'it had none',
  'fcntl(iii)i': 'it had none',
  'clock_gettime(ip)i': 'it had none',
  'mkdir(pi)i': 'its files were read-only, so an existing folder gave no other error',
  'unlink(p)i': 'its files were read-only, so a missing file gave no other error',
  'getenv(p)p': 'its guests had no environment',
  'readdir(p)p': 'it left out . and ..',
  'getpid()i': 'ours is another number',
  'time(p)i': 'ours is another time',
};

function replay(run: string): { readonly end: { readonly output: string }; readonly guest: FakeGuest } {
  const records = readRecording(run) as readonly (Recorded & Opening & { end: { output: string } })[];
  const opening = records[0] as Opening;
  const guest = new FakeGuest(
    {
      limits: { outputBytes: 1e6, diskBytes: 1 << 20, files: 20, openFiles: 64, syscalls: 1e6 },
      cwd: '/tmp',
      argv: opening.argv,
      executable: '/lib/pypy',
      // any program will do: the guest only checks that it is executable
      hostMounts: [{ host: process.execPath, path: '/lib/pypy' }],
      files: [
        ...libraryOf(records),
        ...Object.entries(opening.files).map(([name, text]) => ({
          path: `/tmp/${name}`,
          data: Buffer.from(text),
        })),
      ],
    },
    opening.stdin,
    libcSurface,
  );
  for (const record of records) {
    if (record.call !== undefined && !pathOf(record).startsWith('/proc/')) compare(guest, record);
  }
  return { end: (records.at(-1) as { end: { output: string } }).end, guest };
}

function pathOf(record: Recorded): string {
  return Buffer.from(record.ops.find((op) => op.op === 'Z')?.data ?? '', 'base64').toString();
}

/** The recordings leave out the library's text: files of the recorded sizes stand in for it. */
function libraryOf(records: readonly Recorded[]): { path: string; data: Buffer }[] {
  const sizes = new Map<string, number>();
  const open = new Map<number, string>();
  for (const record of records) {
    if (record.call === undefined) continue;
    const path = pathOf(record);
    const info = record.ops.find((op) => op.op === 'W' && op.data !== undefined);
    if (record.call === 'open(pii)i' && record.result >= 0) open.set(record.result, path);
    if (record.result !== 0 || info === undefined) continue;
    const fields = Buffer.from(info.data ?? '', 'base64');
    const type = fields.length >= 56 ? fields.readUInt32LE(24) & 0o170000 : 0;
    if (type === 0o040000 && path.startsWith('/lib/')) sizes.set(`${path}/.folder`, 0);
    const isFile = type === 0o100000;
    const name = record.call === 'fstat64(ip)i' ? open.get(record.args[0] ?? -1) : path;
    if (/stat64/.test(record.call) && isFile && name?.startsWith('/lib/') === true) {
      sizes.set(name, Number(fields.readBigInt64LE(48)));
    }
  }
  sizes.delete('/lib/pypy');
  return [...sizes].map(([path, size]) => ({ path, data: Buffer.alloc(size) }));
}

function compare(guest: FakeGuest, record: Recorded): void {
  const memory = new RecordedMemory(record);
  const outcome = guest.kernel.call(record.call, record.args, memory);
  expect(['return', 'error'], record.call).toContain(outcome.kind);
  if (BETTER[record.call] !== undefined) return;
  // It had no read-only file systems: what could not be created there did not exist.
  const creates = record.call === 'open(pii)i' && ((record.args[1] ?? 0) & O.CREAT) !== 0;
  if (creates && record.result < 0) return;
  expect({ call: record, ...shapeOf(outcome, memory) }).toEqual({ call: record, ...recordedShape(record) });
}

interface Shape {
  readonly result: number;
  readonly errno: number | null;
  /** Sizes of the writes, by address. */
  readonly written: readonly [number, number][];
  readonly freed: readonly number[];
}

function shapeOf(outcome: CallOutcome, memory: RecordedMemory): Shape {
  const failed = outcome.kind === 'error';
  return {
    result: outcome.kind === 'return' ? outcome.value : -1,
    errno: failed || outcome.kind === 'return' ? outcome.errno : null,
    written: memory.written.map(({ address, data }) => [address, data.length]),
    freed: memory.freed,
  };
}

function recordedShape(record: Recorded): Shape {
  const of = (kind: Op['op']) => record.ops.filter((op) => op.op === kind);
  return {
    result: record.result,
    errno: of('E')[0]?.errno ?? null,
    written: of('W').map((op) => [op.addr ?? 0, op.length ?? Buffer.from(op.data ?? '', 'base64').length]),
    freed: of('F').map((op) => op.addr ?? 0),
  };
}

describe('recorded calls of real guests', () => {
  it('are twenty runs', () => {
    expect(RECORDED_RUNS).toHaveLength(20);
  });

  it.each(RECORDED_RUNS)('%s gets the recorded answers', (run) => {
    const { end, guest } = replay(run);
    expect(guest.stdout + guest.stderr).toBe(end.output);
  });

  it.each(REAL_GUESTS)('every function of the %s dump has a row in the table', (guest) => {
    const missing = readSignatures(guest).filter((key) => !libcSurface.rows.has(key));
    expect(missing).toEqual([]);
  });
});
