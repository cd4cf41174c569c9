import type { Limits, RunRequest } from '@sandpiper/contracts';
import type { HostMount, Terminal } from '@sandpiper/kernel';
import type { Interpreter } from './engines.js';
import type { LivePort } from './live-port.js';
import type { Runtime } from './runtime.js';

/** A file of the run, at an absolute virtual path. */
export interface GuestFile {
  readonly path: string;
  readonly data: Uint8Array;
}

/** What a thread needs to run one program; crosses the thread boundary, so data only. */
export interface GuestJob {
  readonly id: string;
  readonly attempt: number;
  readonly interpreter: Interpreter;
  /** The program as the guest's argv names it, absolute or relative to its folder; null where it is no file. */
  readonly programPath: string | null;
  /** Without a program: the words in its place, such as `-c CODE`, `-m MODULE` or `-`; absent for a prompt. */
  readonly instead?: readonly string[];
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The guest's working directory: absolute, in memory, writable. */
  readonly folder: string;
  readonly files: readonly GuestFile[];
  /** Folders of the host that the guest sees, read-only. */
  readonly mounts: readonly HostMount[];
  readonly stdin:
    | { readonly kind: 'buffer'; readonly data: Uint8Array }
    | { readonly kind: 'fd'; readonly fd: number }
    | { readonly kind: 'live' };
  /** `live-capture`: delivered as it comes, and in the result too. */
  readonly output: 'capture' | 'pass-through' | 'live' | 'live-capture';
  /** The size of the terminal of this process, where it has one: the guest's descriptors are terminals where ours are. */
  readonly terminal?: Terminal;
  /** Standard error goes where standard output goes, in the order of the writes. */
  readonly combined?: boolean;
  readonly tracePath: string | null;
  /** Clock, randomness and addresses are the same in every run. */
  readonly deterministic: Determinism | null;
  /** Paths of files whose content the result shall hold, absolute or from the folder. */
  readonly outputs: readonly string[];
  readonly limits: Limits;
  /** From the request: see assertEnforceable. */
  readonly accept?: RunRequest['accept'];
}

/**
 * The words after the interpreter's own name. A program is never taken for an interpreter option, whatever
 * its name.
 */
export function argvOf(job: GuestJob): readonly string[] {
  if (job.programPath === null) return [...(job.instead ?? ['-u', '-i']), ...job.args];
  const words = wordsOfProgram(job);
  return words[0]?.startsWith('-') === true ? ['--', ...words] : words;
}

/** What the program finds in sys.argv. */
export function wordsOfProgram({ programPath, args }: GuestJob): readonly string[] {
  // Even after "--", "-" alone means standard input.
  const name = programPath === '-' ? './-' : programPath;
  return name === null ? ['', ...args] : [name, ...args];
}

export interface Determinism {
  /** The seed of all random bytes. */
  readonly seed: string;
  /** The time at which the run begins, milliseconds since 1970. */
  readonly epochMs: number;
  /** Where the transcript is written, or null for its digest alone. */
  readonly transcriptPath: string | null;
}

/** Where it runs. */
export interface CellContext {
  readonly keeperDirectory: string;
  readonly cpu: number | null;
  readonly node: string | null;
  readonly cell: number | null;
  /** How many cells its process has. */
  readonly cells: number;
  /** The largest memory limit that the cell can hold beside its neighbours. */
  readonly largestMemoryBytes: number;
  /**
   * Words shared by thread and main thread: the guest's process id, whether the run is cancelled, and the
   * thread's id.
   */
  readonly shared: Int32Array;
  /** The modules that the cell's parent imports before it parks; null: every run starts cold. */
  readonly profile: readonly string[] | null;
  /** What the cell's first parent runs. */
  readonly runtime: Runtime;
  /** For a job whose streams are `live`. */
  readonly live: LivePort | null;
}

export const SHARED_PID = 0;
export const SHARED_CANCELLED = 1;
export const SHARED_THREAD = 2;
