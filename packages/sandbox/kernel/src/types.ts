import type { Errno } from '@sandpiper/abi';
import type { HostView } from '@sandpiper/vfs';
import type { GuestClock } from './clock.js';

/** The memory of the guest whose call is being answered. Addresses and sizes in bytes. */
export interface GuestMemory {
  /** Throws SyscallError(EFAULT) on a bad address. */
  read(address: number, size: number): Buffer;
  /** Without its NUL. Throws SyscallError: EFAULT, or ENAMETOOLONG when no NUL stands within `max` bytes. */
  readString(address: number, max: number): Buffer;
  /** A bad address makes the call's result -EFAULT. */
  write(address: number, data: Uint8Array): void;
  /** A native call of the guest under its filter; negative errno on failure. Only under the shim. */
  syscall(number: number, ...args: number[]): number;
  /** Allocates a block in the guest, filled with `data`; its address, or 0 where the guest has no room. */
  malloc(data: Uint8Array): number;
  free(address: number): void;
}

/** The limits that end a run in the middle of a call; at the others a call fails (ENOSPC, EMFILE), and the run goes on. */
export type EndingLimit = 'outputBytes' | 'syscalls';

/** What no guest gets, as far as a result names it. */
export type DeniedKind = 'processes' | 'threads' | 'sockets';

/** What becomes of a call. */
export type CallOutcome =
  /** A C function may leave an errno without failing. */
  | { readonly kind: 'return'; readonly value: number; readonly errno: Errno | null }
  | { readonly kind: 'error'; readonly errno: Errno }
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'signal'; readonly signal: number }
  | { readonly kind: 'limit'; readonly limit: EndingLimit }
  /** No guest that speaks as the engine does makes such a call. */
  | { readonly kind: 'violation'; readonly why: string };

export interface InputStream {
  /** At most `max` bytes; empty at the end. May wait; null when a signal for the guest came first. */
  read(max: number): Buffer | null;
  /** The guest has closed its last descriptor of it. */
  closed?(): void;
  /** Where it is one. */
  readonly terminal?: Terminal | undefined;
}

/** Input whose bytes are all there before the guest begins: the guest sees a file that it cannot change. */
export interface InputFile {
  /** Bytes. A file of the host may change while the guest runs. */
  readonly size: number;
  /** The position of the guest's descriptor 0 at first. */
  readonly begin: number;
  /** At most `length` bytes from `offset`, fewer only at the end. The caller leaves them as they are. */
  readAt(offset: number, length: number): Buffer;
}

/** What descriptor 0 is: a stream looks like a pipe; `null` is the device /dev/null. */
export type GuestInput = InputStream | InputFile | 'null';

export interface OutputStream {
  /**
   * Takes some of the bytes, at least one, and returns how many. @throws SyscallError where write(2) would
   * fail
   */
  write(data: Buffer): number;
  /** The guest has closed its last descriptor of it. */
  closed?(): void;
  /** Where it is one. */
  readonly terminal?: Terminal | undefined;
}

/** The size of a terminal, characters. */
export interface Terminal {
  readonly columns: number;
  readonly rows: number;
}

/** A folder or file of the host that the guest sees, read-only. */
export interface HostMount extends HostView {
  readonly host: string;
  readonly path: string;
}

export interface KernelLimits {
  readonly outputBytes: number;
  readonly diskBytes: number;
  readonly files: number;
  readonly openFiles: number;
  readonly syscalls: number;
  /** Shown to the guest as the memory of its machine; held by others. */
  readonly memoryBytes?: number;
  /** The soft limit of RLIMIT_STACK at first, and the most that the guest gets; held by others. */
  readonly stackBytes?: number;
}

/** What a forked process inherits from its parent, besides memory (fork(2)); read-only. */
export interface Inheritance {
  /** Handlers: signal number to struct sigaction. */
  readonly sigactions: ReadonlyMap<number, Buffer>;
  readonly alternateStack: Buffer;
  readonly umask: number;
}

export interface KernelOptions {
  readonly limits: KernelLimits;
  readonly stdin: GuestInput;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Absolute; created in memory, writable by the guest. */
  readonly cwd: string;
  /** At absolute virtual paths; not charged to the quota. */
  readonly files: readonly { readonly path: string; readonly data: Uint8Array }[];
  /** Folders besides `cwd` and /tmp that the guest finds and may write to. Absolute. */
  readonly folders?: readonly string[];
  /** What the interpreter needs. Most of it is looked up when the guest looks there. */
  readonly hostMounts: readonly HostMount[];
  /** Of the run. They may be in each other's way, so they are placed at once: PlacementError. */
  readonly mounts?: readonly HostMount[];
  readonly argv: readonly string[];
  readonly executable: string;
  /** The environment that a C library in the guest would see; empty where the guest has its own. */
  readonly env: Readonly<Record<string, string>>;
  readonly clock: GuestClock;
  /** CPU time that the guest has used, nanoseconds; elapsed time where it cannot be measured. */
  readonly cpuNs?: () => bigint;
  /** What the guest's memory is, KiB by names of proc_pid_status(5); invented where it cannot be measured. */
  readonly memoryFigures?: () => ReadonlyMap<string, number>;
  readonly randomBytes: (count: number) => Buffer;
  /** Sends the guest the signal of a timer after a delay and then at each interval, nanoseconds; 0 stops it. */
  readonly setTimer?: (which: IntervalTimer, firstNs: bigint, intervalNs: bigint) => void;
  /** Bounds the guest's stack from now on, bytes; at most the limit of the run. */
  readonly setStack?: (bytes: number) => void;
  /** Polled while a call waits; true ends the wait. */
  readonly shouldStop?: () => boolean;
  /**
   * Called regularly within a long call; what it throws ends the call and propagates from
   * {@link GuestKernel.call}.
   */
  readonly look?: () => void;
  /** The parent's state, where the guest is forked. */
  readonly inheritance?: Inheritance;
  /** One line per call, as strace would show it. */
  readonly trace?: (line: string) => void;
  /**
   * Called once, before the answer, when a call first finds something of the run's: a file, a name in argv.
   */
  readonly onOwnFound?: () => void;
  /** The guest's memory could not grow by so many bytes, and the call says so. */
  readonly onGrowthRefused?: (bytes: number) => void;
  /** Where the run's files lie, besides its folder and /tmp. Absolute. */
  readonly ownPaths?: readonly string[];
}

/** The timers of setitimer(2), by their numbers: of elapsed time, and of CPU time. */
export const ITIMER = { REAL: 0, VIRTUAL: 1, PROF: 2 } as const;
export type IntervalTimer = (typeof ITIMER)[keyof typeof ITIMER];

/** Thrown by an operation that ends the run instead of answering. */
export class RunEnds extends Error {
  constructor(readonly outcome: CallOutcome) {
    super(outcome.kind);
  }
}
