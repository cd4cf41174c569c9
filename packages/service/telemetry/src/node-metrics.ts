import { collectDefaultMetrics, Registry } from 'prom-client';
import { Instruments } from './instruments.js';
import { LOST, NODE_METRICS, STARTS } from './metric-names.js';

/**
 * The instruments of a worker node. The main thread owns the registry; threads send numbers. Each node has
 * its own registry, so that two nodes can live in one process (as in tests).
 */
export function createNodeMetrics(node: string) {
  const registry = new Registry();
  registry.setDefaultLabels({ node });
  collectDefaultMetrics({ register: registry });
  const make = new Instruments(registry);
  return {
    registry,
    runs: make.counter(NODE_METRICS.nodeRuns),
    runDuration: make.histogram(NODE_METRICS.nodeRunDuration),
    runCpu: make.histogram(NODE_METRICS.nodeRunCpu),
    queueWait: make.histogram(NODE_METRICS.nodeQueueWait),
    stage: make.histogram(NODE_METRICS.nodeStage),
    runLatency: make.histogram(NODE_METRICS.nodeRunLatency),
    starts: make.counterOf(NODE_METRICS.nodeStarts, 'start', STARTS),
    calls: make.counter(NODE_METRICS.nodeCalls),
    deniedCalls: make.counter(NODE_METRICS.nodeDeniedCalls),
    controllerCpu: make.counter(NODE_METRICS.nodeControllerCpu),
    unreliable: make.counter(NODE_METRICS.nodeUnreliable),
    cells: make.gauge(NODE_METRICS.nodeCells),
    cellRestarts: make.counter(NODE_METRICS.nodeCellRestarts),
    lostAttempts: make.counterOf(NODE_METRICS.nodeLostAttempts, 'reason', LOST),
    unreplicated: make.counter(NODE_METRICS.nodeUnreplicated),
    ready: make.gauge(NODE_METRICS.nodeReady),
    redisUp: make.gauge(NODE_METRICS.nodeRedisUp),
    redisReconnects: make.counter(NODE_METRICS.nodeRedisReconnects),
  } as const;
}

export type NodeMetrics = ReturnType<typeof createNodeMetrics>;
