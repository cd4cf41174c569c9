import { z } from 'zod';
import { runResultSchema } from './run-result.js';

/** The data of a job in the callback queue: the id of an ended run. All other data is stored in the run. */
export interface CallbackJob {
  readonly version: 1;
  readonly id: string;
}

export const CALLBACK_QUEUE = 'sandpiper-callbacks';

/** Longest result, as JSON bytes, that a callback includes: a callback is a notification, not a transport. */
export const MAX_CALLBACK_RESULT_BYTES = 4 * 1024 * 1024;

/** The body of a callback. */
export const callbackBodySchema = z
  .strictObject({
    event: z.literal('run.ended'),
    run: z.strictObject({
      id: z.string(),
      state: z.literal('done'),
      result: runResultSchema.nullable(),
    }),
    resultOmitted: z
      .literal(true)
      .optional()
      .describe('The result is too long to include; fetch it from /v1/runs/ID'),
  })
  .meta({ id: 'CallbackBody' });

/** The answer to `GET /v1/callback-secret`. */
export const callbackSecretSchema = z
  .strictObject({
    tenant: z.string(),
    secret: z.string().describe('Its text is the HMAC-SHA256 key of Sandpiper-Signature (docs/callbacks.md)'),
  })
  .meta({ id: 'CallbackSecret' });

/** A failed callback. */
export const failedCallbackSchema = z
  .strictObject({
    id: z.string().describe('Id of the run'),
    tenant: z.string().nullable().describe('null when the run is no longer stored'),
    origin: z
      .string()
      .nullable()
      .describe('Scheme, host and port; the rest of the URL may contain a secret of its owner'),
    attempts: z.number().int().nonnegative(),
    reason: z.string(),
    givenUpAt: z.iso.datetime(),
  })
  .meta({ id: 'FailedCallback' });

export type FailedCallback = z.infer<typeof failedCallbackSchema>;

export const failedCallbacksSchema = z
  .strictObject({ callbacks: z.array(failedCallbackSchema) })
  .meta({ id: 'FailedCallbacks' });
