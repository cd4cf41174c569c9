import {
  deadLettersSchema,
  deadLetterSchema,
  keyRequestSchema,
  keysSchema,
  newKeySchema,
  nodesSchema,
  tenantNameSchema,
  tenantSchema,
  tenantSettingsSchema,
  tenantsSchema,
} from '@sandpiper/contracts';
import { ID_PATTERN } from '@sandpiper/store';
import { z } from 'zod';
import { assertOwn, identityOf, mayRead } from '../auth.js';
import { prepareRun } from '../bodies/prepared.js';
import type { App, Context } from '../context.js';
import { notFound, Problem } from '../problems.js';
import { acceptedSchema, idParamsSchema, refusals, submissionRefusals, submitterOf } from './common.js';

const deadLettersQuerySchema = z.strictObject({
  after: z.string().regex(ID_PATTERN).optional().describe('The last that is known already'),
  limit: z.coerce.number().int().min(1).max(1000).default(100).describe('How many at most'),
});

/**
 * For those who run the service: nodes, tenants, keys; and for tenants what became of runs that were given
 * up.
 */
export function administrationRoutes(app: App, context: Context): void {
  const { admission, deadLetters, dispatcher, gate, keys, nodes, tenants } = context;

  app.get(
    '/v1/nodes',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Worker nodes, their cells, and what each runs',
        tags: ['nodes'],
        response: { 200: nodesSchema, ...refusals },
      },
    },
    async () => ({ nodes: await gate.run(() => nodes.list()) }),
  );

  app.get(
    '/v1/tenants',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Tenants and how they are served',
        tags: ['access'],
        response: { 200: tenantsSchema, ...refusals },
      },
    },
    async () => ({ tenants: await gate.run(() => tenants.list()) }),
  );

  app.put(
    '/v1/tenants/:name',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Make a tenant, or change how it is served',
        tags: ['access'],
        params: z.object({ name: tenantNameSchema }),
        body: tenantSettingsSchema,
        response: { 200: tenantSchema, ...submissionRefusals, 404: refusals[404] },
      },
    },
    async (request) => {
      const { name } = request.params;
      await gate.change(() => tenants.set(name, request.body));
      dispatcher.wake();
      return { name, ...request.body };
    },
  );

  app.get(
    '/v1/keys',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'API keys, without their secrets',
        tags: ['access'],
        response: { 200: keysSchema, ...refusals },
      },
    },
    async () => ({ keys: await gate.run(() => keys.list()) }),
  );

  app.post(
    '/v1/keys',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Make an API key',
        description: 'The key itself stands in this answer alone.',
        tags: ['access'],
        body: keyRequestSchema,
        response: { 201: newKeySchema, ...submissionRefusals },
      },
    },
    async (request, reply) => reply.code(201).send(await gate.change(() => keys.create(request.body))),
  );

  app.delete(
    '/v1/keys/:id',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Revoke an API key, at once',
        tags: ['access'],
        params: idParamsSchema,
        response: { 204: z.void(), ...refusals },
      },
    },
    async (request, reply) => {
      if (!(await gate.change(() => keys.revoke(request.params.id)))) throw notFound('key');
      return reply.code(204).send();
    },
  );

  app.get(
    '/v1/dead-letters',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'Runs that were given up because they killed what ran them, the latest first',
        description: 'Without requests and results: GET /v1/dead-letters/ID has the result of one.',
        tags: ['dead letters'],
        querystring: deadLettersQuerySchema,
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

  app.get(
    '/v1/dead-letters/:id',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'One of them',
        tags: ['dead letters'],
        params: idParamsSchema,
        response: { 200: deadLetterSchema, ...refusals },
      },
    },
    async (request) => {
      const { id } = request.params;
      assertOwn(request, await gate.run(() => deadLetters.tenantOf(id)), 'dead letter');
      const dead = await gate.run(() => deadLetters.get(id));
      if (dead === null) throw notFound('dead letter');
      const { request: _request, ...shown } = dead;
      return shown;
    },
  );

  app.post(
    '/v1/dead-letters/:id/requeue',
    {
      config: { scope: 'submit' },
      schema: {
        summary: 'Run it again, as a new run',
        description: 'What has ended stays as it is: the new run has an id and a result of its own.',
        tags: ['dead letters'],
        params: idParamsSchema,
        response: { 202: acceptedSchema, ...submissionRefusals, 404: refusals[404] },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      assertOwn(request, await gate.run(() => deadLetters.tenantOf(id)), 'dead letter');
      const dead = await gate.run(() => deadLetters.get(id));
      if (dead === null) throw notFound('dead letter');
      if (dead.requeuedAs !== null)
        throw new Problem(
          'already-requeued',
          mayRead(request) ? `it was run again as ${dead.requeuedAs}` : 'it was run again',
        );
      const who = { ...submitterOf(request), tenant: dead.tenant };
      // The key makes two that do so at once one.
      const admitted = await gate.change(() =>
        admission.submitRun(prepareRun(dead.request, admission.options.ceilings), who, `requeue ${id}`),
      );
      await gate.change(() => deadLetters.markRequeued(id, admitted.id));
      return reply.code(202).header('Location', `/v1/runs/${admitted.id}`).send({ id: admitted.id });
    },
  );

  app.delete(
    '/v1/dead-letters/:id',
    {
      config: { scope: 'submit' },
      schema: {
        summary: 'Take it off the list; its result stays',
        tags: ['dead letters'],
        params: idParamsSchema,
        response: { 204: z.void(), ...refusals },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      assertOwn(request, await gate.run(() => deadLetters.tenantOf(id)), 'dead letter');
      await gate.change(() => deadLetters.dismiss(id));
      return reply.code(204).send();
    },
  );
}
