import type { FastifyReply, FastifyRequest } from 'fastify';
import { ID_PATTERN, type RunHead } from '@sandpiper/store';
import { z } from 'zod';
import type { Submitter } from '../admission.js';
import { identityOf } from '../http/auth.js';
import { errorBodySchema, ApiProblem } from '../problems.js';
import { traceOf } from '../http/request-spans.js';
import { MAX_WAIT_SECONDS } from '../waiters.js';

export const idParamsSchema = z.object({ id: z.string().regex(ID_PATTERN) });

export const waitSchema = z.coerce
  .number()
  .min(0)
  .optional()
  .describe(`Seconds to wait for the end; values above ${MAX_WAIT_SECONDS} count as ${MAX_WAIT_SECONDS}`);

export const purgeSchema = z.strictObject({
  purge: z
    .enum(['true', 'false'])
    .optional()
    .describe('true removes it with all results, and needs a key with the scopes "read" and "submit"'),
});

/** Not strict: requests carry other headers too. */
export const idempotencyHeadersSchema = z.object({
  'idempotency-key': z
    .string()
    .min(1)
    .max(256)
    .optional()
    .describe('Repeating a request with the same key and body returns the same id and runs nothing twice'),
});

export const afterSchema = z
  .string()
  .regex(ID_PATTERN)
  .optional()
  .describe('The last entry of the previous page');
export const limitSchema = z.coerce
  .number()
  .int()
  .min(1)
  .max(500)
  .default(100)
  .describe('Maximum number of entries');

export const acceptedSchema = z.strictObject({ id: z.string() }).meta({ id: 'Accepted' });

/** Error answers common to all routes; a body may be refused even on a route that expects none. */
export const refusals = {
  400: errorBodySchema,
  401: errorBodySchema,
  403: errorBodySchema,
  404: errorBodySchema,
  413: errorBodySchema,
  415: errorBodySchema,
  503: errorBodySchema,
} as const;

export const submissionRefusals = {
  400: errorBodySchema,
  401: errorBodySchema,
  403: errorBodySchema,
  409: errorBodySchema,
  413: errorBodySchema,
  415: errorBodySchema,
  429: errorBodySchema,
  503: errorBodySchema,
} as const;

/** The key from the header or the body; both may be given if they are equal. */
export function idempotencyKeyOf(header: string | undefined, field: string | undefined): string | undefined {
  if (header !== undefined && field !== undefined && header !== field) {
    throw new ApiProblem('invalid-request', 'differs from the Idempotency-Key header', {
      path: 'idempotencyKey',
    });
  }
  return field ?? header;
}

/** Aborts when the client disconnects, so that its wait ends. */
export function whenClientLeaves(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  // 'close' of the response, not of the socket, which serves many requests: "the response has been completed,
  // or its underlying connection was terminated prematurely" (Node's http.ServerResponse).
  reply.raw.once('close', () => controller.abort());
  return controller.signal;
}

/** The submitter and the trace of the request. */
export function submitterOf(request: FastifyRequest): Submitter {
  return { tenant: identityOf(request).tenant, trace: traceOf(request) };
}

/** A run as parts of its JSON, with the stored result. Ids need no JSON escapes. */
export const runParts = (
  { id, state }: RunHead,
  result: Buffer | null,
): [string, string | Buffer, string] => [`{"id":"${id}","state":"${state}","result":`, result ?? 'null', '}'];
