import { firstLine } from '@sandpiper/contracts';

import type { Logger } from '@sandpiper/telemetry';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';

/** The shape of every error answer. */
export const errorBodySchema = z
  .strictObject({
    error: z.strictObject({
      code: z.string().describe('Stable; for programs'),
      message: z.string().describe('Human-readable, one line'),
      path: z.string().optional().describe('The wrong field, e.g. runs.3.limits.cpuMs'),
    }),
  })
  .meta({ id: 'Error' });

type ErrorBody = z.infer<typeof errorBodySchema>;

/** Every error code of the API with its HTTP status. */
const STATUS = {
  'bad-request': 400,
  'invalid-request': 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  'request-timeout': 408,
  'idempotency-conflict': 409,
  'already-requeued': 409,
  'not-judged-yet': 409,
  'body-too-large': 413,
  'batch-too-large': 413,
  'reply-too-large': 413,
  'unsupported-media-type': 415,
  'invalid-package': 422,
  'upgrade-required': 426,
  'larger-than-quota': 413,
  'queue-full': 429,
  'queue-bytes-full': 429,
  'quota-exceeded': 429,
  'bytes-quota-exceeded': 429,
  'too-many-streams': 429,
  'too-much-in-flight': 429,
  'internal-error': 500,
  'store-unavailable': 503,
  'newer-version': 503,
  leaving: 503,
  'unknown-outcome': 503,
} as const;

export type ProblemCode = keyof typeof STATUS;

/** An error that is reported to the client as it is. */
export class ApiProblem extends Error {
  readonly statusCode: number;

  constructor(
    readonly code: ProblemCode,
    message: string,
    readonly details: { readonly path?: string; readonly retryAfterSeconds?: number } = {},
  ) {
    super(message);
    this.name = 'ApiProblem';
    this.statusCode = STATUS[code];
  }
}

/** The client went away during the body; it may send the same again. */
export class CutOffProblem extends ApiProblem {
  constructor() {
    super('bad-request', 'the body is incomplete; nothing was accepted');
  }
}

export const notFound = (what: string): ApiProblem => new ApiProblem('not-found', `no such ${what}`);

/** Errors of fastify itself, before any of our handlers. Any other 4xx of fastify is a plain bad request. */
const FASTIFY_CODES: Readonly<Record<string, [ProblemCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['body-too-large', 'the body is larger than this server accepts'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported-media-type', 'send Content-Type: application/json'],
  FST_ERR_BAD_URL: ['not-found', 'no such resource: the URL is malformed'],
  FST_ERR_MAX_PARAM_LENGTH: ['not-found', 'no such resource: a part of the URL is too long'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['bad-request', 'the body is empty'],
};

/** The problem to report to the client; internal errors are logged. */
export function explain(error: FastifyError | ApiProblem, log: Logger): ApiProblem {
  if (error instanceof ApiProblem) return error;
  const known = FASTIFY_CODES[error.code];
  if (known !== undefined) return new ApiProblem(...known);
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) return new ApiProblem('bad-request', firstLine(error.message));
  log.error({ err: error }, 'request failed');
  return new ApiProblem('internal-error', 'internal error; the log of the server has the details');
}

export function bodyOf({ code, message, details: { path } }: ApiProblem): ErrorBody {
  return { error: { code, message, ...(path === undefined ? {} : { path }) } };
}

/** Answers with the error as JSON: never a stack trace, at most one line of a library's text. */
export function problemHandler(log: Logger) {
  return (error: FastifyError | ApiProblem, _request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const problem = explain(error, log);
    const { retryAfterSeconds } = problem.details;
    if (problem.code === 'unauthenticated') void reply.header('WWW-Authenticate', 'Bearer realm="sandpiper"');
    // Do not wait for the rest of the body.
    if (problem.code === 'request-timeout') void reply.header('Connection', 'close');
    if (retryAfterSeconds !== undefined) void reply.header('Retry-After', String(retryAfterSeconds));
    return reply.code(problem.statusCode).type('application/json').send(bodyOf(problem));
  };
}
