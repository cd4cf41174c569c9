import { cordonSchema, type NodeLabels, nodesSchema, targetsSchema } from '@sandpiper/contracts';
import { z } from 'zod';
import type { App, Context } from '../context.js';
import { notFound } from '../problems.js';
import { refusals, submissionRefusals } from './common.js';

const nodeParams = z.object({ name: z.string().min(1).max(200) });

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
      return views.flatMap(({ name, metricsAddress, labels = {} }) => {
        const own = Object.entries(labels).map(([label, value]) => [`label_${label}`, value]);
        const told = { node: name, ...(Object.fromEntries(own) as NodeLabels) };
        return metricsAddress === undefined ? [] : [{ targets: [metricsAddress], labels: told }];
      });
    },
  );

  app.put(
    '/v1/nodes/:name/cordon',
    {
      config: { scope: 'admin', audit: 'node.cordon' },
      schema: {
        summary: 'Let a node take no more runs; it stays, and its runs go on',
        tags: ['nodes'],
        params: nodeParams,
        body: cordonSchema,
        response: { 204: z.void(), ...submissionRefusals, 404: refusals[404] },
      },
    },
    async (request, reply) => {
      const wanted = request.body.drain ? 'drain' : 'cordon';
      if (!(await gate.change(() => nodes.cordon(request.params.name, wanted)))) throw notFound('node');
      return reply.code(204).send();
    },
  );

  app.delete(
    '/v1/nodes/:name/cordon',
    {
      config: { scope: 'admin', audit: 'node.uncordon' },
      schema: {
        summary: 'Let a cordoned node take runs again',
        tags: ['nodes'],
        params: nodeParams,
        response: { 204: z.void(), ...refusals },
      },
    },
    async (request, reply) => {
      if (!(await gate.change(() => nodes.cordon(request.params.name, null)))) throw notFound('node');
      return reply.code(204).send();
    },
  );
}
