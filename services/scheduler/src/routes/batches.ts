import {
  batchRequestSchema,
  batchStateSchema,
  batchSummarySchema,
  type BatchRequest,
  type BatchState,
} from '@sandpiper/contracts';
import type { BatchFacts } from '@sandpiper/store';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Admitted } from '../admission.js';
import { demandOwn } from '../auth.js';
import { cancelBatch } from '../cancel.js';
import type { App, Context } from '../context.js';
import { notFound } from '../problems.js';
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
import { countRefusal } from './runs.js';

const isDone = (batch: BatchFacts | null): boolean => batch === null || batch.done === batch.total;

const tags = ['batches'];

/** What stands in a summary, without the runs. */
export const summarize = (batch: BatchFacts) => ({
  id: batch.id,
  name: batch.name,
  state: isDone(batch) ? ('done' as const) : ('running' as const),
  total: batch.total,
  done: batch.done,
  byStatus: batch.byStatus,
});

/** The batch of a request, which must be one of the asking tenant's. */
export async function ownBatch(
  { batches, gate }: Context,
  request: FastifyRequest,
  id: string,
): Promise<BatchFacts> {
  const batch = await gate.run(() => batches.facts(id));
  demandOwn(request, batch?.tenant ?? null, 'batch');
  if (batch === null) throw notFound('batch');
  return batch;
}

/** Counts a batch that was taken in, or why it was not. */
export async function accepted(context: Context, taking: Promise<Admitted>): Promise<{ id: string }> {
  const { id, replayed } = await taking.catch((error: unknown) => countRefusal(context, error));
  if (!replayed) context.metrics.submitted.inc({ kind: 'batch' });
  return { id };
}

/** Submit, look at, wait for and cancel batches. */
export function batchRoutes(app: App, context: Context): void {
  const { batches, gate, intake, store, waiters } = context;

  /** The batch when it is done, or when the wait is over. */
  const waitForBatch = async (
    request: FastifyRequest,
    reply: FastifyReply,
    id: string,
    seconds: number,
  ): Promise<BatchFacts> => {
    await ownBatch(context, request, id);
    const read = (): Promise<BatchFacts | null> => gate.run(() => batches.facts(id));
    const batch = await waiters.until(id, seconds, whenClientLeaves(reply), read, isDone);
    if (batch === null) throw notFound('batch');
    return batch;
  };

  const describe = async (batch: BatchFacts, withResults: boolean): Promise<BatchState> => {
    const runs: BatchState['runs'] = [];
    await gate.run(async () => {
      for await (const run of batches.runs(batch, withResults)) runs.push(run);
    });
    return { ...summarize(batch), runs };
  };

  app.post(
    '/v1/batches',
    {
      config: { scope: 'submit' },
      schema: {
        summary: 'Submit many runs at once',
        tags,
        headers: idempotencyHeadersSchema,
        body: batchRequestSchema,
        response: { 202: acceptedSchema, ...submissionRefusals },
      },
    },
    async (request, reply) => {
      const body: BatchRequest = request.body;
      const key = idempotencyKeyOf(request.headers['idempotency-key'], body.idempotencyKey);
      const head = { name: body.name ?? null, key, count: body.runs.length };
      const { id } = await accepted(
        context,
        gate.run(() => intake.take(body.runs, head, submitterOf(request))),
      );
      return reply.code(202).header('Location', `/v1/batches/${id}`).send({ id });
    },
  );

  app.get(
    '/v1/batches/:id',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Progress and results of a batch',
        description: 'Runs stand in the order of the request. A wait ends when all of them have.',
        tags,
        params: idParamsSchema,
        querystring: z.strictObject({
          wait: waitSchema,
          results: z.enum(['true', 'false']).optional().describe('false leaves the results out'),
        }),
        response: { 200: batchStateSchema, ...refusals },
      },
    },
    async (request, reply) => {
      const { wait = 0 } = request.query;
      const batch = await waitForBatch(request, reply, request.params.id, wait);
      return describe(batch, request.query.results !== 'false');
    },
  );

  app.get(
    '/v1/batches/:id/summary',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'How many runs of a batch have ended, and how',
        tags,
        params: idParamsSchema,
        querystring: z.strictObject({ wait: waitSchema }),
        response: { 200: batchSummarySchema, ...refusals },
      },
    },
    async (request, reply) => {
      const { wait = 0 } = request.query;
      return summarize(await waitForBatch(request, reply, request.params.id, wait));
    },
  );

  app.delete(
    '/v1/batches/:id',
    {
      config: { scope: 'submit' },
      schema: {
        summary: 'Cancel every run of a batch that has not ended',
        tags,
        params: idParamsSchema,
        response: { 200: batchStateSchema, 202: batchStateSchema, ...refusals },
      },
    },
    async (request, reply) => {
      const before = await ownBatch(context, request, request.params.id);
      await gate.run(() => cancelBatch(store, before));
      const after = (await gate.run(() => batches.facts(before.id))) ?? before;
      return reply.code(isDone(after) ? 200 : 202).send(await describe(after, false));
    },
  );
}
