import type { NodeMetrics } from '@sandpiper/telemetry';
import { fastify, type FastifyInstance } from 'fastify';

/** What the endpoints show; the node is missing while its cells start. */
export interface Observed {
  /** What keeps it from being ready, a line each; empty when it is. */
  readonly notReadyBecause: readonly string[];
  showState(): void;
}

/**
 * `/healthz`, `/readyz` and `/metrics` of a node. Not listening yet.
 *
 * @param warnings What a ready node does without, such as modules of its profile that cannot be imported.
 */
export function operationsServer(
  metrics: NodeMetrics,
  observed: () => Observed | null,
  warnings: () => readonly string[] = () => [],
): FastifyInstance {
  const app = fastify({ logger: false });
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', (_request, reply) => {
    const reasons = observed()?.notReadyBecause ?? ['its cells are being started'];
    if (reasons.length > 0)
      return reply.code(503).send({ status: 'not ready', reasons, warnings: warnings() });
    return reply.send({ status: 'ready', warnings: warnings() });
  });
  app.get('/metrics', async (_request, reply) => {
    observed()?.showState();
    return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
  return app;
}
