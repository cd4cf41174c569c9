import { runRequestSchema, runStateSchema, type RunState } from '@sandpiper/contracts';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { demandOwn } from '../auth.js';
import { cancelRun } from '../cancel.js';
import type { App, Context } from '../context.js';
import { notFound, Problem } from '../problems.js';
import {
  acceptedSchema,
  idempotencyHeadersSchema,
  idempotencyKeyOf,
  idParamsSchema,
  refusals,
  submissionRefusals,
  submitterOf,
  waitSchema,
  whenClientLeaves,
} from './common.js';

const isDone = (run: RunState | null): boolean => run === null || run.state === 'done';

/** Submit, look at, wait for and cancel single runs. */
export function runRoutes(app: App, context: Context): void {
  const { admission, gate, metrics, store, waiters } = context;
  const demandOwnRun = async (request: FastifyRequest, id: string): Promise<void> =>
    demandOwn(request, await gate.run(() => store.tenantOf(id)), 'run');

  app.post(
    '/v1/runs',
    {
      config: { scope: 'submit' },
      schema: {
        summary: 'Submit a run',
        tags: ['runs'],
        headers: idempotencyHeadersSchema,
        body: runRequestSchema,
        response: { 202: acceptedSchema, ...submissionRefusals },
      },
    },
    async (request, reply) => {
      const key = idempotencyKeyOf(request.headers['idempotency-key'], request.body.idempotencyKey);
      const { id, replayed } = await gate
        .run(() => admission.submitRun(request.body, submitterOf(request), key))
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
        summary: 'State and result of a run',
        tags: ['runs'],
        params: idParamsSchema,
        querystring: z.strictObject({ wait: waitSchema }),
        response: { 200: runStateSchema, ...refusals },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await demandOwnRun(request, id);
      const read = (): Promise<RunState | null> => gate.run(() => store.runState(id));
      const leaves = whenClientLeaves(reply);
      const run = await waiters.until(id, request.query.wait ?? 0, leaves, read, isDone);
      if (run === null) throw notFound('run');
      return run;
    },
  );

  app.delete(
    '/v1/runs/:id',
    {
      config: { scope: 'submit' },
      schema: {
        summary: 'Cancel a run',
        description: 'A waiting run is done at once; a running one is killed and is done soon.',
        tags: ['runs'],
        params: idParamsSchema,
        response: { 200: runStateSchema, 202: runStateSchema, ...refusals },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await demandOwnRun(request, id);
      const run = await gate.run(() => cancelRun(store, id));
      if (run === null) throw notFound('run');
      return reply.code(run.state === 'done' ? 200 : 202).send(run);
    },
  );
}

/** Counts a submission that was well-formed and yet refused, and passes the error on. */
export function countRefusal(context: Context, error: unknown): never {
  if (error instanceof Problem) context.metrics.refused.inc({ reason: error.code });
  throw error;
}
