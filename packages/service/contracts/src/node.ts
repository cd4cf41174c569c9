import { z } from 'zod';

const count = z.number().int().nonnegative();

export const cellViewSchema = z.strictObject({
  id: count,
  state: z.enum(['starting', 'idle', 'busy', 'failed']),
  run: z.string().nullable().describe('The run that it has'),
});

/** What a node tells of itself at every sign of life. */
export const nodeReportSchema = z
  .strictObject({
    name: z.string(),
    state: z.enum(['ready', 'not-ready', 'draining']),
    cells: z.array(cellViewSchema),
    engines: z.array(z.string()),
    version: z.string(),
    schema: z.number().int().positive().describe('The newest form of stored records that it reads'),
    startedAt: z.iso.datetime(),
    leaseMs: z
      .number()
      .positive()
      .describe('Silent for longer than this, it is taken for lost, milliseconds'),
    warnings: z.array(z.string()).describe('What it does without'),
  })
  .meta({ id: 'NodeReport' });

export type NodeReport = z.infer<typeof nodeReportSchema>;

/** A node as `GET /v1/nodes` shows it. */
export const nodeViewSchema = nodeReportSchema
  .extend({
    state: z.enum(['ready', 'not-ready', 'draining', 'lost']),
    silentMs: z.number().nonnegative().describe('Time since its last sign of life, milliseconds'),
  })
  .meta({ id: 'Node' });

export type NodeView = z.infer<typeof nodeViewSchema>;

export const nodesSchema = z.strictObject({ nodes: z.array(nodeViewSchema) }).meta({ id: 'Nodes' });
