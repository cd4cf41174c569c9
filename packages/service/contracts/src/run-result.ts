import { z } from 'zod';
import { retriesSchema } from './cpu-wait.js';
import { limitsSchema } from './limits.js';
import { MAX_MESSAGE_LENGTH } from './one-line.js';
import { REFUSED_KINDS } from './refusals.js';
import { engineSchema } from './run-request.js';
import { verdictFields } from './verdict.js';

/** How an execution ended. Verdicts on the output belong to graders, not here. */
export const RUN_STATUSES = [
  'ok',
  'runtime-error',
  'time-limit',
  'wall-limit',
  'memory-limit',
  'output-limit',
  'disk-limit',
  'syscall-limit',
  'violation',
  'deadlock',
  'cancelled',
  'internal-error',
] as const;

export const runStatusSchema = z.enum(RUN_STATUSES).meta({ id: 'RunStatus' });
export type RunStatus = z.infer<typeof runStatusSchema>;

const count = z.number().int().nonnegative();
const milliseconds = z.number().nonnegative();

export const usageSchema = z
  .strictObject({
    cpuMs: milliseconds.describe("CPU time of the program, without the interpreter's start-up"),
    startupCpuMs: milliseconds.describe("CPU time of the interpreter's start-up"),
    controllerCpuMs: milliseconds.describe('CPU time of the controller that answered the system calls'),
    wallMs: milliseconds.describe('Elapsed time of the program'),
    startupMs: milliseconds
      .optional()
      .describe(
        'Elapsed time before that, from the assignment of the run to a cell to the start of the program',
      ),
    waitMs: milliseconds
      .optional()
      .describe('Time that the program was runnable but had no CPU, where the kernel reports it'),
    controllerWaitMs: milliseconds
      .optional()
      .describe('Time that the controller could have answered the program but had no CPU, where known'),
    throttledMs: milliseconds
      .optional()
      .describe('Time that the CPU cap kept it waiting, start-up included, where the node has a cap'),
    peakMemoryBytes: count.describe("Peak resident memory above the interpreter's own"),
    refusedGrowth: count
      .optional()
      .describe('The largest growth of memory that was refused, bytes; absent when none was'),
    syscalls: count,
    bytesRead: count.describe('Bytes that the guest read'),
    bytesWritten: count.describe('Bytes that the guest wrote'),
  })
  .meta({ id: 'Usage' });

export type Usage = z.infer<typeof usageSchema>;

/** `keeper-ticks`: by a clock that counts ticks, so that a program which waits at each tick is charged too little. */
export const ENFORCERS = [
  'keeper-clock',
  'keeper-ticks',
  'keeper-watch',
  'cgroup-v2',
  'cgroup-v1',
  'none',
] as const;
const enforcerSchema = z.enum(ENFORCERS);

export const enforcementSchema = z
  .strictObject({ cpu: enforcerSchema, wall: enforcerSchema, memory: enforcerSchema })
  .meta({ id: 'Enforcement' });

export type Enforcement = z.infer<typeof enforcementSchema>;

/** Maximum total size of the files in a result, bytes. */
export const MAX_OUTPUT_FILES_BYTES = 16 * 1024 * 1024;

/** Which fields of a value are required, as JSON Schema, for the OpenAPI document. */
const oneOf = (name: string) => ({ oneOf: [{ required: [name] }, { required: [`${name}Base64`] }] });
const bothOrNone = <Name extends string>(value: { [Field in Name]?: string | undefined }, name: Name) =>
  (value[name] === undefined) === ((value as Record<string, unknown>)[`${name}Base64`] === undefined);
const notOne = (name: string) => ({ message: `exactly one of ${name} and ${name}Base64`, path: [name] });

/**
 * A file that the run left: exactly one of `content` and `contentBase64`, by the rule of
 * {@link runResultSchema}.
 */
export const outputFileSchema = z
  .strictObject({
    name: z.string(),
    content: z.string().optional(),
    contentBase64: z.string().optional(),
  })
  .refine((file) => !bothOrNone(file, 'content'), notOne('content'))
  .meta({ id: 'OutputFile', ...oneOf('content') });

export type OutputFile = z.infer<typeof outputFileSchema>;

const plainResultFields = z.strictObject({
  id: z.string(),
  status: runStatusSchema,
  exitCode: z.number().int().nullable().describe('null when a signal or the sandbox ended the program'),
  signal: z.string().nullable().describe('e.g. SIGSEGV, when the program died of its own signal'),
  stdout: z.string().optional(),
  stdoutBase64: z
    .string()
    .optional()
    .describe('Replaces stdout when it is not UTF-8, or when base64 is shorter than its JSON'),
  stderr: z.string().optional(),
  stderrBase64: z.string().optional().describe('Replaces stderr, by the same rule'),
  combined: z
    .string()
    .optional()
    .describe(
      'With `combined` in the request: what both streams got, in the order of the writes; stdout and stderr are empty then',
    ),
  combinedBase64: z.string().optional().describe('Replaces combined, by the same rule'),
  stdoutTruncated: z.boolean(),
  stderrTruncated: z.boolean(),
  unreliable: z
    .string()
    .optional()
    .describe('Why the times are unreliable, or that the run met its wall limit because it waited for a CPU'),
  retries: retriesSchema
    .min(1)
    .optional()
    .describe('How often the run was repeated because it had met its wall limit while it waited for a CPU'),
  message: z
    .string()
    .nullable()
    .describe(`The reason in one line, for every status but ok; at most ${MAX_MESSAGE_LENGTH} characters`),
  transcriptDigest: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional()
    .describe('SHA-256 over all calls of a deterministic run; equal runs have equal digests'),
  outputs: z.array(outputFileSchema).optional().describe('The requested files'),
  missingOutputs: z
    .record(z.string(), z.string())
    .optional()
    .describe('Requested files that are missing, each with the reason'),
  deniedCalls: z
    .record(z.string(), count)
    .describe('Denied system calls with their counts, by name; at most 32 names of at most 64 characters'),
  refused: z
    .array(z.enum(REFUSED_KINDS))
    .min(1)
    .max(REFUSED_KINDS.length)
    .optional()
    .describe('What the program asked for and no program gets, where there was something'),
  usage: usageSchema,
  limits: limitsSchema,
  enforcement: enforcementSchema,
  engine: engineSchema,
  runtime: z.string().optional().describe('The name of its runtime; absent for the default one of Debian'),
  start: z
    .enum(['cold', 'forked', 'waiting'])
    .optional()
    .describe(
      'Whether the interpreter was started for this run, forked from a parked one, or started earlier and waiting',
    ),
  attempt: count,
  node: z.string().nullable(),
  cell: count.nullable(),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
});

/** What one side said at once: exactly one of `data` and `dataBase64`. */
export const utteranceSchema = z
  .strictObject({
    from: z.enum(['program', 'interactor']),
    data: z.string().optional(),
    dataBase64: z.string().optional(),
  })
  .refine((said) => !bothOrNone(said, 'data'), notOne('data'))
  .meta({ id: 'Utterance', ...oneOf('data') });

export type Utterance = z.infer<typeof utteranceSchema>;

/** {@link runResultSchema} without its refinements: Zod cannot extend refined objects. */
export const runResultFields = plainResultFields.extend({
  ...verdictFields,
  interactor: plainResultFields
    .optional()
    .describe('How the second program ended, for a request with `interactor`'),
  endedFirst: z
    .enum(['program', 'interactor', 'neither'])
    .optional()
    .describe('Which of the two ended first; neither: both waited for input, and were ended (deadlock)'),
  endedWaiting: z
    .boolean()
    .optional()
    .describe('What ended first was waiting for the other then: the other kept it waiting'),
  conversation: z.array(utteranceSchema).optional().describe('What the two said, as far as it was asked for'),
  conversationTruncated: z.boolean().optional(),
});

/**
 * The result of a run, shared by the CLI, the API and the queue. Output is in the plain field or in its
 * `...Base64` twin, never in both, so that a result takes at most 1.4 times its output plus a few kilobytes
 * (`ByteEncoder`). Read it with `bytesOf` or `textOf`.
 */
export const runResultSchema = runResultFields
  .refine((result) => !bothOrNone(result, 'stdout'), notOne('stdout'))
  .refine((result) => !bothOrNone(result, 'stderr'), notOne('stderr'))
  .refine((result) => result.combined === undefined || result.combinedBase64 === undefined, {
    message: 'at most one of combined and combinedBase64',
    path: ['combined'],
  })
  .meta({ id: 'RunResult', allOf: [oneOf('stdout'), oneOf('stderr')] });

export type RunResult = z.infer<typeof runResultSchema>;

/** The answer to `GET /v1/runs/:id`. */
export const runStateSchema = z
  .strictObject({
    id: z.string(),
    state: z.enum(['queued', 'running', 'done']),
    result: runResultSchema.nullable(),
  })
  .meta({ id: 'RunState' });

export type RunState = z.infer<typeof runStateSchema>;
