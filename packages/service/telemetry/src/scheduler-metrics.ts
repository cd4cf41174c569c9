import { collectDefaultMetrics, type Gauge, Registry } from 'prom-client';
import { Instruments } from './instruments.js';
import { SCHEDULER_METRICS } from './metric-names.js';

/** A counter that is stored in Redis and read at each scrape. */
export interface FinishedCount {
  readonly status: string;
  readonly engine: string;
  readonly count: number;
}

/** One of the exported tenants. */
export interface TenantFacts {
  readonly tenant: string;
  readonly waiting: number;
  /** Waiting time of its next run, milliseconds. */
  readonly nextAgeMs: number;
}

/** Bytes of runs and batches in Redis, and the number of kept records. */
export interface StoredFacts {
  readonly queuedBytes: number;
  readonly queuedBytesMax: number;
  readonly keptBytes: number;
  readonly keptBytesMax: number;
  readonly kept: number;
  readonly keptMax: number;
  /** Few: the caller bounds them. */
  readonly tenants: readonly {
    readonly tenant: string;
    readonly queuedBytes: number;
    readonly keptBytes: number;
  }[];
  readonly removed: readonly { readonly reason: string; readonly count: number }[];
}

type Counts = Readonly<Record<string, number>>;

/** What a scrape reads from Redis; `null` means that Redis is away. */
export interface SchedulerSnapshot {
  readonly pingSeconds: number;
  /** Runs by state: waiting, deferred, dispatched, running. */
  readonly depth: Counts;
  /** Runs that have not ended, whatever their state. */
  readonly loadRuns: number;
  readonly demand: readonly { readonly runtime: string; readonly runs: number }[];
  /** Few: the caller bounds them. */
  readonly tenants: readonly TenantFacts[];
  readonly inflight: readonly { readonly tenant: string; readonly count: number }[];
  readonly finished: readonly FinishedCount[];
  /** By state. */
  readonly nodes: Counts;
  readonly cells: Counts;
  readonly deadLetters: number;
  readonly stagingBatches: number;
  readonly stored: StoredFacts;
  /** By stage; null when callbacks are disabled. */
  readonly callbacks: Counts | null;
  /** Bytes; null when INFO is not permitted. */
  readonly memory: { readonly used: number; readonly max: number } | null;
}

const OUTCOMES = ['delivered', 'retry', 'given-up'] as const;
const REFUSALS = ['queue-full', 'queue-bytes-full', 'quota-exceeded', 'bytes-quota-exceeded'] as const;

/** @param snapshot called once per scrape; answers within the deadline of its Redis commands. */
export function createSchedulerMetrics(snapshot: () => Promise<SchedulerSnapshot | null>) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const make = new Instruments(registry);
  const read = {
    redisUp: make.gauge(SCHEDULER_METRICS.schedulerRedisUp),
    redisPing: make.gauge(SCHEDULER_METRICS.schedulerRedisPing),
    runtimeRuns: make.gauge(SCHEDULER_METRICS.runtimeRuns),
    depth: make.gauge(SCHEDULER_METRICS.queueDepth),
    loadRuns: make.gauge(SCHEDULER_METRICS.loadRuns),
    tenantWaiting: make.gauge(SCHEDULER_METRICS.tenantWaiting),
    tenantAge: make.gauge(SCHEDULER_METRICS.tenantAge),
    tenantInflight: make.gauge(SCHEDULER_METRICS.tenantInflight),
    runs: make.counter(SCHEDULER_METRICS.schedulerRuns),
    nodes: make.gauge(SCHEDULER_METRICS.nodes),
    cells: make.gauge(SCHEDULER_METRICS.cells),
    deadLetters: make.gauge(SCHEDULER_METRICS.deadLetters),
    stagingBatches: make.gauge(SCHEDULER_METRICS.stagingBatches),
    callbackDepth: make.gauge(SCHEDULER_METRICS.callbackDepth),
    storedBytes: make.gauge(SCHEDULER_METRICS.storedBytes),
    storedBytesMax: make.gauge(SCHEDULER_METRICS.storedBytesMax),
    keptRecords: make.gauge(SCHEDULER_METRICS.keptRecords),
    keptRecordsMax: make.gauge(SCHEDULER_METRICS.keptRecordsMax),
    tenantStoredBytes: make.gauge(SCHEDULER_METRICS.tenantStoredBytes),
    removedRecords: make.counter(SCHEDULER_METRICS.removedRecords),
    memoryUsed: make.gauge(SCHEDULER_METRICS.redisMemoryUsed),
    memoryMax: make.gauge(SCHEDULER_METRICS.redisMemoryMax),
  } as const;

  const show = (now: SchedulerSnapshot): void => {
    read.redisPing.set(now.pingSeconds);
    read.runtimeRuns.reset();
    for (const { runtime, runs } of now.demand) read.runtimeRuns.set({ runtime }, runs);
    setByState(read.depth, now.depth);
    read.loadRuns.set(now.loadRuns);
    setByState(read.nodes, now.nodes);
    setByState(read.cells, now.cells);
    setByState(read.callbackDepth, now.callbacks ?? {});
    read.deadLetters.set(now.deadLetters);
    read.stagingBatches.set(now.stagingBatches);
    // Drop tenants that are no longer in the snapshot, so that the number of series stays bounded.
    for (const gauge of [read.tenantWaiting, read.tenantAge, read.tenantInflight]) gauge.reset();
    for (const { tenant, waiting, nextAgeMs } of now.tenants) {
      read.tenantWaiting.set({ tenant }, waiting);
      read.tenantAge.set({ tenant }, nextAgeMs / 1000);
    }
    for (const { tenant, count } of now.inflight) read.tenantInflight.set({ tenant }, count);
    // The counts are stored in Redis and survive restarts, so they are set, not incremented.
    read.runs.reset();
    for (const { status, engine, count } of now.finished) read.runs.inc({ status, engine }, count);
    showStored(now.stored);
    read.memoryUsed.set(now.memory?.used ?? Number.NaN);
    read.memoryMax.set(now.memory?.max ?? Number.NaN);
  };

  const showStored = (stored: StoredFacts): void => {
    read.storedBytes.set({ part: 'queued' }, stored.queuedBytes);
    read.storedBytes.set({ part: 'kept' }, stored.keptBytes);
    read.storedBytesMax.set({ part: 'queued' }, stored.queuedBytesMax);
    read.storedBytesMax.set({ part: 'kept' }, stored.keptBytesMax);
    read.keptRecords.set(stored.kept);
    read.keptRecordsMax.set(stored.keptMax);
    read.tenantStoredBytes.reset();
    for (const { tenant, queuedBytes, keptBytes } of stored.tenants) {
      read.tenantStoredBytes.set({ tenant, part: 'queued' }, queuedBytes);
      read.tenantStoredBytes.set({ tenant, part: 'kept' }, keptBytes);
    }
    read.removedRecords.reset();
    for (const { reason, count } of stored.removed) read.removedRecords.inc({ reason }, count);
  };

  /**
   * Redis is away: drop stale gauges. Its counters stay, because Prometheus takes a decrease for a restart.
   */
  const forget = (): void => {
    const byLabel = [read.depth, read.nodes, read.cells, read.callbackDepth];
    for (const gauge of [
      ...byLabel,
      read.runtimeRuns,
      read.tenantWaiting,
      read.tenantAge,
      read.tenantInflight,
    ])
      gauge.reset();
    for (const gauge of [read.storedBytes, read.tenantStoredBytes]) gauge.reset();
    const single = [read.redisPing, read.deadLetters, read.stagingBatches, read.memoryUsed, read.memoryMax];
    for (const gauge of [...single, read.keptRecords, read.loadRuns]) gauge.set(Number.NaN);
  };

  return {
    registry,
    /** The text of `/metrics`, with a fresh snapshot. */
    // prom-client runs `collect` functions concurrently, so the snapshot is read before, not in a `collect`.
    async render(): Promise<string> {
      const now = await snapshot();
      read.redisUp.set(now === null ? 0 : 1);
      if (now === null) forget();
      else show(now);
      return registry.metrics();
    },
    submitted: make.counterOf(SCHEDULER_METRICS.schedulerSubmitted, 'kind', ['run', 'batch']),
    refused: make.counterOf(SCHEDULER_METRICS.schedulerRefused, 'reason', REFUSALS),
    putBack: make.counter(SCHEDULER_METRICS.schedulerPutBack),
    callbacks: make.counterOf(SCHEDULER_METRICS.schedulerCallbacks, 'outcome', OUTCOMES),
    redisReconnects: make.counter(SCHEDULER_METRICS.schedulerRedisReconnects),
    httpRequests: make.counter(SCHEDULER_METRICS.httpRequests),
    httpDuration: make.histogram(SCHEDULER_METRICS.httpDuration),
  } as const;
}

export type SchedulerMetrics = ReturnType<typeof createSchedulerMetrics>;

function setByState(gauge: Gauge<'state'>, counts: Counts): void {
  gauge.reset();
  for (const [state, count] of Object.entries(counts)) gauge.set({ state }, count);
}
