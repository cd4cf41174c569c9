import { DEFAULT_LIMITS, firstLine, type Limits, limitsSchema, MIN_MEMORY_BYTES } from '@sandpiper/contracts';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { parseCheckerFlags, type CheckerOptions } from './checker.js';
import { InputError } from './errors.js';

const MIB = 1024 * 1024;

/** The limits that a problem sets; all others are the server's defaults. */
export type ProblemLimits = Pick<Limits, 'cpuMs' | 'wallMs' | 'memoryBytes' | 'outputBytes'>;

export interface ProblemConfig {
  readonly name: string;
  readonly limits: ProblemLimits;
  readonly checker: CheckerOptions;
}

/** Kattis counts sizes in MiB and calls them `memory` and `output`; `_mb` says the unit. Either, not both. */
const limitsYamlSchema = z
  .strictObject({
    time_limit: z.number().positive().max(3600).optional().describe('CPU time, seconds'),
    cpuMs: limitsSchema.shape.cpuMs.optional(),
    wallMs: limitsSchema.shape.wallMs.optional(),
    memory_mb: mebibytes(Math.ceil(MIN_MEMORY_BYTES / MIB), 65_536),
    memory: mebibytes(Math.ceil(MIN_MEMORY_BYTES / MIB), 65_536),
    output_mb: mebibytes(1, 256),
    output: mebibytes(1, 256),
    // Kattis fields that have no effect here: derivation of the time limit from the judges' solutions, and
    // limits for compiling and for custom validators.
    time_multiplier: z.unknown().optional(),
    time_safety_margin: z.unknown().optional(),
    time_resolution: z.unknown().optional(),
    code: z.unknown().optional(),
    compilation_time: z.unknown().optional(),
    compilation_memory: z.unknown().optional(),
    validation_time: z.unknown().optional(),
    validation_memory: z.unknown().optional(),
    validation_output: z.unknown().optional(),
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

function mebibytes(min: number, max: number) {
  return z.number().int().min(min).max(max).optional().describe('MiB');
}

const problemYamlSchema = z.strictObject({
  name: z.union([z.string().min(1).max(256), z.record(z.string(), z.string().min(1).max(256))]),
  limits: limitsYamlSchema.optional(),
  validation: z.literal('default', 'only the default checker is supported').optional(),
  validator_flags: z.string().max(1024).optional(),
  // Kattis fields for human readers.
  problem_format_version: z.unknown().optional(),
  type: z.unknown().optional(),
  author: z.unknown().optional(),
  credits: z.unknown().optional(),
  source: z.unknown().optional(),
  source_url: z.unknown().optional(),
  license: z.unknown().optional(),
  rights_owner: z.unknown().optional(),
  keywords: z.unknown().optional(),
  uuid: z.unknown().optional(),
  version: z.unknown().optional(),
  grading: z.unknown().optional(),
  scoring: z.unknown().optional(),
});

/**
 * Parses the text of a `problem.yaml`. `where` names the file in errors.
 * @throws InputError one line with the path of the wrong field
 */
export function parseProblemYaml(text: string, where: string): ProblemConfig {
  const parsed = problemYamlSchema.safeParse(parseYaml(text, where));
  if (!parsed.success) throw new InputError(`${where}: ${describeIssue(parsed.error)}`);
  const { name, limits, validator_flags: flags } = parsed.data;
  return { name: pickName(name, where), limits: toLimits(limits ?? {}), checker: checkerOf(flags, where) };
}

function parseYaml(text: string, where: string): unknown {
  const document = parseDocument(text, { prettyErrors: true });
  const [error] = document.errors;
  if (error !== undefined) {
    const line = error.linePos?.[0].line;
    const place = line === undefined ? where : `${where}:${line}`;
    throw new InputError(`${place}: not YAML: ${faultOf(error.message)}`);
  }
  try {
    // The bound prevents a "billion laughs" attack with aliases.
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    return value;
  } catch (cause) {
    throw new InputError(`${where}: ${faultOf(String(cause))}`, { cause });
  }
}

function toLimits(given: z.infer<typeof limitsYamlSchema>): ProblemLimits {
  const cpuMs =
    given.cpuMs ??
    (given.time_limit === undefined
      ? DEFAULT_LIMITS.cpuMs
      : Math.max(1, Math.round(given.time_limit * 1000)));
  const memory = given.memory_mb ?? given.memory;
  const output = given.output_mb ?? given.output;
  return {
    cpuMs,
    // Generous, so that a busy host does not fail a right program, yet bounded for a program that sleeps.
    wallMs: given.wallMs ?? 3 * cpuMs + 2_000,
    memoryBytes: memory === undefined ? DEFAULT_LIMITS.memoryBytes : memory * MIB,
    outputBytes: output === undefined ? DEFAULT_LIMITS.outputBytes : output * MIB,
  };
}

function checkerOf(flags: string | undefined, where: string): CheckerOptions {
  try {
    return parseCheckerFlags(flags ?? '');
  } catch (error) {
    if (error instanceof InputError) throw new InputError(`${where}: validator_flags: ${error.message}`);
    throw error;
  }
}

function pickName(name: string | Record<string, string>, where: string): string {
  if (typeof name === 'string') return name;
  const picked = name['en'] ?? Object.values(name)[0];
  if (picked === undefined) throw new InputError(`${where}: name: must have at least one language`);
  return picked;
}

function describeIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return 'is wrong';
  if (issue.code === 'unrecognized_keys') {
    return `${[...issue.path, issue.keys[0] ?? '?'].join('.')}: unknown field`;
  }
  const path = issue.path.join('.');
  return path === '' ? 'must be a mapping with at least a name' : `${path}: ${issue.message}`;
}

/** A message of the YAML parser without the excerpt that follows it. */
const faultOf = (message: string): string => firstLine(message).replace(/:$/, '');
