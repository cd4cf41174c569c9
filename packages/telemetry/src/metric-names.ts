/** Every metric that Sandpiper exports. A name stands here once and nowhere else; dashboards are checked against this. */
export const METRIC_NAMES = {
  /** Counter {status, engine}: runs whose result this node wrote. */
  nodeRuns: 'sandpiper_node_runs_total',
  /** Histogram {engine}: seconds of program wall time. */
  nodeRunDuration: 'sandpiper_node_run_duration_seconds',
  /** Histogram {engine}: seconds of program CPU time. */
  nodeRunCpu: 'sandpiper_node_run_cpu_seconds',
  /** Histogram: seconds from submission to the start of the first attempt here. */
  nodeQueueWait: 'sandpiper_node_queue_wait_seconds',
  /** Gauge {state}: cells by state. */
  nodeCells: 'sandpiper_node_cells',
  /** Counter: cells that died and were rebuilt. */
  nodeCellRestarts: 'sandpiper_node_cell_restarts_total',
  /** Counter {reason}: attempts that ended without a result of theirs being accepted. */
  nodeLostAttempts: 'sandpiper_node_lost_attempts_total',
  /** Gauge: 1 when the node takes runs. */
  nodeReady: 'sandpiper_node_ready',
  /** Gauge: 1 when this node's connection to Redis is up. */
  nodeRedisUp: 'sandpiper_node_redis_up',

  /** Counter {kind}: runs and batches accepted. */
  schedulerSubmitted: 'sandpiper_scheduler_submitted_total',
  /** Counter {reason}: submissions refused after validation. */
  schedulerRefused: 'sandpiper_scheduler_refused_total',
  /** Gauge {state}: jobs of the queue by state (waiting, active). */
  schedulerQueueDepth: 'sandpiper_scheduler_queue_depth',
  /** Counter {status, engine}: runs that ended, all nodes together, as counted in Redis. */
  schedulerRuns: 'sandpiper_runs_total',
  /** Counter {outcome}: attempts to send a callback (delivered, retry, given-up). */
  schedulerCallbacks: 'sandpiper_scheduler_callbacks_total',
  /** Gauge: 1 when the scheduler's connection to Redis is up. */
  schedulerRedisUp: 'sandpiper_scheduler_redis_up',
  /** Counter {method, route, status}: HTTP requests answered. */
  httpRequests: 'sandpiper_http_requests_total',
  /** Histogram {method, route}: seconds from request to answer; long-polls count with their wait. */
  httpDuration: 'sandpiper_http_request_duration_seconds',
} as const;

export type MetricName = (typeof METRIC_NAMES)[keyof typeof METRIC_NAMES];

/** Buckets from 5 ms (a cold start cannot be faster) to two hours (the longest wall limit). */
export const RUN_SECONDS_BUCKETS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200,
] as const;
