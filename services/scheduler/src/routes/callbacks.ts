import { callbackSecretSchema, failedCallbacksSchema } from '@sandpiper/contracts';
import { z } from 'zod';
import { identityOf } from '../http/auth.js';
import type { Callbacks } from '../callbacks/callbacks.js';
import type { App, Context } from '../context.js';
import { notFound, ApiProblem } from '../problems.js';
import { idParamsSchema, refusals } from './common.js';

const tags = ['callbacks'];

/** For receivers: the secret to verify callbacks. For operators: failed callbacks. */
export function callbackRoutes(app: App, context: Context): void {
  const { gate } = context;
  const callbacks = (): Callbacks => {
    if (context.callbacks !== null) return context.callbacks;
    throw new ApiProblem(
      'not-found',
      'callbacks are disabled on this service: SANDPIPER_CALLBACK_SECRET is not set',
    );
  };

  app.get(
    '/v1/callback-secret',
    {
      config: { scope: 'submit' },
      schema: {
        summary: "Get the secret that signs your tenant's callbacks",
        description: 'Keep it secret like a key: with it callbacks can be forged.',
        tags,
        response: { 200: callbackSecretSchema, ...refusals },
      },
    },
    (request, reply) => {
      const { tenant } = identityOf(request);
      void reply.header('Cache-Control', 'no-store');
      return { tenant, secret: callbacks().secretOf(tenant) };
    },
  );

  app.get(
    '/v1/callbacks/failed',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'List failed callbacks, the latest first',
        tags,
        response: { 200: failedCallbacksSchema, ...refusals },
      },
    },
    async () => ({ callbacks: await gate.run(() => callbacks().failed()) }),
  );

  app.post(
    '/v1/callbacks/failed/:id/retry',
    {
      config: { scope: 'admin', audit: 'callback.retry' },
      schema: {
        summary: 'Retry a failed callback, with a new series of attempts',
        tags,
        params: idParamsSchema,
        response: { 202: z.void(), ...refusals },
      },
    },
    async (request, reply) => {
      if (!(await gate.change(() => callbacks().retry(request.params.id)))) throw notFound('failed callback');
      return reply.code(202).send();
    },
  );
}
