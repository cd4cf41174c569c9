import { batchRequestSchema, batchStateSchema, type BatchState } from '@sandpiper/contracts';
import type { BatchFacts } from '@sandpiper/store';
import { z } from 'zod';
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
  waitSchema,
  whenClientLeaves,
} from './common.js';
import { countRefusal } from './runs.js';

const isDone = (batch: BatchFacts | null): boolean => batch === null || batch.done === batch.total;

/** Submit, look at, wait for and cancel batches. */
export function batchRoutes(app: App, context: Context): void {
  const { admission, gate, metrics, queue, store, waiters } = context;

  const describe = async (batch: BatchFacts, withResults: boolean): Promise<BatchState> => ({
    id: batch.id,
    name: batch.name,
    state: isDone(batch) ? 'done' : 'running',
    total: batch.total,
    done: batch.done,
    byStatus: batch.byStatus,
    runs: await gate.run(() => store.batchRuns(batch, withResults)),
  });

  app.post(
    '/v1/batches',
    {
      schema: {
        summary: 'Submit many runs at once',
        tags: ['batches'],
        headers: idempotencyHeadersSchema,
        body: batchRequestSchema,
        response: { 202: acceptedSchema, ...submissionRefusals },
      },
    },
    async (request, reply) => {
      const key = idempotencyKeyOf(request.headers['idempotency-key'], request.body.idempotencyKey);
      const { id, replayed } = await gate
        .run(() => admission.submitBatch(request.body, key))
        .catch((error: unknown) => countRefusal(context, error));
      if (!replayed) metrics.submitted.inc({ kind: 'batch' });
      return reply.code(202).header('Location', `/v1/batches/${id}`).send({ id });
    },
  );

  app.get(
    '/v1/batches/:id',
    {
      schema: {
        summary: 'Progress and results of a batch',
        description: 'Runs stand in the order of the request. A wait ends when all of them have.',
        tags: ['batches'],
        params: idParamsSchema,
        querystring: z.strictObject({
          wait: waitSchema,
          results: z.enum(['true', 'false']).optional().describe('false leaves the results out'),
        }),
        response: { 200: batchStateSchema, ...refusals },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const read = (): Promise<BatchFacts | null> => gate.run(() => store.batchFacts(id));
      const leaves = whenClientLeaves(request, reply);
      const batch = await waiters.until(id, request.query.wait ?? 0, leaves, read, isDone);
      if (batch === null) throw notFound('batch');
      return describe(batch, request.query.results !== 'false');
    },
  );

  app.delete(
    '/v1/batches/:id',
    {
      schema: {
        summary: 'Cancel every run of a batch that has not ended',
        tags: ['batches'],
        params: idParamsSchema,
        response: { 200: batchStateSchema, 202: batchStateSchema, ...refusals },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const before = await gate.run(() => store.batchFacts(id));
      if (before === null) throw notFound('batch');
      await gate.run(() => cancelBatch(store, queue, before));
      const after = (await gate.run(() => store.batchFacts(id))) ?? before;
      return reply.code(isDone(after) ? 200 : 202).send(await describe(after, false));
    },
  );
}
