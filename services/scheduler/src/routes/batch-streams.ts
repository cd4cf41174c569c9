import { Readable } from 'node:stream';
import type { BatchFacts } from '@sandpiper/store';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { identityOf } from '../http/auth.js';
import { type EndedHead, followBatch } from '../batches/batch-follower.js';
import { leaseFor } from '../bodies/bodies.js';
import { NDJSON_BYTES, type NdjsonBounds, runsOfNdjson } from '../bodies/ndjson.js';
import type { App, Context } from '../context.js';
import type { KeyCheck } from '../http/open-streams.js';
import { errorBodySchema, ApiProblem } from '../problems.js';
import { joined, type Piece, sendPieces, textPiece } from '../http/reply-stream.js';
import type { Slice } from '../http/replies.js';
import { accepted, ownBatch, summarize } from './batches.js';
import {
  acceptedSchema,
  idempotencyHeadersSchema,
  idParamsSchema,
  refusals,
  runParts,
  submissionRefusals,
  submitterOf,
  whenClientLeaves,
} from './common.js';

const fromSchema = z.coerce
  .number()
  .int()
  .min(0)
  .max(Number.MAX_SAFE_INTEGER)
  .optional()
  .describe('Number of results that the client already has');

const streamed = (type: string) => ({
  description: 'Streams until the last result',
  content: { [type]: { schema: z.string() } },
});

/** Streams the results of a batch as NDJSON or as server-sent events. */
export function batchStreamRoutes(app: App, context: Context, checkKey: KeyCheck): void {
  const { streams } = context;

  /** Admits one more follower of the batch; it is counted until it leaves. */
  const enter = async (request: FastifyRequest, reply: FastifyReply, id: string): Promise<BatchFacts> => {
    const { tenant } = identityOf(request);
    const batch = await ownBatch(context, request, id);
    streams.assertRoom(tenant);
    reply.raw.once('close', streams.enter(tenant));
    reply.raw.once(
      'close',
      streams.watchKey(request, checkKey, () => reply.raw.destroy()),
    );
    return batch;
  };

  app.get(
    '/v1/batches/:id/results',
    {
      exposeHeadRoute: false,
      config: { scope: 'read' },
      schema: {
        summary: 'Stream the results of a batch as its runs end, one JSON object per line',
        description:
          'Each line is {"position", "index", "run"}: the number of ended runs so far, the index in the batch, the run. ' +
          'Empty lines are keep-alives. The stream ends after the last result; after a break resume with ?from=POSITION.',
        tags: ['batches'],
        produces: ['application/x-ndjson'],
        params: idParamsSchema,
        querystring: z.strictObject({ from: fromSchema }),
        response: { 200: streamed('application/x-ndjson'), ...refusals, 429: errorBodySchema },
      },
    },
    async (request, reply) => {
      const batch = await enter(request, reply, request.params.id);
      const lines = async function* (): AsyncGenerator<Piece> {
        for await (const slice of follow(request, reply, batch, request.query.from ?? 0)) {
          yield slice === null ? textPiece('\n') : pieceOf(slice, '', '\n');
        }
      };
      return sendPieces(reply, 'application/x-ndjson', lines());
    },
  );

  app.get(
    '/v1/batches/:id/events',
    {
      exposeHeadRoute: false,
      config: { scope: 'read' },
      schema: {
        summary: 'Stream the results of a batch as its runs end, as server-sent events',
        description:
          'Each event "run" has the data of a line of /results, and an id that a browser sends back as Last-Event-ID; ' +
          'the last event is "done" with the summary.',
        tags: ['batches'],
        produces: ['text/event-stream'],
        params: idParamsSchema,
        headers: z.object({ 'last-event-id': fromSchema }),
        querystring: z.strictObject({ from: fromSchema }),
        response: { 200: streamed('text/event-stream'), ...refusals, 429: errorBodySchema },
      },
    },
    async (request, reply) => {
      const batch = await enter(request, reply, request.params.id);
      const from = request.headers['last-event-id'] ?? request.query.from ?? 0;
      const events = async function* (): AsyncGenerator<Piece> {
        yield textPiece('retry: 1000\n\n');
        let seen = from;
        for await (const slice of follow(request, reply, batch, from)) {
          yield slice === null ? textPiece(': alive\n\n') : pieceOf(slice, 'run', '\n\n');
          seen = slice?.runs.at(-1)?.head.position ?? seen;
        }
        const now = await context.gate.run(() => context.batches.facts(batch.id));
        if (seen >= batch.total && now !== null) {
          yield textPiece(`event: done\ndata: ${JSON.stringify(summarize(now))}\n\n`);
        }
      };
      return sendPieces(reply, 'text/event-stream', events());
    },
  );

  const follow = (
    request: FastifyRequest,
    reply: FastifyReply,
    batch: BatchFacts,
    from: number,
  ): ReturnType<typeof followBatch> =>
    followBatch(context, batch, identityOf(request).tenant, from, whenClientLeaves(reply));
}

/**
 * The ended runs of a slice as lines or as events: JSON contains no line break, so an event's data is one
 * line (https://html.spec.whatwg.org/#event-stream-interpretation).
 * @param event name of the event; '' for lines
 */
function pieceOf(slice: Slice<EndedHead>, event: string, end: string): Piece {
  const parts = slice.runs.flatMap(({ head, result }) => {
    const { position, index } = head;
    const before = event === '' ? '' : `id: ${position}\nevent: ${event}\ndata: `;
    const place = `${before}{"position":${position},"index":${index},"run":`;
    return [place, ...runParts(head, result), `}${end}`];
  });
  return { parts: joined(parts), bytes: slice.bytes, release: () => slice.release() };
}

/** Submission of a batch as NDJSON. A separate plugin, because no other route accepts such a body. */
export function batchIntakeRoute(app: App, context: Context, bounds: NdjsonBounds): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/x-ndjson', (_request, payload, done) => done(null, payload));
  app.post(
    '/v1/batches/stream',
    {
      config: { scope: 'submit' },
      schema: {
        summary: 'Submit many runs, one JSON object per line',
        description:
          'Content-Type: application/x-ndjson. Each line is a run as in POST /v1/runs. Either all runs are accepted or ' +
          'none; when no answer arrives, send the batch again with the same Idempotency-Key.',
        tags: ['batches'],
        consumes: ['application/x-ndjson'],
        headers: idempotencyHeadersSchema,
        querystring: z.strictObject({ name: z.string().min(1).max(256).optional() }),
        response: { 202: acceptedSchema, ...submissionRefusals },
      },
    },
    async (request, reply) => {
      // A request without a body does not reach a body parser.
      if (!(request.body instanceof Readable)) throw new ApiProblem('bad-request', 'the body is empty');
      const lease = leaseFor(request, context.bodies, NDJSON_BYTES);
      const { ceilings } = context.admission.options;
      const runs = runsOfNdjson(request.body, bounds, lease, context.parsers, ceilings);
      const head = { name: request.query.name ?? null, key: request.headers['idempotency-key'], count: 0 };
      const { id } = await accepted(
        context,
        context.gate.change(() => context.intake.take(runs, head, submitterOf(request))),
      );
      return reply.code(202).header('Location', `/v1/batches/${id}`).send({ id });
    },
  );
}
