import {
  batchRequestSchema,
  batchStateSchema,
  batchSummarySchema,
  type BatchState,
} from '@sandpiper/contracts';
import { batchRunId, type BatchFacts, type RunHead } from '@sandpiper/store';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Admitted } from '../admission.js';
import { assertOwn, assertScope, identityOf, mayRead } from '../http/auth.js';
import { preparedBatch } from '../bodies/bodies.js';
import { cancelBatch } from '../cancel.js';
import type { App, Context } from '../context.js';
import { errorBodySchema, notFound, ApiProblem } from '../problems.js';
import { joined, type Piece, sendPieces, textPiece } from '../http/reply-stream.js';
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
import { countRefusal, sendPurged } from './runs.js';

/** Maximum total size of the results in one answer; larger batches are read from their stream. */
const MAX_RESULTS_BYTES = 64 * 1024 * 1024;

const tooLarge = (id: string, bytes: number): ApiProblem =>
  new ApiProblem(
    'reply-too-large',
    `the results of this batch have ${bytes} bytes, but one answer may have at most ${MAX_RESULTS_BYTES}: ` +
      `read /v1/batches/${id}/results, or ask with results=false`,
  );

/** What a submit-only key is told about a batch. */
const stateOnlySchema = batchSummarySchema.pick({ id: true, state: true });

const isDone = (batch: BatchFacts | null): boolean => batch === null || batch.done === batch.total;

const tags = ['batches'];

/** The summary of a batch, without its runs. */
export const summarize = (batch: BatchFacts) => ({
  id: batch.id,
  name: batch.name,
  state: isDone(batch) ? ('done' as const) : ('running' as const),
  total: batch.total,
  done: batch.done,
  byStatus: batch.byStatus,
});

/** The batch of a request; it must belong to the client's tenant. */
export async function ownBatch(
  { batches, gate }: Context,
  request: FastifyRequest,
  id: string,
): Promise<BatchFacts> {
  const batch = await gate.run(() => batches.facts(id));
  assertOwn(request, batch?.tenant ?? null, 'batch');
  if (batch === null) throw notFound('batch');
  return batch;
}

/** Counts an admitted batch, or the reason for its refusal. */
export async function accepted(context: Context, taking: Promise<Admitted>): Promise<{ id: string }> {
  const { id, replayed } = await taking.catch((error: unknown) => countRefusal(context, error));
  if (!replayed) context.metrics.submitted.inc({ kind: 'batch' });
  return { id };
}

/** Submit, read, await and cancel batches. */
export function batchRoutes(app: App, context: Context): void {
  const { batches, gate, intake, replies, store, waiters } = context;

  /** The batch once it is done or the wait is over. */
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

  const withoutResults = async (batch: BatchFacts): Promise<BatchState> => {
    const states = await gate.run(() => batches.states(batch));
    return { ...summarize(batch), runs: states.map((run) => ({ ...run, result: null })) };
  };

  const withResults = async (
    request: FastifyRequest,
    reply: FastifyReply,
    batch: BatchFacts,
  ): Promise<FastifyReply> => {
    const { tenant } = identityOf(request);
    const ids = Array.from({ length: batch.total }, (_, index) => batchRunId(batch.id, index));
    const heads = (await replies.heads(ids)).map(
      (head, i): RunHead => head ?? { id: ids[i] ?? '', state: 'done', bytes: 0 },
    );
    const bytes = heads.reduce((sum, head) => sum + head.bytes, 0);
    if (bytes > MAX_RESULTS_BYTES) throw tooLarge(batch.id, bytes);
    const leaves = whenClientLeaves(reply);
    const pieces = async function* (): AsyncGenerator<Piece> {
      let before = `${JSON.stringify(summarize(batch)).slice(0, -1)},"runs":[`;
      for (const step of replies.steps(heads)) {
        const slice = await replies.sliceSoon(tenant, step, leaves);
        const parts = slice.runs.flatMap(({ head, result }, i) => [
          i === 0 ? before : ',',
          ...runParts(head, result),
        ]);
        yield { parts: joined(parts), bytes: slice.bytes, release: () => slice.release() };
        before = ',';
      }
      yield textPiece(heads.length === 0 ? `${before}]}` : ']}');
    };
    return sendPieces(reply, 'application/json; charset=utf-8', pieces());
  };

  app.post(
    '/v1/batches',
    {
      config: { scope: 'submit', takes: 'batch' },
      schema: {
        summary: 'Submit many runs at once',
        tags,
        headers: idempotencyHeadersSchema,
        body: batchRequestSchema,
        response: { 202: acceptedSchema, ...submissionRefusals },
      },
    },
    async (request, reply) => {
      const { runs, name, idempotencyKey } = preparedBatch(request);
      const key = idempotencyKeyOf(request.headers['idempotency-key'], idempotencyKey);
      const head = { name, key, count: runs.length };
      const { id } = await accepted(
        context,
        gate.change(() => intake.take(runs, head, submitterOf(request))),
      );
      return reply.code(202).header('Location', `/v1/batches/${id}`).send({ id });
    },
  );

  app.get(
    '/v1/batches/:id',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Get progress and results of a batch',
        description:
          'Runs are in the order of the request. A wait ends when all of them have ended. Results above 64 MiB in total are ' +
          'refused (413): /results streams them one by one.',
        tags,
        params: idParamsSchema,
        querystring: z.strictObject({
          wait: waitSchema,
          results: z.enum(['true', 'false']).optional().describe('false omits the results'),
        }),
        response: { 200: batchStateSchema, ...refusals, 429: errorBodySchema },
      },
    },
    async (request, reply) => {
      const { wait = 0 } = request.query;
      const batch = await waitForBatch(request, reply, request.params.id, wait);
      if (request.query.results === 'false') return withoutResults(batch);
      return withResults(request, reply, batch);
    },
  );

  app.get(
    '/v1/batches/:id/summary',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Count the ended runs of a batch by status',
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
      config: { scope: 'submit', audit: 'batch.cancel' },
      schema: {
        summary: 'Cancel every run of a batch that has not ended, or remove the batch',
        description:
          'With ?purge=true the batch and its runs are removed at once, as with DELETE /v1/runs/ID: 204 when nothing ' +
          'is left, 202 with its id when some of its runs still run and will be removed when they end. A key ' +
          'without the scope read gets only the id and the state, and cannot remove anything.',
        tags,
        params: idParamsSchema,
        querystring: purgeSchema,
        response: {
          200: z.union([batchStateSchema, stateOnlySchema]),
          202: z.union([batchStateSchema, stateOnlySchema, acceptedSchema]),
          204: z.void(),
          ...refusals,
        },
      },
    },
    async (request, reply) => {
      const purge = request.query.purge === 'true';
      if (purge) assertScope(request, 'read');
      const before = await ownBatch(context, request, request.params.id);
      if (purge) {
        const outcome = await gate.change(() => context.retention.purgeBatch(before.id));
        return sendPurged(reply, before.id, outcome);
      }
      await gate.change(() => cancelBatch(store, before));
      const after = (await gate.run(() => batches.facts(before.id))) ?? before;
      void reply.code(isDone(after) ? 200 : 202);
      if (mayRead(request)) return withoutResults(after);
      const { id, state } = summarize(after);
      return { id, state };
    },
  );
}
