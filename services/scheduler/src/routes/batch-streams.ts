import { Readable } from 'node:stream';
import type { BatchFacts } from '@sandpiper/store';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { type EndedRun, followBatch } from '../batch-follower.js';
import type { App, Context } from '../context.js';
import { type NdjsonBounds, runsOfNdjson } from '../ndjson.js';
import { Problem } from '../problems.js';
import { accepted, ownBatch, summarize } from './batches.js';
import {
  acceptedSchema,
  idempotencyHeadersSchema,
  idParamsSchema,
  refusals,
  submissionRefusals,
  submitterOf,
  whenClientLeaves,
} from './common.js';

/** A client that takes nothing for so long is let go, milliseconds. What it has not read is still in the batch. */
const STUCK_MS = 60_000;

const fromSchema = z.coerce
  .number()
  .int()
  .min(0)
  .max(Number.MAX_SAFE_INTEGER)
  .optional()
  .describe('How many results the client has already');

const streamed = (type: string) => ({
  description: 'Goes on until the last result',
  content: { [type]: { schema: z.string() } },
});

/** Results of a batch as they come: one JSON object a line, or server-sent events. */
export function batchStreamRoutes(app: App, context: Context): void {
  app.get(
    '/v1/batches/:id/results',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Results of a batch as its runs end, one JSON object a line',
        description:
          'Each line is {"position", "index", "run"}: how many had ended with it, its place in the batch, its state. ' +
          'Empty lines are signs of life. Ends after the last; after a break go on with ?from=POSITION.',
        tags: ['batches'],
        produces: ['application/x-ndjson'],
        params: idParamsSchema,
        querystring: z.strictObject({ from: fromSchema }),
        response: { 200: streamed('application/x-ndjson'), ...refusals },
      },
    },
    async (request, reply) => {
      const batch = await ownBatch(context, request, request.params.id);
      const lines = async function* (): AsyncGenerator<string> {
        for await (const ended of follow(reply, batch, request.query.from ?? 0)) {
          yield ended === null ? '\n' : `${JSON.stringify(ended)}\n`;
        }
      };
      return send(reply, 'application/x-ndjson', lines());
    },
  );

  app.get(
    '/v1/batches/:id/events',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Results of a batch as its runs end, as server-sent events',
        description:
          'Events "run" with the data of a line of /results and the id that a browser sends back as Last-Event-ID; at ' +
          'the end one event "done" with the summary.',
        tags: ['batches'],
        produces: ['text/event-stream'],
        params: idParamsSchema,
        headers: z.object({ 'last-event-id': fromSchema }),
        querystring: z.strictObject({ from: fromSchema }),
        response: { 200: streamed('text/event-stream'), ...refusals },
      },
    },
    async (request, reply) => {
      const batch = await ownBatch(context, request, request.params.id);
      const from = request.headers['last-event-id'] ?? request.query.from ?? 0;
      const events = async function* (): AsyncGenerator<string> {
        yield 'retry: 1000\n\n';
        let seen = from;
        for await (const ended of follow(reply, batch, from)) {
          if (ended !== null) seen = ended.position;
          yield ended === null ? ': alive\n\n' : eventOf('run', ended, ended.position);
        }
        const now = await context.gate.run(() => context.batches.facts(batch.id));
        if (seen >= batch.total && now !== null) yield eventOf('done', summarize(now));
      };
      return send(reply, 'text/event-stream', events());
    },
  );

  const follow = (reply: FastifyReply, batch: BatchFacts, from: number): AsyncGenerator<EndedRun | null> =>
    followBatch(context, batch, from, whenClientLeaves(reply));
}

/** JSON holds no line break, so an event's data is one line (https://html.spec.whatwg.org/#event-stream-interpretation). */
const eventOf = (event: string, data: object, id?: number): string =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

function send(reply: FastifyReply, type: string, chunks: AsyncGenerator<string>): FastifyReply {
  reply.raw.setTimeout(STUCK_MS, () => reply.raw.destroy());
  return reply
    .type(type)
    .header('Cache-Control', 'no-store')
    .header('X-Accel-Buffering', 'no')
    .send(Readable.from(chunks, { objectMode: false, highWaterMark: 64 * 1024 }));
}

/** A batch that comes in as one JSON object a line. A plugin of its own, for no other route takes such a body. */
export function batchIntakeRoute(app: App, context: Context, bounds: NdjsonBounds): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/x-ndjson', (_request, payload, done) => done(null, payload));
  app.post(
    '/v1/batches/stream',
    {
      config: { scope: 'submit' },
      schema: {
        summary: 'Submit many runs, one JSON object a line',
        description:
          'Content-Type: application/x-ndjson. Each line is a run as in POST /v1/runs. All or none of them are ' +
          'accepted; send it again with the same Idempotency-Key when the answer does not come.',
        tags: ['batches'],
        consumes: ['application/x-ndjson'],
        headers: idempotencyHeadersSchema,
        querystring: z.strictObject({ name: z.string().min(1).max(256).optional() }),
        response: { 202: acceptedSchema, ...submissionRefusals },
      },
    },
    async (request, reply) => {
      // A request without a body comes to no parser of bodies.
      if (!(request.body instanceof Readable)) throw new Problem('bad-request', 'the body is empty');
      const runs = runsOfNdjson(request.body, bounds);
      const head = { name: request.query.name ?? null, key: request.headers['idempotency-key'], count: 0 };
      const { id } = await accepted(
        context,
        context.gate.run(() => context.intake.take(runs, head, submitterOf(request))),
      );
      return reply.code(202).header('Location', `/v1/batches/${id}`).send({ id });
    },
  );
}
