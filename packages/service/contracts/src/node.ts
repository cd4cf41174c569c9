import { z } from 'zod';

const count = z.number().int().nonnegative();

/** Labels of a node: names as those of Prometheus' labels. */
export const nodeLabelsSchema = z.record(
  z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]{0,62}$/),
  z.string().regex(/^[\w./:-]{0,63}$/),
);

export type NodeLabels = z.infer<typeof nodeLabelsSchema>;

export const cellViewSchema = z.strictObject({
  id: count,
  state: z.enum(['starting', 'idle', 'busy', 'failed']),
  run: z.string().nullable().describe('The current run'),
});

/** The report of a node in every heartbeat. */
export const nodeReportSchema = z
  .strictObject({
    name: z.string(),
    state: z.enum(['ready', 'not-ready', 'cordoned', 'draining']),
    cells: z.array(cellViewSchema),
    engines: z.array(z.string()),
    runtimes: z
      .array(z.string())
      .optional()
      .describe('Names of those of which it takes runs; `default` stands for runs that name none'),
    version: z.string(),
    schema: z.number().int().positive().describe('The newest schema of stored records that it reads'),
    startedAt: z.iso.datetime(),
    leaseMs: z.number().positive().describe('Silence after which the node counts as lost, milliseconds'),
    warnings: z.array(z.string()).describe('Features that the node lacks'),
    metricsAddress: z
      .string()
      .optional()
      .describe('Host and port that serve its metrics, as other hosts reach them'),
    labels: nodeLabelsSchema
      .optional()
      .describe('What its operator says of it (SANDPIPER_LABELS); absent where nothing is'),
  })
  .meta({ id: 'NodeReport' });

export type NodeReport = z.infer<typeof nodeReportSchema>;

/** A node as `GET /v1/nodes` shows it. */
export const nodeViewSchema = nodeReportSchema
  .extend({
    state: z.enum(['ready', 'not-ready', 'cordoned', 'draining', 'lost']),
    silentMs: z.number().nonnegative().describe('Time since its last heartbeat, milliseconds'),
  })
  .meta({ id: 'Node' });

export type NodeView = z.infer<typeof nodeViewSchema>;

/** The body of `PUT /v1/nodes/NAME/cordon`. */
export const cordonSchema = z
  .strictObject({
    drain: z
      .boolean()
      .default(false)
      .describe('Also hand back the runs that have not ended after the grace period of the node'),
  })
  .meta({ id: 'Cordon' });

export type Cordon = z.infer<typeof cordonSchema>;

/**
 * Where the metrics of nodes are, as Prometheus takes it (`http_sd_config`): one entry for each node. Labels are `node`
 * and those of the node as `label_NAME`.
 */
export const targetsSchema = z
  .array(z.strictObject({ targets: z.array(z.string()), labels: z.record(z.string(), z.string()) }))
  .meta({ id: 'Targets' });

export type Targets = z.infer<typeof targetsSchema>;

/** The answer to `GET /v1/runtimes`: what any node has, or is said to have soon. */
export const runtimesSchema = z
  .strictObject({ runtimes: z.array(z.strictObject({ name: z.string() })) })
  .meta({ id: 'Runtimes' });

export type Runtimes = z.infer<typeof runtimesSchema>;

export const nodesSchema = z.strictObject({ nodes: z.array(nodeViewSchema) }).meta({ id: 'Nodes' });
