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
import { assertOwn, identityOf, mayRead } from '../http/auth.js';
import { prepareRun } from '../bodies/prepared.js';
import type { App, Context } from '../context.js';
import { notFound, ApiProblem } from '../problems.js';
import { acceptedSchema, idParamsSchema, refusals, submissionRefusals, submitterOf } from './common.js';

const deadLettersQuerySchema = z.strictObject({
  after: z.string().regex(ID_PATTERN).optional().describe('Id of the last entry of the previous page'),
  limit: z.coerce.number().int().min(1).max(1000).default(100).describe('Maximum number of entries'),
});

/** For operators: nodes, tenants, keys. For tenants: dead letters, the runs that were given up. */
export function administrationRoutes(app: App, context: Context): void {
  const { admission, deadLetters, dispatcher, gate, keys, nodes, tenants } = context;

  app.get(
    '/v1/nodes',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'List worker nodes with their cells and current runs',
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
        summary: 'List tenants and their settings',
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
        summary: 'Create a tenant or replace its settings',
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
        summary: 'List API keys without their secrets',
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
        summary: 'Create an API key',
        description: 'Only this answer contains the key itself.',
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
        summary: 'Revoke an API key, effective at once',
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
        summary: 'List runs that were given up because they kept crashing their worker, the latest first',
        description: 'Leaves out requests and results; GET /v1/dead-letters/ID has the result.',
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
        summary: 'Get a dead letter with its result',
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
        summary: 'Submit the request of a dead letter again, as a new run',
        description: 'The old run stays as it is; the new run has its own id and result.',
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

  app.delete(
    '/v1/dead-letters/:id',
    {
      config: { scope: 'submit' },
      schema: {
        summary: 'Remove a dead letter from the list; the result of the run stays',
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
