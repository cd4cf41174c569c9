/**
 * Every metric that Sandpiper exports. One stands here once and nowhere else: instruments are made of these rows,
 * docs/metrics.md is written from them, dashboard and alerts are checked against them.
 *
 * Labels have few values, all of them ours or an administrator's. Nothing that a guest or a client can choose is one.
 */
export interface MetricSpec {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Each label with the values that it takes, explained in parentheses; or, where those are not ours, what they are. */
  readonly labels: Readonly<Record<string, string>>;
  /** Upper bounds of a histogram, seconds. */
  readonly buckets?: readonly number[];
}

/** From 5 ms to two hours, the longest wall limit. */
const RUN_SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200,
] as const;

/** From half a millisecond, which a step of ours may take, to minutes, which a run may wait. */
const STAGE_SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600,
] as const;

const HTTP_SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60] as const;

/** As RUN_STATUSES of contracts. */
const STATUS =
  'ok, runtime-error, time-limit, wall-limit, memory-limit, output-limit, disk-limit, syscall-limit, violation, cancelled, ' +
  'internal-error';
const ENGINE = 'seccomp, rpython';
const RUNTIME = '`default`, or a name of the runtimes of this node';

/** Values of labels that the instruments count one by one; the rows below and node-metrics.ts share them. */
export const STARTS = ['forked', 'cold', 'waiting'] as const;
export const LOST = ['lock-lost', 'hand-back', 'sandbox-failure', 'result-refused', 'unreliable'] as const;
const CELL_STATES = 'starting, idle, busy, failed';

/** Of a worker node. Each has the label `node` besides. */
export const NODE_METRICS = {
  nodeRuns: {
    name: 'sandpiper_node_runs_total',
    type: 'counter',
    help: 'Runs whose result this node wrote',
    labels: { status: STATUS, engine: ENGINE, runtime: RUNTIME },
  },
  nodeRunDuration: {
    name: 'sandpiper_node_run_duration_seconds',
    type: 'histogram',
    help: 'Wall time of programs',
    labels: { engine: ENGINE, runtime: RUNTIME },
    buckets: RUN_SECONDS,
  },
  nodeRunCpu: {
    name: 'sandpiper_node_run_cpu_seconds',
    type: 'histogram',
    help: 'CPU time of programs',
    labels: { engine: ENGINE, runtime: RUNTIME },
    buckets: RUN_SECONDS,
  },
  nodeQueueWait: {
    name: 'sandpiper_node_queue_wait_seconds',
    type: 'histogram',
    help: 'From the submission of a run to the claim by this node',
    labels: {},
    buckets: RUN_SECONDS,
  },
  nodeStage: {
    name: 'sandpiper_node_stage_seconds',
    type: 'histogram',
    help: 'Where the time of a run goes, stage by stage',
    labels: {
      stage:
        'backlog (submitted to asked for by the node), claim, start (to the start of the program), ' +
        'program, end (to the result), write',
    },
    buckets: STAGE_SECONDS,
  },
  nodeRunLatency: {
    name: 'sandpiper_node_run_latency_seconds',
    type: 'histogram',
    help: 'From the submission of a run to its written result',
    labels: {},
    buckets: RUN_SECONDS,
  },
  nodeStarts: {
    name: 'sandpiper_node_starts_total',
    type: 'counter',
    help: 'Guests by how they were started',
    labels: { start: STARTS.join(', ') },
  },
  nodeCalls: {
    name: 'sandpiper_node_guest_calls_total',
    type: 'counter',
    help: 'Calls of guests that the virtual kernel answered',
    labels: { engine: ENGINE },
  },
  nodeDeniedCalls: {
    name: 'sandpiper_node_denied_calls_total',
    type: 'counter',
    help: 'Calls of guests that were denied; the results name them',
    labels: { engine: ENGINE },
  },
  nodeControllerCpu: {
    name: 'sandpiper_node_controller_cpu_seconds_total',
    type: 'counter',
    help: 'CPU time of the controllers that answered calls of guests',
    labels: {},
  },
  nodeUnreliable: {
    name: 'sandpiper_node_unreliable_runs_total',
    type: 'counter',
    help: 'Results whose times cannot be trusted, because the host was short of CPU or memory',
    labels: {},
  },
  nodeCells: {
    name: 'sandpiper_node_cells',
    type: 'gauge',
    help: 'Cells by state',
    labels: { state: CELL_STATES },
  },
  nodeCellRestarts: {
    name: 'sandpiper_node_cell_restarts_total',
    type: 'counter',
    help: 'Cells that died and were rebuilt',
    labels: {},
  },
  nodeLostAttempts: {
    name: 'sandpiper_node_lost_attempts_total',
    type: 'counter',
    help: 'Attempts that produced no result, or whose result was refused or, as unreliable, replaced by another attempt',
    labels: { reason: LOST.join(', ') },
  },
  nodeUnreplicated: {
    name: 'sandpiper_node_unreplicated_results_total',
    type: 'counter',
    help: 'Results that too few replicas of Redis acknowledged in time; they are stored, but a failover may lose them',
    labels: {},
  },
  nodeReady: {
    name: 'sandpiper_node_ready',
    type: 'gauge',
    help: '1 when the node takes runs',
    labels: {},
  },
  nodeRedisUp: {
    name: 'sandpiper_node_redis_up',
    type: 'gauge',
    help: '1 when the connection to Redis is up',
    labels: {},
  },
  nodeRedisReconnects: {
    name: 'sandpiper_node_redis_reconnects_total',
    type: 'counter',
    help: 'Reconnections to Redis',
    labels: {},
  },
} as const satisfies Record<string, MetricSpec>;

/**
 * Of a scheduler. What it reads from Redis is the same on every one of them: take the maximum over schedulers, not the
 * sum.
 */
export const SCHEDULER_METRICS = {
  schedulerSubmitted: {
    name: 'sandpiper_scheduler_submitted_total',
    type: 'counter',
    help: 'Submissions that this scheduler accepted',
    labels: { kind: 'run, batch' },
  },
  schedulerRefused: {
    name: 'sandpiper_scheduler_refused_total',
    type: 'counter',
    help: 'Well-formed submissions that this scheduler refused',
    labels: { reason: 'queue-full, quota-exceeded, invalid-request, ... (codes of the answers)' },
  },
  schedulerPutBack: {
    name: 'sandpiper_scheduler_put_back_total',
    type: 'counter',
    help: 'Runs that counted as running, that no node had, and that were put back',
    labels: {},
  },
  runtimeRuns: {
    name: 'sandpiper_runtime_runs',
    type: 'gauge',
    help: 'Runs that have not ended, by the runtime that they need (read from Redis): what the nodes that have it have to do',
    labels: { runtime: 'name' },
  },
  schedulerCallbacks: {
    name: 'sandpiper_scheduler_callbacks_total',
    type: 'counter',
    help: 'Attempts of this scheduler to send a callback',
    labels: { outcome: 'delivered, retry (failed, will be sent again), given-up' },
  },
  schedulerRedisUp: {
    name: 'sandpiper_scheduler_redis_up',
    type: 'gauge',
    help: '1 when Redis answers',
    labels: {},
  },
  schedulerRedisPing: {
    name: 'sandpiper_scheduler_redis_ping_seconds',
    type: 'gauge',
    help: 'How long Redis took to answer at this scrape',
    labels: {},
  },
  schedulerRedisReconnects: {
    name: 'sandpiper_scheduler_redis_reconnects_total',
    type: 'counter',
    help: 'Reconnections to Redis',
    labels: {},
  },
  httpRequests: {
    name: 'sandpiper_http_requests_total',
    type: 'counter',
    help: 'HTTP requests answered',
    labels: { method: 'HTTP method', route: 'pattern of the route, without ids', status: 'HTTP status' },
  },
  httpDuration: {
    name: 'sandpiper_http_request_duration_seconds',
    type: 'histogram',
    help: 'From request to answer; long polls and streams include their wait',
    labels: { method: 'HTTP method', route: 'pattern of the route, without ids' },
    buckets: HTTP_SECONDS,
  },

  queueDepth: {
    name: 'sandpiper_scheduler_queue_depth',
    type: 'gauge',
    help: 'Runs that have not ended (read from Redis)',
    labels: {
      state:
        'waiting (in the backlogs), deferred (tried again later, as after a death), dispatched (in the queue, unclaimed), running',
    },
  },
  loadRuns: {
    name: 'sandpiper_scheduler_load_runs',
    type: 'gauge',
    help: 'Runs that have not ended, in one number to scale the nodes by, as GET /v1/load tells (read from Redis)',
    labels: {},
  },
  tenantWaiting: {
    name: 'sandpiper_tenant_waiting',
    type: 'gauge',
    help: 'Runs that wait, for the 100 tenants that are served next (read from Redis)',
    labels: { tenant: 'name of a tenant' },
  },
  tenantAge: {
    name: 'sandpiper_tenant_next_age_seconds',
    type: 'gauge',
    help: 'How long the next run of the tenant has waited (read from Redis)',
    labels: { tenant: 'name of a tenant' },
  },
  tenantInflight: {
    name: 'sandpiper_tenant_inflight',
    type: 'gauge',
    help: 'Runs on a node, for the 100 tenants with the most (read from Redis)',
    labels: { tenant: 'name of a tenant' },
  },
  schedulerRuns: {
    name: 'sandpiper_runs_total',
    type: 'counter',
    help: 'Runs that ended, of all nodes (counted in Redis)',
    labels: { status: STATUS, engine: ENGINE },
  },
  nodes: {
    name: 'sandpiper_nodes',
    type: 'gauge',
    help: 'Worker nodes by state (read from Redis)',
    labels: { state: 'ready, not-ready, draining, lost' },
  },
  cells: {
    name: 'sandpiper_cells',
    type: 'gauge',
    help: 'Cells of the nodes that are not lost, by state (read from Redis)',
    labels: { state: CELL_STATES },
  },
  deadLetters: {
    name: 'sandpiper_dead_letters',
    type: 'gauge',
    help: 'Runs that were given up after too many failed attempts (read from Redis)',
    labels: {},
  },
  stagingBatches: {
    name: 'sandpiper_staging_batches',
    type: 'gauge',
    help: 'Batches that are being uploaded (read from Redis)',
    labels: {},
  },
  callbackDepth: {
    name: 'sandpiper_callback_depth',
    type: 'gauge',
    help: 'Callbacks by state (read from Redis)',
    labels: { state: 'outbox, waiting, active, delayed (failed, will be sent again), failed (given up)' },
  },
  storedBytes: {
    name: 'sandpiper_stored_bytes',
    type: 'gauge',
    help: 'Bytes of Redis that runs and batches take, all tenants together (counted in Redis)',
    labels: { part: 'queued (until they end), kept (afterwards)' },
  },
  storedBytesMax: {
    name: 'sandpiper_stored_bytes_max',
    type: 'gauge',
    help: 'Bytes that runs and batches may take, as configured on this scheduler',
    labels: { part: 'queued, kept' },
  },
  keptRecords: {
    name: 'sandpiper_kept_records',
    type: 'gauge',
    help: 'Ended runs and batches that are kept (counted in Redis)',
    labels: {},
  },
  keptRecordsMax: {
    name: 'sandpiper_kept_records_max',
    type: 'gauge',
    help: 'How many ended runs and batches are kept, as configured on this scheduler',
    labels: {},
  },
  tenantStoredBytes: {
    name: 'sandpiper_tenant_stored_bytes',
    type: 'gauge',
    help: 'Bytes of Redis that runs and batches of a tenant take, for the 100 tenants with the most (counted in Redis)',
    labels: { tenant: 'name of a tenant', part: 'queued, kept' },
  },
  removedRecords: {
    name: 'sandpiper_removed_records_total',
    type: 'counter',
    help:
      'Ended runs and batches that were removed because of their age or of a bound (counted in Redis); callback-due counts ' +
      'those of them whose callback was neither sent nor given up',
    labels: { reason: 'expired, tenant-bound, ceiling, callback-due' },
  },
  redisMemoryUsed: {
    name: 'sandpiper_redis_memory_used_bytes',
    type: 'gauge',
    help: 'Memory that Redis uses, if its user may call INFO',
    labels: {},
  },
  redisMemoryMax: {
    name: 'sandpiper_redis_memory_max_bytes',
    type: 'gauge',
    help: 'Memory that Redis may use, 0 for no bound, if its user may call INFO',
    labels: {},
  },
} as const satisfies Record<string, MetricSpec>;

export const METRICS = { ...NODE_METRICS, ...SCHEDULER_METRICS } as const;

type Names = { readonly [Key in keyof typeof METRICS]: (typeof METRICS)[Key]['name'] };

/** The names alone. */
export const METRIC_NAMES = Object.fromEntries(
  Object.entries(METRICS).map(([key, { name }]) => [key, name]),
) as Names;
