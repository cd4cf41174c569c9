import { z } from 'zod';

const MIB = 1024 * 1024;

/** Minimum memory limit with which the interpreter can run a program, bytes above its own use. */
export const MIN_MEMORY_BYTES = 8 * MIB;

/** Minimum stack with which the interpreter keeps its own promise, a recursion of 1000 levels. */
const MIN_STACK_BYTES = MIB;
const DEFAULT_MEMORY_BYTES = 256 * MIB;
const MAX_MEMORY_BYTES = 64 * 1024 * MIB;

/** Minimum number of descriptors for a start: the standard streams, and files that the interpreter opens. */
const MIN_OPEN_FILES = 8;
const MAX_WALL_MS = 7_200_000;
const MAX_CPU_MS = 3_600_000;
const DEFAULT_CPU_MS = 10_000;

/**
 * CPU time that the controller may take for the calls of a program that may have `cpuMs` itself, milliseconds. A usual call
 * costs the controller what it costs the guest, so a program that makes many calls meets its own limit long before this one.
 */
export function controllerCpuFor(cpuMs: number): number {
  return 2 * cpuMs + 1_000;
}

/** Message of a run that ends by `controllerCpuMs`; its status is syscall-limit, as for too many calls. */
export const CONTROLLER_CPU_MESSAGE =
  "the program's system calls took the controller more CPU time than its limit";

/** The message of a run with the status `memory-limit` that failed without having touched more than its limit. */
export const REFUSED_MEMORY_MESSAGE = 'the program failed after a growth of its memory was refused';

/**
 * The message of a run that died because its stack could not grow. Its status is runtime-error, its signal that of any
 * bad address.
 */
export const STACK_OVERFLOW_MESSAGE = 'stack overflow';

/** One limit: its bounds in a request, what it is when a request does not name it, and what it counts. */
export interface LimitRow {
  readonly min: number;
  readonly max: number;
  readonly default: number;
  readonly description: string;
  /** The setting of the scheduler that caps it; absent where it follows from another limit. */
  readonly ceiling?: { readonly setting: string; readonly default?: number };
}

/**
 * Every limit of a run, once: the schema of a request, the defaults, and the ceilings of the scheduler come of this table.
 * Names ending in `Ms` are milliseconds, in `Bytes` bytes; the rest are counts.
 */
export const LIMITS = {
  cpuMs: {
    min: 1,
    max: MAX_CPU_MS,
    default: DEFAULT_CPU_MS,
    description: 'CPU time of the program, milliseconds',
    ceiling: { setting: 'SANDPIPER_MAX_CPU_MS' },
  },
  wallMs: {
    min: 1,
    max: MAX_WALL_MS,
    default: 30_000,
    description: 'Elapsed time of the program, milliseconds',
    ceiling: { setting: 'SANDPIPER_MAX_WALL_MS' },
  },
  memoryBytes: {
    min: MIN_MEMORY_BYTES,
    max: MAX_MEMORY_BYTES,
    default: DEFAULT_MEMORY_BYTES,
    description: "Memory above the interpreter's own, bytes",
    ceiling: { setting: 'SANDPIPER_MAX_MEMORY_BYTES' },
  },
  stackBytes: {
    min: MIN_STACK_BYTES,
    max: MAX_MEMORY_BYTES,
    default: DEFAULT_MEMORY_BYTES,
    description: 'Stack of the program, bytes; at most memoryBytes, by default as much',
  },
  outputBytes: {
    min: 1,
    max: 256 * MIB,
    default: 16 * MIB,
    description: 'stdout and stderr together, bytes',
    ceiling: { setting: 'SANDPIPER_MAX_OUTPUT_BYTES', default: 16 * MIB },
  },
  diskBytes: {
    min: 1,
    max: 4096 * MIB,
    default: 64 * MIB,
    description: 'Files in the in-memory file systems together, bytes',
    ceiling: { setting: 'SANDPIPER_MAX_DISK_BYTES', default: 512 * MIB },
  },
  files: {
    min: 1,
    max: 1_000_000,
    default: 10_000,
    description: 'Files and directories that may exist at once',
    ceiling: { setting: 'SANDPIPER_MAX_FILES', default: 100_000 },
  },
  // The default is the soft limit of a login on Debian.
  openFiles: {
    min: MIN_OPEN_FILES,
    max: 4096,
    default: 1024,
    description: 'Descriptors that may be open at once, the standard streams among them',
    ceiling: { setting: 'SANDPIPER_MAX_OPEN_FILES' },
  },
  syscalls: {
    min: 1,
    max: 1_000_000_000,
    default: 10_000_000,
    description: 'System calls answered by the controller',
    ceiling: { setting: 'SANDPIPER_MAX_SYSCALLS' },
  },
  controllerCpuMs: {
    min: 1,
    max: controllerCpuFor(MAX_CPU_MS),
    default: controllerCpuFor(DEFAULT_CPU_MS),
    description:
      'CPU time of the controller for those calls, milliseconds; by default twice cpuMs and a second more',
  },
} as const satisfies Record<string, LimitRow>;

export type LimitName = keyof typeof LIMITS;
export const LIMIT_NAMES = Object.keys(LIMITS) as readonly LimitName[];

/** One value for each limit, from its name and its row. */
function perLimit<T>(valueOf: (row: LimitRow) => T): Record<LimitName, T> {
  const rows = Object.entries<LimitRow>(LIMITS);
  return Object.fromEntries(rows.map(([name, row]) => [name, valueOf(row)])) as Record<LimitName, T>;
}

/**
 * What one run may use. Limits count from the moment the guest finds something of its run (a file, its folder, its input):
 * the interpreter's start is not the program's.
 */
export const limitsSchema = z
  .strictObject(
    perLimit(({ min, max, description }) => z.number().int().min(min).max(max).describe(description)),
  )
  .meta({ id: 'Limits' });

export type Limits = z.infer<typeof limitsSchema>;

export const DEFAULT_LIMITS: Readonly<Limits> = Object.freeze(perLimit((row) => row.default));

/** The limits in a request: any subset, the rest are the defaults. */
export const partialLimitsSchema = limitsSchema.partial().meta({ id: 'LimitsRequest' });

/** An absent or undefined limit means the default. */
export type LimitsRequest = z.infer<typeof partialLimitsSchema>;

/**
 * Fills in the defaults. If only CPU time is given, wall time is three times as much plus two seconds, up to
 * its maximum, and the controller's time follows {@link controllerCpuFor}. The stack is as large as the memory.
 */
export function completeLimits(given: LimitsRequest | undefined, defaults: Limits = DEFAULT_LIMITS): Limits {
  const limits: Limits = { ...defaults, ...dropUndefined(given ?? {}) };
  if (given?.cpuMs !== undefined && given.wallMs === undefined) {
    limits.wallMs = Math.min(MAX_WALL_MS, Math.max(defaults.wallMs, 3 * given.cpuMs + 2_000));
  }
  if (given?.cpuMs !== undefined && given.controllerCpuMs === undefined) {
    limits.controllerCpuMs = controllerCpuFor(given.cpuMs);
  }
  if (given?.stackBytes === undefined) limits.stackBytes = limits.memoryBytes;
  return limits;
}

/** Whether the limits ask for more stack than memory, of which it is a part. */
export function stackExceedsMemory(given: LimitsRequest): boolean {
  const { memoryBytes = DEFAULT_MEMORY_BYTES, stackBytes = 0 } = given;
  return stackBytes > memoryBytes;
}

function dropUndefined(value: LimitsRequest): Partial<Limits> {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined));
}
