import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { METRIC_NAMES, RUN_SECONDS_BUCKETS } from './metric-names.js';

const buckets = [...RUN_SECONDS_BUCKETS];

/** The instruments of a worker node. The main thread owns the registry; threads send numbers. */
export interface NodeMetrics {
  readonly registry: Registry;
  readonly runs: Counter<'status' | 'engine'>;
  readonly runDuration: Histogram<'engine'>;
  readonly runCpu: Histogram<'engine'>;
  readonly queueWait: Histogram;
  readonly cells: Gauge<'state'>;
  readonly cellRestarts: Counter;
  readonly lostAttempts: Counter<'reason'>;
  readonly ready: Gauge;
  readonly redisUp: Gauge;
}

/** Makes a registry of its own, so that two nodes may live in one process (tests do). */
export function createNodeMetrics(node: string): NodeMetrics {
  const registry = new Registry();
  registry.setDefaultLabels({ node });
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    runs: new Counter({
      name: METRIC_NAMES.nodeRuns,
      help: 'Runs whose result this node wrote, by status and engine',
      labelNames: ['status', 'engine'] as const,
      registers,
    }),
    runDuration: new Histogram({
      name: METRIC_NAMES.nodeRunDuration,
      help: 'Wall time of programs, seconds',
      labelNames: ['engine'] as const,
      buckets,
      registers,
    }),
    runCpu: new Histogram({
      name: METRIC_NAMES.nodeRunCpu,
      help: 'CPU time of programs, seconds',
      labelNames: ['engine'] as const,
      buckets,
      registers,
    }),
    queueWait: new Histogram({
      name: METRIC_NAMES.nodeQueueWait,
      help: 'Time from submission to the start of an attempt, seconds',
      buckets,
      registers,
    }),
    cells: new Gauge({
      name: METRIC_NAMES.nodeCells,
      help: 'Cells by state',
      labelNames: ['state'] as const,
      registers,
    }),
    cellRestarts: new Counter({
      name: METRIC_NAMES.nodeCellRestarts,
      help: 'Cells that died and were rebuilt',
      registers,
    }),
    lostAttempts: new Counter({
      name: METRIC_NAMES.nodeLostAttempts,
      help: 'Attempts whose result was not accepted or not made, by reason',
      labelNames: ['reason'] as const,
      registers,
    }),
    ready: new Gauge({ name: METRIC_NAMES.nodeReady, help: '1 when the node takes runs', registers }),
    redisUp: new Gauge({
      name: METRIC_NAMES.nodeRedisUp,
      help: '1 when the connection to Redis is up',
      registers,
    }),
  };
}
