import { errnoName, SyscallError } from '@sandpiper/abi';
import { keptText, MemoryFile } from '@sandpiper/vfs';
import { Call, formFault } from './call.js';
import { inconsistencies } from './inconsistencies.js';
import { ARGUMENT_PATHS, placeProc } from './proc.js';
import { KernelState } from './state.js';
import type { Surface } from './surfaces/surface.js';
import { traceLine } from './trace.js';
import { type GuestMemory, type Inheritance, type KernelOptions, type Outcome, RunEnds } from './types.js';

/** How many names a result lists; the rest are counted together. */
const MAX_DENIED_NAMES = 31;
/** A guest makes up names of 255 characters; those that begin alike are counted together. */
const MAX_DENIED_NAME_LENGTH = 64;
const OTHERS = '(others)';

/** The operating system of one guest: answers its calls one by one, by the table of the surface that it speaks. */
export class GuestKernel {
  readonly #state: KernelState;
  readonly #denied = new Map<string, number>();

  constructor(
    private readonly surface: Surface,
    private readonly options: KernelOptions,
  ) {
    this.#state = new KernelState(options);
    placeProc(this.#state);
    this.#watchOwn();
  }

  #watchOwn(): void {
    const { cwd, ownPaths = [], onOwnFound } = this.options;
    if (onOwnFound === undefined) return;
    const paths = [cwd, '/tmp', ...ownPaths].map((path) => Buffer.from(path).toString('latin1'));
    this.#state.space.watch([...paths, ...ARGUMENT_PATHS], onOwnFound);
  }

  /** Of work that was done in all calls together: see {@link CountedWork}. */
  get steps(): number {
    return this.#state.work.steps;
  }

  get usage(): { readonly syscalls: number; readonly bytesRead: number; readonly bytesWritten: number } {
    return this.#state.usage;
  }

  get deniedCalls(): ReadonlyMap<string, number> {
    return this.#denied;
  }

  get stdoutTruncated(): boolean {
    return this.#state.truncated.stdout;
  }

  get stderrTruncated(): boolean {
    return this.#state.truncated.stderr;
  }

  /** The guest was told ENOSPC, because a limit of its disk was reached. */
  get diskLimitHit(): boolean {
    return this.#state.space.quota.exceeded;
  }

  /** What does not add up in the books of this kernel: a fault of ours, whatever the guest did. Empty, for tests to see. */
  inconsistencies(): string[] {
    return inconsistencies(this.#state);
  }

  /**
   * What a fork of the guest would have of it; null where that is more than this tells: open files besides the standard
   * streams, another working directory, a timer, a shared mapping.
   */
  inheritance(): Inheritance | null {
    const { fds, cwd, alarm, mappings, sigactions, alternateStack, umask, space, options } = this.#state;
    const start = space.locate(Buffer.from(options.cwd).toString('latin1'), space.rootLocation);
    if (fds.count !== 3 || cwd.directory !== start.directory || alarm !== null || mappings.count > 0)
      return null;
    return { sigactions: new Map(sigactions), alternateStack, umask };
  }

  /** What the guest wrote past the kernel, as far as its output limit has room. */
  appendStderr(data: Buffer): void {
    this.#state.appendStderr(data);
  }

  /**
   * A file of the run's own, at an absolute path, as the run left it. Links are followed as the guest would; what is not
   * a file in the guest's memory, a host's among them, is none of the run's.
   */
  fileLeft(path: string, maxBytes: number): { data: Buffer } | { why: string } {
    const { space } = this.#state;
    space.watch([], null);
    try {
      const { inode } = space.resolve(Buffer.from(path).toString('latin1'), space.rootLocation, true);
      if (inode === null) return { why: 'no such file' };
      if (!(inode instanceof MemoryFile) || !inode.writable) return { why: 'not a file of the run' };
      if (inode.size > maxBytes) return { why: `too large: ${inode.size} bytes where ${maxBytes} are left` };
      return { data: inode.read(0, inode.size) };
    } catch (error) {
      if (error instanceof SyscallError) return { why: `cannot be read: ${errnoName(error.errno)}` };
      throw error;
    }
  }

  /** `key` is what the surface's table is looked up by: a name or a signature. */
  call(key: string, args: readonly number[], memory: GuestMemory): Outcome {
    const call = new Call(this.#state, memory, key, args);
    this.options.clock.tick();
    const outcome = this.#answer(call);
    this.options.trace?.(traceLine(call, outcome));
    return outcome;
  }

  #answer(call: Call): Outcome {
    const { usage, options } = this.#state;
    if (++usage.syscalls > options.limits.syscalls) return { kind: 'limit', limit: 'syscalls' };
    const row = this.surface.rows.get(call.name);
    const fault = row === undefined ? null : formFault(call.name, call.args, row.arity);
    if (fault !== null) return { kind: 'violation', why: fault };
    if (row === undefined || row.operation === null) {
      this.#countDenied(call.name);
      return { kind: 'error', errno: this.surface.unknown };
    }
    if (row.support.level === 'denied') this.#countDenied(call.name);
    try {
      return { kind: 'return', value: row.operation(call), errno: call.errno };
    } catch (error) {
      if (error instanceof SyscallError) return { kind: 'error', errno: error.errno };
      if (error instanceof RunEnds) return error.outcome;
      throw error;
    }
  }

  #countDenied(name: string): void {
    const listed = name.slice(0, MAX_DENIED_NAME_LENGTH);
    const key = this.#denied.has(listed) || this.#denied.size < MAX_DENIED_NAMES ? keptText(listed) : OTHERS;
    this.#denied.set(key, (this.#denied.get(key) ?? 0) + 1);
  }
}
