import { randomBytes } from 'node:crypto';
import { Errno, SyscallError } from '@sandpiper/abi';
import {
  GuestKernel,
  type GuestMemory,
  HostClock,
  type KernelOptions,
  linuxSurface,
  type CallOutcome,
  type Surface,
} from '../src/index.js';

const BASE = 0x10000;

/** A guest's memory as one buffer that begins at 0x10000; every other address is bad. */
export class FakeMemory implements GuestMemory {
  readonly bytes = Buffer.alloc(4 * 1024 * 1024);
  /** Results of native calls by number, where they matter. */
  readonly nativeResults = new Map<number, number>();
  readonly nativeCalls: number[][] = [];
  readonly freed: number[] = [];
  #next = BASE;

  read(address: number, size: number): Buffer {
    return Buffer.from(this.#span(address, size));
  }

  readString(address: number, max: number): Buffer {
    const available = Math.min(max, BASE + this.bytes.length - address);
    const span = this.#span(address, available);
    const end = span.indexOf(0);
    if (end < 0) throw new SyscallError(available < max ? Errno.EFAULT : Errno.ENAMETOOLONG);
    return Buffer.from(span.subarray(0, end));
  }

  write(address: number, data: Uint8Array): void {
    this.#span(address, data.length).set(data);
  }

  syscall(...call: number[]): number {
    this.nativeCalls.push(call);
    const given = this.nativeResults.get(call[0] ?? 0);
    if (given !== undefined) return given;
    return call[0] === 9 ? this.#pages(call[2] ?? 0) : 0;
  }

  /** mmap(2) starts at a page boundary. */
  #pages(size: number): number {
    this.#next = (this.#next + 4095) & ~4095;
    return this.room(size);
  }

  malloc(data: Uint8Array): number {
    const at = this.room(data.length);
    if (at < 0) return 0;
    this.write(at, data);
    return at;
  }

  free(address: number): void {
    this.freed.push(address);
  }

  /** An address of `size` free bytes. */
  room(size: number): number {
    const at = this.#next;
    if (at + size > BASE + this.bytes.length) return -Errno.ENOMEM;
    this.#next += (size + 15) & ~15;
    return at;
  }

  #span(address: number, size: number): Buffer {
    if (size === 0) return Buffer.alloc(0);
    const at = address - BASE;
    if (!(at >= 0 && size >= 0 && at + size <= this.bytes.length)) throw new SyscallError(Errno.EFAULT);
    return this.bytes.subarray(at, at + size);
  }
}

export const limits = { outputBytes: 1000, diskBytes: 1 << 20, files: 20, openFiles: 16, syscalls: 1e6 };

/** A kernel with a guest that makes calls: strings and buffers become addresses. */
export class FakeGuest {
  memory = new FakeMemory();
  readonly kernel: GuestKernel;
  stdout = '';
  stderr = '';
  readonly trace: string[] = [];

  constructor(
    options: Partial<KernelOptions> = {},
    stdin = '',
    private readonly surface: Surface = linuxSurface,
  ) {
    let input = Buffer.from(stdin);
    this.kernel = new GuestKernel(surface, {
      limits,
      stdin: {
        read: (max) => {
          const data = input.subarray(0, max);
          input = input.subarray(data.length);
          return data;
        },
      },
      stdout: { write: (data) => this.#heard('stdout', data) },
      stderr: { write: (data) => this.#heard('stderr', data) },
      cwd: '/box',
      files: [],
      hostMounts: [],
      argv: ['pypy3', 'main.py'],
      executable: '/usr/bin/pypy3',
      env: {},
      clock: new HostClock(),
      randomBytes,
      trace: (line) => void this.trace.push(line),
      ...options,
    });
  }

  #heard(stream: 'stdout' | 'stderr', data: Buffer): number {
    this[stream] += data.toString('latin1');
    return data.length;
  }

  /** The outcome of a call; each string argument is put into memory with a NUL. */
  outcome(name: string, ...args: (number | string | Uint8Array)[]): CallOutcome {
    const placed = args.map((arg) => (typeof arg === 'number' ? arg : this.#place(arg)));
    // As the shim does: exactly this many registers, whatever they hold.
    const arity = this.surface.rows.get(name)?.arity ?? placed.length;
    const sent = Array.from({ length: arity }, (_, i) => placed[i] ?? 0);
    return this.kernel.call(name, sent, this.memory);
  }

  /** The number that a call returned; for a failure, the negative errno. */
  call(name: string, ...args: (number | string | Uint8Array)[]): number {
    const outcome = this.outcome(name, ...args);
    if (outcome.kind === 'error') return -outcome.errno;
    if (outcome.kind !== 'return') throw new Error(`${name} ended the run: ${outcome.kind}`);
    return outcome.value;
  }

  open(path: string, flags = 0, mode = 0o644): number {
    return this.call('open', path, flags, mode);
  }

  write(fd: number, text: string): number {
    return this.call('write', fd, Buffer.from(text, 'latin1'), text.length);
  }

  read(fd: number, size: number): string {
    const at = this.memory.room(size);
    const n = this.call('read', fd, at, size);
    return n < 0 ? `errno ${-n}` : this.memory.read(at, n).toString('latin1');
  }

  size(path: string): number {
    const at = this.memory.room(144);
    const result = this.call('stat', path, at);
    return result < 0 ? result : Number(this.memory.read(at, 144).readBigInt64LE(48));
  }

  #place(value: string | Uint8Array): number {
    const bytes = typeof value === 'string' ? Buffer.from(`${value}\0`, 'latin1') : value;
    const at = this.memory.room(bytes.length);
    this.memory.write(at, bytes);
    return at;
  }
}
