import type { FastifyReply, FastifyRequest } from 'fastify';
import { ID_PATTERN, type RunHead } from '@sandpiper/store';
import { z } from 'zod';
import type { Submitter } from '../admission.js';
import { identityOf } from '../auth.js';
import { errorBodySchema, Problem } from '../problems.js';
import { traceOf } from '../request-spans.js';
import { MAX_WAIT_SECONDS } from '../waiters.js';

export const idParamsSchema = z.object({ id: z.string().regex(ID_PATTERN) });

export const waitSchema = z.coerce
  .number()
  .min(0)
  .optional()
  .describe(`Seconds to wait for the end, at most ${MAX_WAIT_SECONDS}; more counts as that`);

export const purgeSchema = z.strictObject({
  purge: z
    .enum(['true', 'false'])
    .optional()
    .describe('true removes it, with all results, and wants a key for "read" as well as "submit"'),
});

/** HTTP leaves other headers alone, so this object is not strict. */
export const idempotencyHeadersSchema = z.object({
  'idempotency-key': z
    .string()
    .min(1)
    .max(256)
    .optional()
    .describe('The same key and body again gives the same id, and nothing is run twice'),
});

export const acceptedSchema = z.strictObject({ id: z.string() }).meta({ id: 'Accepted' });

/** Answers that every route of the API may give; also one that wants no body, to who sends one. */
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

/** The key of the header or of the body; both may be given when they agree. */
export function idempotencyKeyOf(header: string | undefined, field: string | undefined): string | undefined {
  if (header !== undefined && field !== undefined && header !== field) {
    throw new Problem('invalid-request', 'differs from the Idempotency-Key header', {
      path: 'idempotencyKey',
    });
  }
  return field ?? header;
}

/** Aborts when the client goes away, so that a wait for nobody ends. */
export function whenClientLeaves(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  // Of the response, not of the socket, which serves many requests: "the response has been completed, or its
  // underlying connection was terminated prematurely" (Node's http.ServerResponse).
  reply.raw.once('close', () => controller.abort());
  return controller.signal;
}

/** Who submits, and the trace that it is a part of. */
export function submitterOf(request: FastifyRequest): Submitter {
  return { tenant: identityOf(request).tenant, trace: traceOf(request) };
}

/** A run as the parts of its JSON; its result as it is stored. Ids hold nothing that JSON would escape. */
export const runParts = (
  { id, state }: RunHead,
  result: Buffer | null,
): [string, string | Buffer, string] => [`{"id":"${id}","state":"${state}","result":`, result ?? 'null', '}'];
