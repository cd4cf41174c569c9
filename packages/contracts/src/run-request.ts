import { z } from 'zod';
import { partialLimitsSchema } from './limits.js';

/** Bounds of a request, in bytes or counts; each stands in the schema, so in the OpenAPI document too. */
export const REQUEST_BOUNDS = {
  sourceBytes: 8 * 1024 * 1024,
  stdinBytes: 64 * 1024 * 1024,
  files: 1000,
  args: 256,
  argBytes: 64 * 1024,
  env: 256,
  outputs: 100,
} as const;

const noNul = (what: string) => z.string().refine((s) => !s.includes('\0'), `${what} must not hold a NUL`);

/** A relative path without empty, `.` or `..` parts: it cannot leave the run's folder. */
export const fileNameSchema = noNul('a file name')
  .min(1)
  .max(1024)
  .refine(
    (name) => name.split('/').every((part) => part !== '' && part !== '.' && part !== '..'),
    'must be a relative path without empty, "." or ".." parts',
  )
  .refine(
    (name) => name.split('/').every((part) => Buffer.byteLength(part) <= 255),
    'a part of it is longer than 255 bytes',
  );

const base64 = (max: number) => z.base64().max(Math.ceil((max * 4) / 3) + 4);

export const runFileSchema = z
  .strictObject({
    name: fileNameSchema,
    content: z.string().max(REQUEST_BOUNDS.sourceBytes).optional(),
    contentBase64: base64(REQUEST_BOUNDS.sourceBytes).optional(),
  })
  .refine((f) => (f.content === undefined) !== (f.contentBase64 === undefined), {
    message: 'give exactly one of content and contentBase64',
    path: ['content'],
  })
  .meta({ id: 'RunFile' });

export type RunFile = z.infer<typeof runFileSchema>;

/** `seccomp`: the stock pypy3 under the shim. `rpython`: a PyPy translated with `--sandbox`, where a node has one. */
export const ENGINES = ['seccomp', 'rpython'] as const;
export const engineSchema = z.enum(ENGINES).meta({ id: 'Engine' });
export type Engine = z.infer<typeof engineSchema>;

const envSchema = z
  .record(
    z
      .string()
      .min(1)
      .max(256)
      .regex(/^[^=\0]+$/, 'a variable name holds neither "=" nor NUL'),
    noNul('a variable').max(REQUEST_BOUNDS.argBytes),
  )
  .refine((env) => Object.keys(env).length <= REQUEST_BOUNDS.env, `at most ${REQUEST_BOUNDS.env} variables`);

/** When a deterministic run begins, if nobody says: the first second of 2020, UTC. Seconds since 1970. */
export const DEFAULT_EPOCH_S = 1_577_836_800;
export const DEFAULT_SEED = '0';

/** The body of `POST /v1/runs`; the same object stands in a batch and in the queue. */
export const runRequestSchema = z
  .strictObject({
    source: z.string().max(REQUEST_BOUNDS.sourceBytes).optional().describe('The program, as text'),
    files: z.array(runFileSchema).max(REQUEST_BOUNDS.files).optional(),
    entry: fileNameSchema.optional().describe('The file that is run; default main.py'),
    args: z.array(noNul('an argument').max(REQUEST_BOUNDS.argBytes)).max(REQUEST_BOUNDS.args).optional(),
    stdin: z.string().max(REQUEST_BOUNDS.stdinBytes).optional(),
    stdinBase64: base64(REQUEST_BOUNDS.stdinBytes).optional(),
    env: envSchema.optional(),
    engine: engineSchema.optional(),
    deterministic: z
      .strictObject({
        seed: z.string().max(256).optional().describe('What all random bytes come from; default 0'),
        epoch: z
          .number()
          .int()
          .min(0)
          .max(253_402_300_799)
          .optional()
          .describe('When the run begins, seconds since 1970; default the first second of 2020'),
      })
      .optional()
      .describe('Made-up time, seeded chance: the same run every time'),
    outputs: z
      .array(fileNameSchema)
      .max(REQUEST_BOUNDS.outputs)
      .optional()
      .describe('Files that the result shall hold, as the run leaves them'),
    limits: partialLimitsSchema.optional(),
    accept: z
      .strictObject({
        weakerLimits: z
          .boolean()
          .optional()
          .describe(
            'true: run even where the node has less memory than the limit; false: only where a control group holds the memory limit',
          ),
      })
      .optional(),
    priority: z.number().int().min(0).max(100).optional().describe('0 is served first; default 50'),
    tags: z.array(z.string().min(1).max(128)).max(16).optional(),
    callbackUrl: z
      .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
      .max(2048)
      .optional()
      .describe('Told the result by a signed POST when the run has ended'),
    live: z
      .boolean()
      .optional()
      .describe(
        'Output can be followed while the run goes on, and its standard input is fed over /v1/runs/ID/stream',
      ),
    idempotencyKey: z.string().min(1).max(256).optional(),
  })
  .refine((r) => r.source !== undefined || (r.files !== undefined && r.files.length > 0), {
    message: 'give source or files',
    path: ['source'],
  })
  .refine((r) => !(r.source !== undefined && r.files?.some((f) => f.name === (r.entry ?? 'main.py'))), {
    message: 'source and a file of the entry name are both given',
    path: ['files'],
  })
  .refine(
    (r) => r.source !== undefined || r.files?.some((f) => f.name === (r.entry ?? 'main.py')) !== false,
    { message: 'no file has the name of the entry', path: ['entry'] },
  )
  .refine((r) => r.stdin === undefined || r.stdinBase64 === undefined, {
    message: 'give at most one of stdin and stdinBase64',
    path: ['stdin'],
  })
  .refine((r) => r.live !== true || (r.stdin === undefined && r.stdinBase64 === undefined), {
    message: 'a live run is fed over its stream; leave out stdin and stdinBase64',
    path: ['live'],
  })
  .refine((r) => r.live !== true || r.deterministic === undefined, {
    message: 'a deterministic run has all of its input beforehand',
    path: ['live'],
  })
  .meta({ id: 'RunRequest' });

export type RunRequest = z.infer<typeof runRequestSchema>;
