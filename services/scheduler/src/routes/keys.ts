import { keyRequestSchema, keysSchema, newKeySchema } from '@sandpiper/contracts';
import { z } from 'zod';
import type { App, Context } from '../context.js';
import { notFound } from '../problems.js';
import { idParamsSchema, refusals, submissionRefusals } from './common.js';

/** For operators: API keys. */
export function keyRoutes(app: App, context: Context): void {
  list(app, context);
  create(app, context);
  revoke(app, context);
}

function list(app: App, { gate, keys }: Context): void {
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
}

function create(app: App, { gate, keys }: Context): void {
  app.post(
    '/v1/keys',
    {
      config: { scope: 'admin', audit: 'key.create' },
      schema: {
        summary: 'Create an API key',
        description: 'Only this answer contains the key itself.',
        tags: ['access'],
        body: keyRequestSchema,
        response: { 201: newKeySchema, ...submissionRefusals },
      },
    },
    async (request, reply) => {
      const made = await gate.change(() => keys.create(request.body));
      request.made = made.id;
      return reply.code(201).send(made);
    },
  );
}

function revoke(app: App, { gate, keys }: Context): void {
  app.delete(
    '/v1/keys/:id',
    {
      config: { scope: 'admin', audit: 'key.revoke' },
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
}
