import { z } from 'zod';
import { limitsSchema } from './limits.js';
import { engineSchema } from './run-request.js';

/** How an execution ended. What a grader thinks of the output is a verdict, and lives elsewhere. */
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
      .describe("Elapsed time before that, from the cell's taking the run to the begin of its program"),
    waitMs: milliseconds
      .optional()
      .describe('Time that the program could have run and had no CPU, where the kernel tells'),
    throttledMs: milliseconds
      .optional()
      .describe('Time that the cap on its CPU kept it waiting, start-up included, where the node has a cap'),
    peakMemoryBytes: count.describe("Peak resident memory above the interpreter's own"),
    syscalls: count,
    bytesRead: count.describe('Bytes that reads of the guest returned'),
    bytesWritten: count.describe('Bytes that the guest wrote'),
  })
  .meta({ id: 'Usage' });

export type Usage = z.infer<typeof usageSchema>;

export const ENFORCERS = [
  'keeper-clock',
  'keeper-watch',
  'rlimit',
  'cgroup-v2',
  'cgroup-v1',
  'none',
] as const;
const enforcerSchema = z.enum(ENFORCERS);

export const enforcementSchema = z
  .strictObject({ cpu: enforcerSchema, wall: enforcerSchema, memory: enforcerSchema })
  .meta({ id: 'Enforcement' });

export type Enforcement = z.infer<typeof enforcementSchema>;

/** What all files that a result holds may take together, bytes. */
export const MAX_OUTPUT_FILES_BYTES = 16 * 1024 * 1024;

/** A file that the run left: `content`, or `contentBase64` where it is not UTF-8. */
export const outputFileSchema = z
  .strictObject({
    name: z.string(),
    content: z.string().optional(),
    contentBase64: z.string().optional(),
  })
  .meta({ id: 'OutputFile' });

export type OutputFile = z.infer<typeof outputFileSchema>;

/**
 * What came of a run; the CLI, the API and the queue share it. Output that is not UTF-8 stands in the
 * `...Base64` twin, and the plain field then holds a readable rendering with U+FFFD.
 */
export const runResultSchema = z
  .strictObject({
    id: z.string(),
    status: runStatusSchema,
    exitCode: z.number().int().nullable().describe('null when a signal or the sandbox ended the program'),
    signal: z.string().nullable().describe('e.g. SIGSEGV, when the program died of one of its own'),
    stdout: z.string(),
    stdoutBase64: z.string().optional(),
    stderr: z.string(),
    stderrBase64: z.string().optional(),
    stdoutTruncated: z.boolean(),
    stderrTruncated: z.boolean(),
    unreliable: z
      .string()
      .optional()
      .describe('Why the times are not to be trusted: a grader may repeat the run'),
    message: z.string().nullable().describe('One line that says why, for every status but ok'),
    transcriptDigest: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional()
      .describe('SHA-256 over all calls of a deterministic run: the same run has the same'),
    outputs: z.array(outputFileSchema).optional().describe('The files that were asked for'),
    missingOutputs: z
      .record(z.string(), z.string())
      .optional()
      .describe('Files that were asked for and cannot be given, each with the reason'),
    deniedCalls: z
      .record(z.string(), count)
      .describe('System calls that were denied, by name, with how often; at most 32 names'),
    usage: usageSchema,
    limits: limitsSchema,
    enforcement: enforcementSchema,
    engine: engineSchema,
    start: z
      .enum(['cold', 'forked', 'waiting'])
      .optional()
      .describe(
        'Whether the interpreter was started for this run, forked of one that was parked, or had been started and waited',
      ),
    attempt: count,
    node: z.string().nullable(),
    cell: count.nullable(),
    startedAt: z.iso.datetime(),
    finishedAt: z.iso.datetime(),
  })
  .meta({ id: 'RunResult' });

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
