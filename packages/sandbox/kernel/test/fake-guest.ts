import { randomBytes } from 'node:crypto';
import {
  BufferMemory,
  GuestKernel,
  type GuestMemory,
  HostClock,
  type KernelOptions,
  linuxSurface,
  type CallOutcome,
  type Surface,
} from '../src/index.js';

const MMAP = 9;
const PAGE = 4096;

/** A guest's memory whose native calls the test answers. */
export class FakeMemory extends BufferMemory implements GuestMemory {
  /** Results of native calls by number, where they matter. */
  readonly nativeResults = new Map<number, number>();
  readonly nativeCalls: number[][] = [];
  readonly freed: number[] = [];

  constructor() {
    super(4 * 1024 * 1024);
  }

  syscall(...call: number[]): number {
    this.nativeCalls.push(call);
    const given = this.nativeResults.get(call[0] ?? 0);
    if (given !== undefined) return given;
    return call[0] === MMAP ? this.room(call[2] ?? 0, PAGE) : 0;
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
