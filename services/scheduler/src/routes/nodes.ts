import { nodesSchema, targetsSchema } from '@sandpiper/contracts';
import type { App, Context } from '../context.js';
import { refusals } from './common.js';

/** For operators: the worker nodes. */
export function nodeRoutes(app: App, { gate, nodes }: Context): void {
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

  // A node that is lost stays listed, so that Prometheus tells of it; a target that vanishes is no alert.
  app.get(
    '/v1/nodes/targets',
    {
      config: { scope: 'metrics' },
      schema: {
        summary: 'Where the metrics of the nodes are, as the http_sd_config of Prometheus takes it',
        tags: ['nodes'],
        response: { 200: targetsSchema, ...refusals },
      },
    },
    async () => {
      const views = await gate.run(() => nodes.list());
      return views.flatMap(({ name, metricsAddress }) =>
        metricsAddress === undefined ? [] : [{ targets: [metricsAddress], labels: { node: name } }],
      );
    },
  );
}
