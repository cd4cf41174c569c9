import { errnoName, SyscallError } from '@sandpiper/abi';
import { keptText, MemoryFile } from '@sandpiper/vfs';
import { Call, formFault } from './call.js';
import { inconsistencies } from './inconsistencies.js';
import { ARGUMENT_PATHS, placeProc } from './proc.js';
import { ShortCuts } from './short-cuts.js';
import { KernelState } from './state.js';
import { COMMON_FOLDERS } from './surroundings/layout.js';
import type { Row, Surface } from './surfaces/surface.js';
import { traceLine } from './trace.js';
import {
  type DeniedKind,
  type GuestMemory,
  type Inheritance,
  ITIMER,
  type KernelOptions,
  type CallOutcome,
  RunEnds,
} from './types.js';

/** How many names a result lists; the rest are counted together. */
const MAX_DENIED_NAMES = 31;
/** A guest can invent names of 255 characters; names with the same beginning are counted together. */
const MAX_DENIED_NAME_LENGTH = 64;
const OTHERS = '(others)';

/** The operating system of one guest: answers its calls one by one, from the table of its surface. */
export class GuestKernel {
  readonly #state: KernelState;
  /** What the guest may do without an answer. */
  readonly shortCuts: ShortCuts;
  readonly #denied = new Map<string, number>();

  constructor(
    private readonly surface: Surface,
    private readonly options: KernelOptions,
  ) {
    this.#state = new KernelState(options);
    this.shortCuts = new ShortCuts(this.#state);
    this.#state.space.layOutLater('proc', () => placeProc(this.#state));
    this.#watchOwn();
  }

  #watchOwn(): void {
    const { cwd, ownPaths = [], onOwnFound } = this.options;
    if (onOwnFound === undefined) return;
    const paths = [cwd, ...COMMON_FOLDERS, ...ownPaths].map((path) => Buffer.from(path).toString('latin1'));
    this.#state.space.watch([...paths, ...ARGUMENT_PATHS], onOwnFound);
  }

  /** Steps of work in all calls together: see {@link CountedWork}. */
  get steps(): number {
    return this.#state.work.steps;
  }

  get usage(): { readonly syscalls: number; readonly bytesRead: number; readonly bytesWritten: number } {
    return this.#state.usage;
  }

  get deniedCalls(): ReadonlyMap<string, number> {
    return this.#denied;
  }

  /** What the guest has asked for that no guest gets. */
  get refused(): ReadonlySet<DeniedKind> {
    return this.#state.refused;
  }

  /** Whether a timer of elapsed time runs: then a call may have to wait for its signal. */
  get hasTimer(): boolean {
    return this.#state.timers[ITIMER.REAL] !== null;
  }

  get stdoutTruncated(): boolean {
    return this.#state.truncated.stdout;
  }

  get stderrTruncated(): boolean {
    return this.#state.truncated.stderr;
  }

  /** Whether the guest got ENOSPC because it reached a limit of its disk. */
  get diskLimitHit(): boolean {
    return this.#state.space.quota.exceeded;
  }

  /**
   * Inconsistencies in this kernel's books: faults of ours, whatever the guest did. For tests; empty when all
   * is well.
   */
  inconsistencies(): string[] {
    return inconsistencies(this.#state);
  }

  /**
   * What a forked child would inherit from the guest; null where the guest has more than this can express:
   * open files besides the standard streams, another working directory, a timer, a shared mapping of a file that can
   * change.
   */
  inheritance(): Inheritance | null {
    const { fds, cwd, timers, mappings, sigactions, alternateStack, umask, space, options } = this.#state;
    const start = space.locate(Buffer.from(options.cwd).toString('latin1'), space.rootLocation);
    if (
      fds.count !== 3 ||
      cwd.directory !== start.directory ||
      Object.values(timers).some((timer) => timer !== null) ||
      mappings.mayChange
    )
      return null;
    return { sigactions: new Map(sigactions), alternateStack, umask };
  }

  /** Output that the guest wrote past the kernel, as far as its output limit has room. */
  appendStderr(data: Buffer): void {
    this.#state.appendStderr(data);
  }

  /**
   * A file that the run made, at an absolute path, as the run left it. Links are followed as the guest would
   * follow them; anything but a file in the guest's memory (a host file, say) is refused.
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

  /** `key` is what the surface's table is indexed by: a name or a signature. */
  call(key: string, args: readonly number[], memory: GuestMemory): CallOutcome {
    const call = new Call(this.#state, memory, key, args);
    this.shortCuts.begin(call);
    this.options.clock.tick();
    const outcome = this.#answer(call);
    this.options.trace?.(traceLine(call, outcome));
    return outcome;
  }

  #answer(call: Call): CallOutcome {
    const { usage, options } = this.#state;
    if (++usage.syscalls > options.limits.syscalls) return { kind: 'limit', limit: 'syscalls' };
    const row = this.surface.rows.get(call.name);
    const fault = row === undefined ? null : formFault(call.name, call.args, row.arity);
    if (fault !== null) return { kind: 'violation', why: fault };
    if (row === undefined || row.operation === null) {
      this.#noteDenied(call);
      return { kind: 'error', errno: this.surface.unknown };
    }
    if (row.support.level === 'denied') this.#noteDenied(call, row);
    try {
      return { kind: 'return', value: row.operation(call), errno: call.errno };
    } catch (error) {
      if (error instanceof SyscallError) return { kind: 'error', errno: error.errno };
      if (error instanceof RunEnds) return error.outcome;
      throw error;
    }
  }

  #noteDenied(call: Call, row?: Row): void {
    const refusal = row?.refuses?.(call) ?? null;
    if (refusal !== null) this.#state.refused.add(refusal);
    const listed = call.name.slice(0, MAX_DENIED_NAME_LENGTH);
    const key = this.#denied.has(listed) || this.#denied.size < MAX_DENIED_NAMES ? keptText(listed) : OTHERS;
    this.#denied.set(key, (this.#denied.get(key) ?? 0) + 1);
  }
}
