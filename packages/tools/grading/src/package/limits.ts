import { DEFAULT_LIMITS, type Limits, limitsSchema, MIN_MEMORY_BYTES } from '@sandpiper/contracts';
import { z } from 'zod';
import { type FormatVersion, isLegacy } from './version.js';

const MIB = 1024 * 1024;
const KIB = 1024;

/** What the judges of the format give a program where its package does not say. */
const DEFAULT_MEMORY_MIB = 2048;
const DEFAULT_VALIDATION = { seconds: 60, memoryMib: 2048, outputMib: 8 };
const MAX_SECONDS = 3600;
/** Packages ask for more than a run can have; no program that is right prints as much. */
const MAX_OUTPUT_MIB = 1024 * 1024;
export const MOST_OUTPUT_MIB = (limitsSchema.shape.outputBytes.maxValue ?? Infinity) / MIB;

/** The limits that a problem sets; all others are the server's defaults. */
export type ProblemLimits = Pick<Limits, 'cpuMs' | 'wallMs' | 'memoryBytes' | 'outputBytes'>;

const number = z.number({
  error: ({ code }) => (code === 'invalid_type' ? 'must be a finite number' : undefined),
});
const mebibytes = (min: number, max: number) => number.min(min).max(max).optional().describe('MiB');
const seconds = number.positive().max(MAX_SECONDS).optional();

/** The format counts sizes in MiB and calls them `memory` and `output`; `_mb` says the unit. Either, not both. */
export const limitsYamlSchema = z
  .strictObject({
    time_limit: seconds.describe('CPU time, seconds'),
    cpuMs: limitsSchema.shape.cpuMs.optional(),
    wallMs: limitsSchema.shape.wallMs.optional(),
    memory_mb: mebibytes(Math.ceil(MIN_MEMORY_BYTES / MIB), 65_536),
    memory: mebibytes(Math.ceil(MIN_MEMORY_BYTES / MIB), 65_536),
    output_mb: mebibytes(1, MAX_OUTPUT_MIB),
    output: mebibytes(1, MAX_OUTPUT_MIB),
    code: number.positive().max(65_536).optional().describe('KiB'),
    time_multiplier: number.positive().max(1000).optional(),
    time_safety_margin: number.positive().max(1000).optional(),
    time_multipliers: z
      .strictObject({
        ac_to_time_limit: number.min(1).max(1000).optional(),
        time_limit_to_tle: number.min(1).max(1000).optional(),
      })
      .optional(),
    time_resolution: seconds,
    validation_time: seconds,
    validation_memory: mebibytes(1, 65_536),
    validation_output: mebibytes(1, 4096),
    validation_passes: z.number().int().min(2).max(1000).optional(),
    // Python has no compilation that takes time.
    compilation_time: z.unknown().optional(),
    compilation_memory: z.unknown().optional(),
  })
  .refine((l) => l.time_limit === undefined || l.cpuMs === undefined, {
    message: 'give at most one of time_limit and cpuMs',
    path: ['cpuMs'],
  })
  .refine((l) => l.memory_mb === undefined || l.memory === undefined, {
    message: 'give at most one of memory_mb and memory',
    path: ['memory'],
  })
  .refine((l) => l.output_mb === undefined || l.output === undefined, {
    message: 'give at most one of output_mb and output',
    path: ['output'],
  });

type LimitsYaml = z.infer<typeof limitsYamlSchema>;

/** How the time limit follows from the slowest accepted and the fastest too slow submission. */
export interface Timing {
  /** What the package says, milliseconds of CPU time; null: it follows from the accepted submissions. */
  readonly cpuMs: number | null;
  readonly wallMs: number | null;
  readonly acToTimeLimit: number;
  readonly timeLimitToTle: number;
  readonly resolutionMs: number;
}

export interface ValidatorLimits {
  readonly cpuMs: number;
  readonly memoryBytes: number;
  readonly outputBytes: number;
}

export interface LimitSettings {
  readonly timing: Timing;
  readonly memoryBytes: number;
  /** false: the package names no memory limit, and a host that cannot hold the usual one may run it with less. */
  readonly memoryIsGiven: boolean;
  readonly outputBytes: number;
  readonly codeBytes: number | null;
  readonly validator: ValidatorLimits;
  readonly validationPasses: number;
}

export function limitSettingsOf(given: LimitsYaml, version: FormatVersion): LimitSettings {
  const memory = given.memory_mb ?? given.memory;
  const output = given.output_mb ?? given.output;
  return {
    timing: timingOf(given, version),
    memoryBytes: Math.round((memory ?? DEFAULT_MEMORY_MIB) * MIB),
    memoryIsGiven: memory !== undefined,
    outputBytes:
      output === undefined ? DEFAULT_LIMITS.outputBytes : Math.round(Math.min(output, MOST_OUTPUT_MIB) * MIB),
    codeBytes: given.code === undefined ? null : Math.round(given.code * KIB),
    validator: {
      cpuMs: Math.round((given.validation_time ?? DEFAULT_VALIDATION.seconds) * 1000),
      memoryBytes: Math.round((given.validation_memory ?? DEFAULT_VALIDATION.memoryMib) * MIB),
      outputBytes: Math.round((given.validation_output ?? DEFAULT_VALIDATION.outputMib) * MIB),
    },
    validationPasses: given.validation_passes ?? 2,
  };
}

/** Legacy multiplies the slowest accepted submission by 5, later versions by 2. */
function timingOf(given: LimitsYaml, version: FormatVersion): Timing {
  const defaults = isLegacy(version) ? { ac: 5, tle: 2 } : { ac: 2, tle: 1.5 };
  const fromSeconds =
    given.time_limit === undefined ? null : Math.max(1, Math.round(given.time_limit * 1000));
  return {
    cpuMs: given.cpuMs ?? fromSeconds,
    wallMs: given.wallMs ?? null,
    acToTimeLimit: given.time_multipliers?.ac_to_time_limit ?? given.time_multiplier ?? defaults.ac,
    timeLimitToTle: given.time_multipliers?.time_limit_to_tle ?? given.time_safety_margin ?? defaults.tle,
    resolutionMs: Math.max(1, Math.round((given.time_resolution ?? 1) * 1000)),
  };
}

/** The limits of a run under a time limit of `cpuMs`. */
export function limitsFor(settings: LimitSettings, cpuMs: number): ProblemLimits {
  return {
    cpuMs,
    // Generous, so that a busy host does not fail a right program, yet bounded for a program that sleeps.
    wallMs: Math.min(
      limitsSchema.shape.wallMs.maxValue ?? Infinity,
      settings.timing.wallMs ?? 3 * cpuMs + 2_000,
    ),
    memoryBytes: settings.memoryBytes,
    outputBytes: settings.outputBytes,
  };
}

/** The smallest multiple of the resolution that is `acToTimeLimit` times the slowest accepted run, milliseconds. */
export function timeLimitFrom(slowestMs: number, timing: Timing): number {
  const steps = Math.max(1, Math.ceil((slowestMs * timing.acToTimeLimit) / timing.resolutionMs - 1e-9));
  return Math.min(MAX_SECONDS * 1000, steps * timing.resolutionMs);
}
