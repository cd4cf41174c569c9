import type { NodeMetrics } from '@sandpiper/telemetry';
import { fastify, type FastifyInstance } from 'fastify';

/** The state that the endpoints show; there is no node while its cells start. */
export interface Observed {
  /** The reasons why it is not ready, a line each; empty when it is. */
  readonly notReadyBecause: readonly string[];
  showState(): void;
}

/**
 * `/healthz`, `/readyz` and `/metrics` of a node. Not listening yet.
 *
 * @param warnings Features that a ready node lacks, such as profile modules that cannot be imported.
 */
export function operationsServer(
  metrics: NodeMetrics,
  observed: () => Observed | null,
  warnings: () => readonly string[] = () => [],
): FastifyInstance {
  const app = fastify({ logger: false });
  app.get('/healthz', () => ({ status: 'ok' }));
  app.get('/readyz', (_request, reply) => {
    const reasons = observed()?.notReadyBecause ?? ['cells are starting'];
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
