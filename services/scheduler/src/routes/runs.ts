import { runRequestSchema, runStateSchema } from '@sandpiper/contracts';
import type { PurgeOutcome, ShortRun } from '@sandpiper/store';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { assertOwn, assertScope, identityOf, mayRead } from '../http/auth.js';
import { preparedRun } from '../bodies/bodies.js';
import { cancelRun } from '../cancel.js';
import type { App, Context } from '../context.js';
import { errorBodySchema, notFound, ApiProblem } from '../problems.js';
import { type Piece, sendPieces } from '../http/reply-stream.js';
import {
  acceptedSchema,
  idempotencyHeadersSchema,
  idempotencyKeyOf,
  idParamsSchema,
  purgeSchema,
  refusals,
  runParts,
  submissionRefusals,
  submitterOf,
  waitSchema,
  whenClientLeaves,
} from './common.js';

/** What a submit-only key is told about a run. */
const stateOnlySchema = runStateSchema.omit({ result: true });

const isDone = (run: ShortRun | null): boolean => run === null || run.state === 'done';

/** Submit, read, await and cancel single runs. */
export function runRoutes(app: App, context: Context): void {
  const { admission, gate, metrics, replies, store, waiters } = context;
  const assertOwnRun = async (request: FastifyRequest, id: string): Promise<void> =>
    assertOwn(request, await gate.run(() => store.tenantOf(id)), 'run');

  /** A run with its result; a long result waits until the budget has room for it. */
  const send = async (request: FastifyRequest, reply: FastifyReply, run: ShortRun): Promise<FastifyReply> => {
    const json = 'application/json; charset=utf-8';
    if (run.bytes === 0 || run.result !== null) {
      return reply.type(json).send(runParts(run, run.result).join(''));
    }
    const { tenant } = identityOf(request);
    const slice = await replies.sliceSoon(tenant, [run], whenClientLeaves(reply));
    const parts = runParts(run, slice.runs[0]?.result ?? null);
    const pieces = async function* (): AsyncGenerator<Piece> {
      yield await Promise.resolve({ parts, bytes: slice.bytes, release: () => slice.release() });
    };
    return sendPieces(reply, json, pieces());
  };

  app.post(
    '/v1/runs',
    {
      config: { scope: 'submit', takes: 'run' },
      schema: {
        summary: 'Submit a run',
        tags: ['runs'],
        headers: idempotencyHeadersSchema,
        body: runRequestSchema,
        response: { 202: acceptedSchema, ...submissionRefusals },
      },
    },
    async (request, reply) => {
      const run = preparedRun(request);
      const key = idempotencyKeyOf(request.headers['idempotency-key'], run.idempotencyKey);
      const { id, replayed } = await gate
        .change(() => admission.submitRun(run, submitterOf(request), key))
        .catch((error: unknown) => countRefusal(context, error));
      if (!replayed) metrics.submitted.inc({ kind: 'run' });
      return reply.code(202).header('Location', `/v1/runs/${id}`).send({ id });
    },
  );

  app.get(
    '/v1/runs/:id',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Get state and result of a run',
        tags: ['runs'],
        params: idParamsSchema,
        querystring: z.strictObject({ wait: waitSchema }),
        response: { 200: runStateSchema, ...refusals, 429: errorBodySchema },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await assertOwnRun(request, id);
      const read = (): Promise<ShortRun | null> => replies.run(id);
      const leaves = whenClientLeaves(reply);
      const run = await waiters.until(id, request.query.wait ?? 0, leaves, read, isDone);
      if (run === null) throw notFound('run');
      return send(request, reply, run);
    },
  );

  app.delete(
    '/v1/runs/:id',
    {
      config: { scope: 'submit', audit: 'run.cancel' },
      schema: {
        summary: 'Cancel or remove a run',
        description:
          'A waiting run is done at once; a running one is killed and is done soon. With ?purge=true the run is removed ' +
          'with its result, its streams, its idempotency key and an unsent callback, and is unknown from then on: ' +
          '204 when nothing is left, 202 with its id when it still runs and will be removed when it ends. A key ' +
          'without the scope read gets only the id and the state, and cannot remove anything.',
        tags: ['runs'],
        params: idParamsSchema,
        querystring: purgeSchema,
        response: {
          200: z.union([runStateSchema, stateOnlySchema]),
          202: z.union([runStateSchema, stateOnlySchema, acceptedSchema]),
          204: z.void(),
          ...refusals,
          429: errorBodySchema,
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const purge = request.query.purge === 'true';
      if (purge) assertScope(request, 'read');
      await assertOwnRun(request, id);
      if (purge) return sendPurged(reply, id, await gate.change(() => context.retention.purgeRun(id)));
      const state = await gate.change(() => cancelRun(store, id));
      if (state === null) throw notFound('run');
      void reply.code(state === 'done' ? 200 : 202);
      if (!mayRead(request)) return { id, state };
      const run = await replies.run(id);
      if (run === null) throw notFound('run');
      return send(request, reply, run);
    },
  );
}

/** Answers whether anything is left of a purged run or batch. */
export function sendPurged(reply: FastifyReply, id: string, outcome: PurgeOutcome): FastifyReply {
  if (outcome === 'missing') throw notFound('run or batch');
  return outcome === 'gone' ? reply.code(204).send() : reply.code(202).send({ id });
}

/** Counts a well-formed submission that was refused, and rethrows the error. */
export function countRefusal(context: Context, error: unknown): never {
  if (error instanceof ApiProblem) context.metrics.refused.inc({ reason: error.code });
  throw error;
}
