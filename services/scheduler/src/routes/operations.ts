import { loadSchema, runtimeLoadSchema, runtimeNameSchema, runtimesSchema } from '@sandpiper/contracts';
import { z } from 'zod';
import type { App, Context } from '../context.js';
import { loadOf, loadOfRuntimes } from '../load.js';
import { ApiProblem } from '../problems.js';
import { refusals, submissionRefusals } from './common.js';

/** Runtimes that one question may name. */
const MOST_NAMES = 100;

/** For operators: health, readiness, metrics, the OpenAPI document. */
export function operationRoutes(app: App, context: Context, ping: () => Promise<unknown>): void {
  const hidden = { schema: { hide: true } };

  app.get('/healthz', hidden, () => ({ status: 'ok' }));

  app.get('/readyz', hidden, async () => {
    if (context.isLeaving()) throw new ApiProblem('leaving', 'the service is stopping');
    await context.gate.run(ping);
    return { status: 'ready' };
  });

  // The metrics name tenants, so they need a key.
  app.get('/metrics', { ...hidden, config: { scope: 'metrics' } }, async (_request, reply) => {
    const text = await context.metrics.render();
    return reply.type(context.metrics.registry.contentType).send(text);
  });

  // Autoscalers take any status but 200 for an error, and keep what they have: so it must be 503 while Redis is away.
  app.get(
    '/v1/load',
    {
      config: { scope: 'metrics' },
      schema: {
        summary: 'What the service has to do, and the cells for it: numbers to scale the nodes by',
        tags: ['nodes'],
        response: { 200: loadSchema, ...refusals },
      },
    },
    async () => {
      const { gate, backlog, nodes } = context;
      const [depth, views] = await gate.run(() => Promise.all([backlog.counts(), nodes.list()]));
      return loadOf(depth, views);
    },
  );

  app.get(
    '/v1/load/runtimes',
    {
      config: { scope: 'metrics' },
      schema: {
        summary: 'The same of some runtimes: numbers to scale the nodes by that have them',
        tags: ['nodes'],
        querystring: z.strictObject({
          names: z
            .string()
            .transform((list) => list.split(','))
            .pipe(z.array(runtimeNameSchema).max(MOST_NAMES))
            .describe('Names, separated by commas; `default` stands for runs that name none'),
        }),
        response: { 200: runtimeLoadSchema, ...submissionRefusals },
      },
    },
    async (request) => {
      const { gate, backlog, nodes } = context;
      const [demand, views] = await gate.run(() => Promise.all([backlog.demand(), nodes.list()]));
      return loadOfRuntimes(request.query.names, demand, views);
    },
  );

  app.get(
    '/v1/runtimes',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'The runtimes that a run may name: interpreters with their libraries',
        description: 'Those that any node has that takes runs. `default` stands for runs that name none.',
        tags: ['runs'],
        response: { 200: runtimesSchema, ...refusals },
      },
    },
    () => ({ runtimes: context.runtimes.names.map((name) => ({ name })) }),
  );

  app.get('/openapi.json', hidden, () => app.swagger());

  app.setNotFoundHandler((request) => {
    const path = request.url.split('?', 1)[0]?.slice(0, 200) ?? '';
    throw new ApiProblem('not-found', `no such resource: ${request.method} ${path}`);
  });
}
