import { deadLettersSchema, deadLetterSchema } from '@sandpiper/contracts';
import { type DeadRun, ID_PATTERN } from '@sandpiper/store';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { prepareRun } from '../bodies/prepared.js';
import type { App, Context } from '../context.js';
import { assertOwn, identityOf, mayRead } from '../http/auth.js';
import { notFound, ApiProblem } from '../problems.js';
import { acceptedSchema, idParamsSchema, refusals, submissionRefusals, submitterOf } from './common.js';

const pageQuerySchema = z.strictObject({
  after: z.string().regex(ID_PATTERN).optional().describe('Id of the last entry of the previous page'),
  limit: z.coerce.number().int().min(1).max(1000).default(100).describe('Maximum number of entries'),
});

/** For tenants: dead letters, the runs that were given up. */
export function deadLetterRoutes(app: App, context: Context): void {
  list(app, context);
  get(app, context);
  requeue(app, context);
  dismiss(app, context);
}

function list(app: App, { deadLetters, gate }: Context): void {
  app.get(
    '/v1/dead-letters',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'List runs that were given up because they kept crashing their worker, the latest first',
        description: 'Leaves out requests and results; GET /v1/dead-letters/ID has the result.',
        tags: ['dead letters'],
        querystring: pageQuerySchema,
        response: { 200: deadLettersSchema, ...refusals },
      },
    },
    async (request) => {
      const { tenant, scopes } = identityOf(request);
      const { after = null, limit } = request.query;
      const whose = scopes.includes('admin') ? null : tenant;
      const page = await gate.run(() => deadLetters.list(whose, after, limit));
      return { deadLetters: page.deadLetters, ...(page.next === null ? {} : { next: page.next }) };
    },
  );
}

function get(app: App, context: Context): void {
  app.get(
    '/v1/dead-letters/:id',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Get a dead letter with its result',
        tags: ['dead letters'],
        params: idParamsSchema,
        response: { 200: deadLetterSchema, ...refusals },
      },
    },
    async (request) => {
      const { request: _request, ...shown } = await ownDeadLetter(context, request, request.params.id);
      return shown;
    },
  );
}

function requeue(app: App, context: Context): void {
  const { admission, deadLetters, gate } = context;
  app.post(
    '/v1/dead-letters/:id/requeue',
    {
      config: { scope: 'submit', audit: 'dead-letter.requeue' },
      schema: {
        summary: 'Submit the request of a dead letter again, as a new run',
        description: 'The old run stays as it is; the new run has its own id and result.',
        tags: ['dead letters'],
        params: idParamsSchema,
        response: { 202: acceptedSchema, ...submissionRefusals, 404: refusals[404] },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const dead = await ownDeadLetter(context, request, id);
      if (dead.requeuedAs !== null)
        throw new ApiProblem(
          'already-requeued',
          mayRead(request) ? `already requeued as ${dead.requeuedAs}` : 'already requeued',
        );
      const who = { ...submitterOf(request), tenant: dead.tenant };
      // The idempotency key merges two concurrent requests.
      const admitted = await gate.change(() =>
        admission.submitRun(prepareRun(dead.request, admission.options.ceilings), who, `requeue ${id}`),
      );
      await gate.change(() => deadLetters.markRequeued(id, admitted.id));
      return reply.code(202).header('Location', `/v1/runs/${admitted.id}`).send({ id: admitted.id });
    },
  );
}

function dismiss(app: App, context: Context): void {
  const { deadLetters, gate } = context;
  app.delete(
    '/v1/dead-letters/:id',
    {
      config: { scope: 'submit', audit: 'dead-letter.dismiss' },
      schema: {
        summary: 'Remove a dead letter from the list; the result of the run stays',
        tags: ['dead letters'],
        params: idParamsSchema,
        response: { 204: z.void(), ...refusals },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await assertOwnDeadLetter(context, request, id);
      await gate.change(() => deadLetters.dismiss(id));
      return reply.code(204).send();
    },
  );
}

async function assertOwnDeadLetter(context: Context, request: FastifyRequest, id: string): Promise<void> {
  const { deadLetters, gate } = context;
  assertOwn(request, await gate.run(() => deadLetters.tenantOf(id)), 'dead letter');
}

/** @throws ApiProblem when there is none, or it belongs to another tenant */
async function ownDeadLetter(context: Context, request: FastifyRequest, id: string): Promise<DeadRun> {
  await assertOwnDeadLetter(context, request, id);
  const dead = await context.gate.run(() => context.deadLetters.get(id));
  if (dead === null) throw notFound('dead letter');
  return dead;
}
