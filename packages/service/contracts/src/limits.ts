import { z } from 'zod';

const MIB = 1024 * 1024;

/** Minimum memory limit with which the interpreter can run a program, bytes above its own use. */
export const MIN_MEMORY_BYTES = 8 * MIB;

/** Minimum number of descriptors for a start: the standard streams, and files that the interpreter opens. */
const MIN_OPEN_FILES = 8;
/** Elapsed time of a run, milliseconds. */
const MAX_WALL_MS = 7_200_000;

const positive = (max: number) => z.number().int().positive().max(max);

const MAX_CPU_MS = 3_600_000;

/**
 * The controller's CPU limit for a program with the given CPU limit, milliseconds. A usual call costs the
 * controller as much as the guest, so a program with many calls reaches its own limit long before this one.
 */
export function controllerCpuFor(cpuMs: number): number {
  return 2 * cpuMs + 1_000;
}

/** Message of a run that ends by `controllerCpuMs`; its status is syscall-limit, as for too many calls. */
export const CONTROLLER_CPU_MESSAGE =
  "the program's system calls took the controller more CPU time than its limit";

/**
 * The limits of one run. Times in milliseconds, sizes in bytes, the rest are counts. Counting starts when the
 * guest first touches something of its run (a file, its folder, its input), so the interpreter's start-up is
 * excluded.
 */
export const limitsSchema = z
  .strictObject({
    cpuMs: positive(MAX_CPU_MS).describe('CPU time of the program, milliseconds'),
    wallMs: positive(MAX_WALL_MS).describe('Elapsed time of the program, milliseconds'),
    memoryBytes: z
      .number()
      .int()
      .min(MIN_MEMORY_BYTES)
      .max(64 * 1024 * MIB)
      .describe("Memory above the interpreter's own, bytes"),
    outputBytes: positive(256 * MIB).describe('stdout and stderr together, bytes'),
    diskBytes: positive(4096 * MIB).describe('Files in the in-memory file systems together, bytes'),
    files: positive(1_000_000).describe('Files and directories that may exist at once'),
    openFiles: z
      .number()
      .int()
      .min(MIN_OPEN_FILES)
      .max(4096)
      .describe('Descriptors that may be open at once, the standard streams among them'),
    syscalls: positive(1_000_000_000).describe('System calls answered by the controller'),
    controllerCpuMs: positive(controllerCpuFor(MAX_CPU_MS)).describe(
      'CPU time of the controller for those calls, milliseconds; by default twice cpuMs and a second more',
    ),
  })
  .meta({ id: 'Limits' });

export type Limits = z.infer<typeof limitsSchema>;

export const DEFAULT_LIMITS: Limits = Object.freeze({
  cpuMs: 10_000,
  wallMs: 30_000,
  memoryBytes: 256 * MIB,
  outputBytes: 16 * MIB,
  diskBytes: 64 * MIB,
  files: 10_000,
  openFiles: 256,
  syscalls: 10_000_000,
  controllerCpuMs: controllerCpuFor(10_000),
});

/** The limits in a request: any subset, the rest are the defaults. */
export const partialLimitsSchema = limitsSchema.partial().meta({ id: 'LimitsRequest' });

/** An absent or undefined limit means the default. */
export type LimitsRequest = z.infer<typeof partialLimitsSchema>;

/**
 * Fills in the defaults. If only CPU time is given, wall time is three times as much plus two seconds, up to
 * its maximum, and the controller's time follows {@link controllerCpuFor}.
 */
export function completeLimits(given: LimitsRequest | undefined, defaults: Limits = DEFAULT_LIMITS): Limits {
  const limits: Limits = { ...defaults, ...dropUndefined(given ?? {}) };
  if (given?.cpuMs !== undefined && given.wallMs === undefined) {
    limits.wallMs = Math.min(MAX_WALL_MS, Math.max(defaults.wallMs, 3 * given.cpuMs + 2_000));
  }
  if (given?.cpuMs !== undefined && given.controllerCpuMs === undefined) {
    limits.controllerCpuMs = controllerCpuFor(given.cpuMs);
  }
  return limits;
}

function dropUndefined(value: LimitsRequest): Partial<Limits> {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined));
}
