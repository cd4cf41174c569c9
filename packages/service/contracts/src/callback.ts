import { z } from 'zod';
import { runResultSchema } from './run-result.js';

/**
 * What a job of the queue of callbacks carries: the name of a run that has ended. All else stands in the run.
 */
export interface CallbackJob {
  readonly version: 1;
  readonly id: string;
}

export const CALLBACK_QUEUE = 'sandpiper-callbacks';

/**
 * A result that is longer than this as JSON is not sent along, bytes: a callback is news, not a transport.
 */
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
      .describe('The result is too long to be sent along; fetch it from /v1/runs/ID'),
  })
  .meta({ id: 'CallbackBody' });

/** The answer to `GET /v1/callback-secret`. */
export const callbackSecretSchema = z
  .strictObject({
    tenant: z.string(),
    secret: z
      .string()
      .describe('As text, the key of the HMAC-SHA256 in Sandpiper-Signature (docs/callbacks.md)'),
  })
  .meta({ id: 'CallbackSecret' });

/** A callback that was given up. */
export const failedCallbackSchema = z
  .strictObject({
    id: z.string().describe('Of the run'),
    tenant: z.string().nullable().describe('null when the run is not kept any more'),
    origin: z
      .string()
      .nullable()
      .describe('Scheme, host and port; the rest of an address may hold a secret of its owner'),
    attempts: z.number().int().nonnegative(),
    reason: z.string(),
    givenUpAt: z.iso.datetime(),
  })
  .meta({ id: 'FailedCallback' });

export type FailedCallback = z.infer<typeof failedCallbackSchema>;

export const failedCallbacksSchema = z
  .strictObject({ callbacks: z.array(failedCallbackSchema) })
  .meta({ id: 'FailedCallbacks' });
