import { z } from 'zod';

const MIB = 1024 * 1024;

/** The least memory limit with which the interpreter can run a program at all, in bytes above its own. */
export const MIN_MEMORY_BYTES = 8 * MIB;

/** Elapsed time of a run, milliseconds. */
const MOST_WALL_MS = 7_200_000;

const positive = (max: number) => z.number().int().positive().max(max);

/**
 * What one run may use. Times in milliseconds, sizes in bytes, the rest are counts.
 * Limits count from the moment the guest opens its program: the interpreter's start-up is not the program's.
 */
export const limitsSchema = z
  .strictObject({
    cpuMs: positive(3_600_000).describe('CPU time of the program, milliseconds'),
    wallMs: positive(MOST_WALL_MS).describe('Elapsed time of the program, milliseconds'),
    memoryBytes: z
      .number()
      .int()
      .min(MIN_MEMORY_BYTES)
      .max(64 * 1024 * MIB)
      .describe("Memory above the interpreter's own, bytes"),
    outputBytes: positive(256 * MIB).describe('stdout and stderr together, bytes'),
    diskBytes: positive(4096 * MIB).describe('Files in the in-memory file systems together, bytes'),
    files: positive(1_000_000).describe('Files and directories that may exist at once'),
    openFiles: positive(4096).describe('Descriptors that may be open at once'),
    syscalls: positive(1_000_000_000).describe('System calls answered by the controller'),
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
});

/** What a request says of its limits: any of them, the rest are the defaults. */
export const partialLimitsSchema = limitsSchema.partial().meta({ id: 'LimitsRequest' });

/** An absent limit and an undefined one mean the same: the default. */
export type LimitsRequest = z.infer<typeof partialLimitsSchema>;

/** Fills in the defaults. Wall time, where only CPU time is given, is three times that and two seconds more, as far as it may. */
export function completeLimits(given: LimitsRequest | undefined, defaults: Limits = DEFAULT_LIMITS): Limits {
  const limits: Limits = { ...defaults, ...dropUndefined(given ?? {}) };
  if (given?.cpuMs !== undefined && given.wallMs === undefined) {
    limits.wallMs = Math.min(MOST_WALL_MS, Math.max(defaults.wallMs, 3 * given.cpuMs + 2_000));
  }
  return limits;
}

function dropUndefined(value: LimitsRequest): Partial<Limits> {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined));
}
