import { z } from 'zod';
import { retriesSchema } from './cpu-wait.js';
import { interactorSchema, type InteractorRequest } from './interactor.js';
import type { Limits } from './limits.js';
import { REQUEST_BOUNDS } from './request-bounds.js';
import { base64 } from './run-files.js';
import { checkProgram, programFields } from './run-program.js';
import { expectedFault, expectedFields } from './verdict.js';

/**
 * `seccomp`: the stock pypy3 under the shim. `rpython`: a PyPy translated with `--sandbox`, where a node has
 * one.
 */
export const ENGINES = ['seccomp', 'rpython'] as const;
export const engineSchema = z.enum(ENGINES).meta({ id: 'Engine' });
export type Engine = z.infer<typeof engineSchema>;

/** The runtime of a run that names none. */
export const DEFAULT_RUNTIME_NAME = 'default';
export const runtimeNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'must be 1 to 63 of a-z, 0-9, ".", "_" and "-", the first no sign');

/** Default start of a deterministic run's clock: the first second of 2020, UTC. Seconds since 1970. */
export const DEFAULT_EPOCH_S = 1_577_836_800;
export const DEFAULT_SEED = '0';

/** The body of `POST /v1/runs`; batches and the queue use the same object. */
export const runRequestSchema = z
  .strictObject({
    ...programFields,
    stdin: z.string().max(REQUEST_BOUNDS.stdinBytes).optional(),
    stdinBase64: base64(REQUEST_BOUNDS.stdinBytes).optional(),
    engine: engineSchema.optional(),
    runtime: runtimeNameSchema
      .optional()
      .describe(
        'The interpreter with its libraries, one of `GET /v1/runtimes`; by default that of the nodes',
      ),
    deterministic: z
      .strictObject({
        seed: z.string().max(256).optional().describe('Seed of all randomness; default 0'),
        epoch: z
          .number()
          .int()
          .min(0)
          .max(253_402_300_799)
          .optional()
          .describe('Start of the simulated clock, seconds since 1970; default the first second of 2020'),
      })
      .optional()
      .describe('Simulated clock and seeded randomness: the same run every time'),
    combined: z
      .boolean()
      .optional()
      .describe(
        'One output for stdout and stderr, in the order of the writes: `combined` of the result. A live run shows it as stdout',
      ),
    retryUnreliable: retriesSchema
      .optional()
      .describe(
        'How often to run it again while it meets its wall limit because it waited for a CPU; default 0',
      ),
    ...expectedFields,
    priority: z.number().int().min(0).max(100).optional().describe('0 is served first; default 50'),
    tags: z.array(z.string().min(1).max(128)).max(16).optional(),
    callbackUrl: z
      .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
      .max(2048)
      .optional()
      .describe('Receives the result by a signed POST when the run has ended'),
    interactor: interactorSchema
      .optional()
      .describe('A second program that talks with this one, such as the validator of an interactive problem'),
    live: z
      .boolean()
      .optional()
      .describe(
        'Output can be followed during the run, and its standard input is fed over /v1/runs/ID/stream',
      ),
    idempotencyKey: z.string().min(1).max(256).optional(),
  })
  .superRefine(checkProgram)
  .superRefine((r, context) => {
    const fault = expectedFault(r);
    if (fault !== null) context.addIssue({ code: 'custom', ...fault });
  })
  .refine((r) => r.stdin === undefined || r.stdinBase64 === undefined, {
    message: 'give at most one of stdin and stdinBase64',
    path: ['stdin'],
  })
  .refine((r) => r.live !== true || (r.stdin === undefined && r.stdinBase64 === undefined), {
    message: 'a live run is fed over its stream; leave out stdin and stdinBase64',
    path: ['live'],
  })
  .refine((r) => r.live !== true || (r.retryUnreliable ?? 0) === 0, {
    message:
      'the output of a live run is seen as it comes, so it cannot run again; leave out retryUnreliable',
    path: ['live'],
  })
  .refine((r) => r.live !== true || r.deterministic === undefined, {
    message: 'a deterministic run needs all of its input in the request',
    path: ['live'],
  })
  .refine((r) => r.runtime === undefined || (r.engine ?? 'seccomp') === 'seccomp', {
    message: 'a runtime is one of the engine seccomp',
    path: ['runtime'],
  })
  .superRefine((r, context) => {
    if (r.interactor === undefined) return;
    const fault = (['stdin', 'stdinBase64', 'live', 'combined', 'deterministic'] as const).find(
      (name) => r[name] !== undefined,
    );
    if (fault === undefined && (r.engine ?? 'seccomp') === 'seccomp') return;
    const message = 'cannot be combined with interactor';
    context.addIssue({ code: 'custom', path: [fault ?? 'engine'], message });
  })
  .meta({ id: 'RunRequest' });

export type RunRequest = z.infer<typeof runRequestSchema>;

/** A run as admission lets it in and as it is stored: its limits are complete, and nothing completes them again. */
export type AdmittedRequest = Omit<RunRequest, 'limits' | 'idempotencyKey' | 'interactor'> & {
  readonly limits: Limits;
  readonly interactor?: AdmittedInteractor;
};

export type AdmittedInteractor = Omit<InteractorRequest, 'limits'> & { readonly limits: Limits };
