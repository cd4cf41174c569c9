import { nodesSchema } from '@sandpiper/contracts';
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
}
