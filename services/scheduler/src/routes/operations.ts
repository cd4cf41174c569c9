import type { App, Context } from '../context.js';
import { ApiProblem } from '../problems.js';

/** For operators: health, readiness, metrics, the OpenAPI document. */
export function operationRoutes(app: App, context: Context, ping: () => Promise<unknown>): void {
  const hidden = { schema: { hide: true } };

  app.get('/healthz', hidden, () => ({ status: 'ok' }));

  app.get('/readyz', hidden, async () => {
    await context.gate.run(ping);
    return { status: 'ready' };
  });

  // The metrics name tenants, so they are for operators only.
  app.get('/metrics', { ...hidden, config: { scope: 'admin' } }, async (_request, reply) => {
    const text = await context.metrics.render();
    return reply.type(context.metrics.registry.contentType).send(text);
  });

  app.get('/openapi.json', hidden, () => app.swagger());

  app.setNotFoundHandler((request) => {
    const path = request.url.split('?', 1)[0]?.slice(0, 200) ?? '';
    throw new ApiProblem('not-found', `no such resource: ${request.method} ${path}`);
  });
}
