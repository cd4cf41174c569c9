import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { METRIC_NAMES } from './metric-names.js';

/** A count that lives in Redis and is read when metrics are scraped. */
export interface FinishedCount {
  readonly status: string;
  readonly engine: string;
  readonly count: number;
}

/** What a scrape asks of Redis; `null` instead means that Redis is away. */
export interface SchedulerSnapshot {
  readonly waiting: number;
  readonly active: number;
  readonly finished: readonly FinishedCount[];
}

/** The instruments of the scheduler. */
export interface SchedulerMetrics {
  readonly registry: Registry;
  /** The text of `/metrics`, with a fresh snapshot. */
  readonly render: () => Promise<string>;
  readonly submitted: Counter<'kind'>;
  readonly refused: Counter<'reason'>;
  readonly callbacks: Counter<'outcome'>;
  readonly httpRequests: Counter<'method' | 'route' | 'status'>;
  readonly httpDuration: Histogram<'method' | 'route'>;
}

/** @param snapshot called once per scrape; must answer within the deadline of its own Redis commands. */
export function createSchedulerMetrics(snapshot: () => Promise<SchedulerSnapshot | null>): SchedulerMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const depth = new Gauge({
    name: METRIC_NAMES.schedulerQueueDepth,
    help: 'Jobs of the queue by state',
    labelNames: ['state'] as const,
    registers,
  });
  const runs = new Counter({
    name: METRIC_NAMES.schedulerRuns,
    help: 'Runs that ended, all nodes together, by status and engine',
    labelNames: ['status', 'engine'] as const,
    registers,
  });
  const redisUp = new Gauge({
    name: METRIC_NAMES.schedulerRedisUp,
    help: '1 when Redis answers',
    registers,
  });
  return {
    registry,
    // prom-client serialises instruments side by side, so what Redis knows is fetched before, not in a `collect`.
    async render() {
      const now = await snapshot();
      redisUp.set(now === null ? 0 : 1);
      if (now !== null) {
        depth.set({ state: 'waiting' }, now.waiting);
        depth.set({ state: 'active' }, now.active);
        // The counts are Redis's, so that they survive a restart of ours: set, not added to.
        runs.reset();
        for (const { status, engine, count } of now.finished) runs.inc({ status, engine }, count);
      }
      return registry.metrics();
    },
    submitted: new Counter({
      name: METRIC_NAMES.schedulerSubmitted,
      help: 'Runs and batches accepted',
      labelNames: ['kind'] as const,
      registers,
    }),
    refused: new Counter({
      name: METRIC_NAMES.schedulerRefused,
      help: 'Well-formed submissions refused, by reason',
      labelNames: ['reason'] as const,
      registers,
    }),
    callbacks: new Counter({
      name: METRIC_NAMES.schedulerCallbacks,
      help: 'Attempts to send a callback, by outcome',
      labelNames: ['outcome'] as const,
      registers,
    }),
    httpRequests: new Counter({
      name: METRIC_NAMES.httpRequests,
      help: 'HTTP requests answered',
      labelNames: ['method', 'route', 'status'] as const,
      registers,
    }),
    httpDuration: new Histogram({
      name: METRIC_NAMES.httpDuration,
      help: 'Seconds from request to answer',
      labelNames: ['method', 'route'] as const,
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60],
      registers,
    }),
  };
}
