import { Errno, PATH_MAX, SyscallError } from '@sandpiper/abi';
import type { FileInode } from '@sandpiper/vfs';
import type { KernelState } from './state.js';
import type { GuestMemory } from './types.js';

/** One call being answered: the state, the guest's memory, and what its trace will show. */
export class Call {
  /** Strings read for this call, by address. */
  readonly strings = new Map<number, string>();
  /** The errno that a C function leaves behind without failing. */
  errno: Errno | null = null;

  constructor(
    readonly state: KernelState,
    readonly memory: GuestMemory,
    readonly name: string,
    readonly args: readonly number[],
  ) {}

  /** An argument as a C int, the width that most calls use of a register. */
  int(index: number): number {
    return (this.args[index] ?? 0) | 0;
  }

  /** An argument as a 64-bit number: {@link formFault} has checked that it is an integer. */
  long(index: number): number {
    return this.args[index] ?? 0;
  }

  /** A count of bytes. Negative or beyond any address space, the copy that follows would fail with EFAULT. */
  size(index: number): number {
    const value = this.long(index);
    if (value < 0 || value > 2 ** 47) throw new SyscallError(Errno.EFAULT);
    return value;
  }

  pointer(index: number): number {
    return this.long(index);
  }

  /** Counts the work of moving this many bytes: a step per page. */
  moved(bytes: number): void {
    this.state.work.step(1 + Math.floor(bytes / 4096));
  }

  readonly #upToDate = new Set<FileInode>();

  /**
   * Before a file is read: fetches what the guest wrote to its mappings. Once per call, as the guest is
   * stopped.
   */
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

  /** Writes a structure to the address held by an argument. */
  put(index: number, data: Uint8Array): 0 {
    this.memory.write(this.pointer(index), data);
    return 0;
  }

  /** Like {@link put}; does nothing where the address is NULL. */
  putUnlessNull(index: number, data: Uint8Array): 0 {
    return this.pointer(index) === 0 ? 0 : this.put(index, data);
  }
}

/**
 * One thing that a guest can ask of its kernel, through either surface: takes arguments where the Linux call
 * has them, returns what it would return, and throws SyscallError where it would fail.
 */
export type Operation = (call: Call) => number;

/** No 64-bit argument lies beyond this, rounded or not. */
const [LEAST, MOST] = [-(2 ** 63), 2 ** 64];

/** What is wrong with the arguments of a call, or null: `arity` integers of 64 bits, possibly rounded. */
export function formFault(name: string, args: readonly number[], arity: number): string | null {
  if (args.length !== arity) return `${args.length} arguments of ${name}, which has ${arity}`;
  for (const value of args)
    if (!Number.isInteger(value) || value < LEAST || value > MOST)
      return `an argument of ${name} is ${value}`;
  return null;
}
