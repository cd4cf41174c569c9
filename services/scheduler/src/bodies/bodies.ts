import type { FastifyRequest } from 'fastify';
import type { ByteBudget, ByteReservation } from '../http/byte-budget.js';
import type { App } from '../context.js';
import { PREPARED } from './prepared-mark.js';
import { ApiProblem } from '../problems.js';
import {
  batchOf,
  type LimitCeilings,
  parseBody,
  type PreparedBatch,
  type PreparedRun,
  type PreparedSubmission,
  runOf,
  submissionOf,
} from './prepared.js';
import { type ParserPool, THREAD_BYTES } from './parser-pool.js';
import { ProgressDeadline } from './progress-deadline.js';

const MIB = 1024 * 1024;

/** Total size of the bodies being read, parsed and written. */
export const BODIES_IN_FLIGHT = 256 * MIB;

/** Bound for routes that take no runs, bytes. */
const SMALL_BODY = 64 * 1024;

/** A body must make progress within this time, milliseconds. */
const STUCK_MS = 10_000;

/** Initial reservation for a body of unknown length, bytes. */
const FIRST_BYTES = 64 * 1024;

const RETRY_AFTER_SECONDS = 2;

declare module 'fastify' {
  interface FastifyRequest {
    /** The parsed body of a submission. */
    prepared: PreparedRun | PreparedBatch | PreparedSubmission | null;
    /** The share of the budget that its body holds. */
    lease: ByteReservation | null;
    /** The request was answered, or its client has left. */
    isOver: boolean;
  }
  interface FastifyContextConfig {
    /** What the body holds: it is checked where it is parsed, in a thread when it is large. */
    takes?: 'run' | 'batch' | 'submission';
  }
}

export interface BodyOptions {
  /** Largest body with runs, bytes. */
  readonly limit: number;
  readonly ceilings: LimitCeilings;
  readonly stuckMs: number;
}

export const DEFAULT_STUCK_MS = STUCK_MS;

/**
 * Reads JSON bodies: only as many at once as fit into the budget, and only while their senders make progress.
 */
export function takeBodies(app: App, budget: ByteBudget, pool: ParserPool, options: BodyOptions): void {
  app.decorateRequest('prepared', null);
  app.decorateRequest('lease', null);
  app.decorateRequest('isOver', false);
  app.addHook('preParsing', (request, reply, _payload, done) => {
    const { headers } = request;
    if (headers['content-length'] === undefined && headers['transfer-encoding'] === undefined) return done();
    reply.raw.once('close', () => {
      request.isOver = true;
      request.lease?.release();
    });
    done();
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    async (request: FastifyRequest, payload: NodeJS.ReadableStream) => {
      const { takes } = request.routeOptions.config;
      const limit = takes === undefined ? Math.min(SMALL_BODY, options.limit) : options.limit;
      const bytes = await readBody(request, payload, budget, limit, options.stuckMs);
      if (takes === undefined) return parseBody(bytes);
      request.prepared = await prepare(takes, bytes, pool, options.ceilings);
      return PREPARED;
    },
  );
}

async function prepare(
  takes: 'run' | 'batch' | 'submission',
  bytes: Buffer,
  pool: ParserPool,
  ceilings: LimitCeilings,
): Promise<PreparedRun | PreparedBatch | PreparedSubmission> {
  const isLarge = bytes.length >= THREAD_BYTES;
  if (takes === 'run') return isLarge ? pool.run(bytes) : runOf(parseBody(bytes), ceilings);
  if (takes === 'submission') return isLarge ? pool.submission(bytes) : submissionOf(parseBody(bytes));
  return isLarge ? pool.batch(bytes) : batchOf(parseBody(bytes), ceilings);
}

/** The parsed run of a route that takes a run. */
export function preparedRun({ prepared }: FastifyRequest): PreparedRun {
  if (prepared === null || !('json' in prepared)) throw new Error('the route expects a run and has none');
  return prepared;
}

/** The parsed batch of a route that takes a batch. */
export function preparedBatch({ prepared }: FastifyRequest): PreparedBatch {
  if (prepared === null || !('runs' in prepared)) throw new Error('the route expects a batch and has none');
  return prepared;
}

/** The parsed submission of a route that takes one. */
export function preparedSubmission({ prepared }: FastifyRequest): PreparedSubmission {
  if (prepared === null || !('program' in prepared))
    throw new Error('the route expects a submission and has none');
  return prepared;
}

/** The tenant that the bytes count for; all unauthenticated clients share one. */
const payerOf = (request: FastifyRequest): string => request.identity?.tenant ?? '';

/** Reserved until the request is answered. @throws ApiProblem when there is no room, before a byte is read */
export function leaseFor(request: FastifyRequest, budget: ByteBudget, bytes: number): ByteReservation {
  const lease = budget.tryTake(payerOf(request), bytes);
  if (lease === null) throw noRoom();
  if (request.isOver) lease.release();
  else request.lease = lease;
  return lease;
}

export const noRoom = (): ApiProblem =>
  new ApiProblem('too-much-in-flight', 'too many bytes of requests in flight; try again soon', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  });

const tooLarge = (): ApiProblem =>
  new ApiProblem('body-too-large', 'the body is larger than this server accepts');

async function readBody(
  request: FastifyRequest,
  payload: NodeJS.ReadableStream,
  budget: ByteBudget,
  limit: number,
  stuckMs: number,
): Promise<Buffer> {
  const declared = request.headers['content-length'];
  const length = declared === undefined ? null : Number(declared);
  if (length !== null && length > limit) throw tooLarge();
  const lease = leaseFor(request, budget, length ?? FIRST_BYTES);
  // Untouched pages cost no memory, so an announced length alone takes none from the system.
  let bytes = Buffer.allocUnsafeSlow(length ?? FIRST_BYTES);
  let size = 0;
  return new Promise((resolve, reject) => {
    const progress = new ProgressDeadline(stuckMs, () =>
      fail(new ApiProblem('request-timeout', 'the body arrived too slowly; nothing was accepted')),
    );
    const onData = (chunk: Buffer): void => {
      progress.received(chunk.length);
      if (size + chunk.length > limit) return fail(tooLarge());
      if (size + chunk.length > bytes.length) {
        const more = Math.min(limit, Math.max(2 * bytes.length, size + chunk.length));
        if (!lease.grow(more - bytes.length)) return fail(noRoom());
        const larger = Buffer.allocUnsafeSlow(more);
        bytes.copy(larger, 0, 0, size);
        bytes = larger;
      }
      size += chunk.copy(bytes, size);
    };
    const onEnd = (): void => {
      stop();
      resolve(bytes.subarray(0, size));
    };
    const onClose = (): void => fail(new ApiProblem('bad-request', 'the body is incomplete'));
    const stop = (): void => {
      progress.pause();
      payload.off('data', onData).off('end', onEnd).off('error', onClose).off('close', onClose);
    };
    const fail = (problem: ApiProblem): void => {
      stop();
      // The rest of the body is discarded.
      payload.on('error', () => undefined);
      bytes = Buffer.alloc(0);
      payload.resume();
      reject(problem);
    };
    payload.on('data', onData).on('end', onEnd).on('error', onClose).on('close', onClose);
  });
}
