import { Errno, PATH_MAX, SyscallError } from '@sandpiper/abi';
import type { FileInode } from '@sandpiper/vfs';
import type { KernelState } from './state.js';
import type { GuestMemory } from './types.js';

/** One call being answered: the state, the guest's memory, and what a trace will show of it. */
export class Call {
  /** Strings that were read for this call, by address. */
  readonly strings = new Map<number, string>();
  /** What a C function leaves in errno without failing. */
  errno: Errno | null = null;

  constructor(
    readonly state: KernelState,
    readonly memory: GuestMemory,
    readonly name: string,
    readonly args: readonly number[],
  ) {}

  /** An argument as a C int, which is what most calls take of a register. */
  int(index: number): number {
    return (this.args[index] ?? 0) | 0;
  }

  /** An argument as a 64-bit number: an integer, which {@link formFault} has seen to. */
  long(index: number): number {
    return this.args[index] ?? 0;
  }

  /** A count of bytes: negative or beyond what any process has is EFAULT by the copy that would follow. */
  size(index: number): number {
    const value = this.long(index);
    if (value < 0 || value > 2 ** 47) throw new SyscallError(Errno.EFAULT);
    return value;
  }

  pointer(index: number): number {
    return this.long(index);
  }

  /** So many bytes have been brought somewhere: a step for each page. */
  moved(bytes: number): void {
    this.state.work.step(1 + Math.floor(bytes / 4096));
  }

  readonly #upToDate = new Set<FileInode>();

  /** Before a file is looked at: what the guest wrote to its mappings. Once a call, in which the guest does nothing. */
  bringUpToDate(inode: FileInode): void {
    if (this.#upToDate.has(inode)) return;
    this.state.mappings.fetch(this.memory, inode);
    this.#upToDate.add(inode);
  }

  /** A path, as latin1. */
  path(index: number): string {
    return this.text(index, PATH_MAX);
  }

  /** A string of at most `max` bytes with its NUL, as latin1; ENAMETOOLONG beyond. */
  text(index: number, max: number): string {
    const address = this.pointer(index);
    const text = this.memory.readString(address, max).toString('latin1');
    this.strings.set(address, text);
    return text;
  }

  /** Writes a structure to the address in an argument. */
  put(index: number, data: Uint8Array): 0 {
    this.memory.write(this.pointer(index), data);
    return 0;
  }

  /** Like {@link put}, where NULL says that nobody wants it. */
  putUnlessNull(index: number, data: Uint8Array): 0 {
    return this.pointer(index) === 0 ? 0 : this.put(index, data);
  }
}

/**
 * One thing that a guest can ask of its kernel, whichever surface it came by: takes arguments where the Linux call
 * has them, returns what it would return, and throws SyscallError where that would fail.
 */
export type Operation = (call: Call) => number;

/** No argument of 64 bits lies beyond, rounded or not. */
const [LEAST, MOST] = [-(2 ** 63), 2 ** 64];

/** What is wrong with the arguments of a call of that arity, or null: each must be an integer of 64 bits, or rounded from one. */
export function formFault(name: string, args: readonly number[], arity: number): string | null {
  if (args.length !== arity) return `${args.length} arguments of ${name}, which has ${arity}`;
  for (const value of args)
    if (!Number.isInteger(value) || value < LEAST || value > MOST)
      return `an argument of ${name} is ${value}`;
  return null;
}
