import { Errno, SyscallError } from '@sandpiper/abi';
import { deniedCalls } from './denied.js';
import { fileHandlers } from './files.js';
import { folderHandlers } from './folders.js';
import { placeProc } from './proc.js';
import { processHandlers } from './process.js';
import { Call, type Handler, KernelState } from './state.js';
import { timeHandlers } from './time.js';
import { traceLine } from './trace.js';
import { type GuestMemory, type KernelOptions, type Outcome, RunEnds } from './types.js';

/** A Map, not an object: a guest's name must not find what an object inherits. */
const handlers: ReadonlyMap<string, Handler> = new Map(
  Object.entries({ ...fileHandlers, ...folderHandlers, ...timeHandlers, ...processHandlers }),
);
const denied: ReadonlyMap<string, Errno> = new Map(Object.entries(deniedCalls));

/** How many names a result lists; the rest are counted together. */
const MAX_DENIED_NAMES = 31;
const OTHERS = '(others)';

/** The operating system of one guest of the seccomp engine: Linux system calls by name, answered one by one. */
export class LinuxKernel {
  readonly #state: KernelState;
  readonly #denied = new Map<string, number>();

  constructor(private readonly options: KernelOptions) {
    this.#state = new KernelState(options);
    placeProc(this.#state);
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

  call(name: string, args: readonly number[], memory: GuestMemory): Outcome {
    const call = new Call(this.#state, memory, name, args);
    const outcome = this.#answer(call);
    this.options.trace?.(traceLine(call, outcome));
    return outcome;
  }

  #answer(call: Call): Outcome {
    const { usage, options } = this.#state;
    if (++usage.syscalls > options.limits.syscalls) return { kind: 'limit', limit: 'syscalls' };
    const handler = handlers.get(call.name);
    if (handler === undefined) return { kind: 'return', value: -this.#deny(call.name) };
    try {
      return { kind: 'return', value: handler(call) };
    } catch (error) {
      if (error instanceof SyscallError) return { kind: 'return', value: -error.errno };
      if (error instanceof RunEnds) return error.outcome;
      throw error;
    }
  }

  #deny(name: string): Errno {
    const key = this.#denied.has(name) || this.#denied.size < MAX_DENIED_NAMES ? name : OTHERS;
    this.#denied.set(key, (this.#denied.get(key) ?? 0) + 1);
    return denied.get(name) ?? Errno.ENOSYS;
  }
}
