import type { NodeView } from '@sandpiper/contracts';
import {
  type Backlog,
  type BatchStore,
  type DeadLetterStore,
  memoryOf,
  type NodeRegistry,
  type RedisConnection,
  type RetentionStore,
  type RunStore,
} from '@sandpiper/store';
import type { Bounds } from './bounds.js';
import type { SchedulerSnapshot } from '@sandpiper/telemetry';
import type { Callbacks } from './callbacks/callbacks.js';
import { loadOf } from './load.js';
import type { RedisGate } from './redis/redis-gate.js';

/** The sources of a scrape. */
export interface ScrapeSources {
  readonly redis: RedisConnection;
  readonly gate: RedisGate;
  readonly store: RunStore;
  readonly batches: BatchStore;
  readonly backlog: Backlog;
  readonly nodes: NodeRegistry;
  readonly deadLetters: DeadLetterStore;
  readonly retention: RetentionStore;
  readonly bounds: Bounds;
  readonly callbacks: Callbacks | null;
}

/** Everything that is read from Redis, in a dozen commands. Null when Redis is unavailable. */
export async function takeSnapshot(measured: ScrapeSources): Promise<SchedulerSnapshot | null> {
  try {
    return await measured.gate.run(() => readAll(measured));
  } catch {
    return null;
  }
}

async function readAll(measured: ScrapeSources): Promise<SchedulerSnapshot> {
  const { redis, store, batches, backlog, nodes, deadLetters, retention, callbacks } = measured;
  const asked = performance.now();
  await store.ping();
  const pingSeconds = (performance.now() - asked) / 1000;
  const [
    depth,
    demand,
    tenants,
    inflight,
    finished,
    views,
    dead,
    stagingBatches,
    stored,
    callbackCounts,
    memory,
  ] = await Promise.all([
    backlog.counts(),
    backlog.demand(),
    backlog.byTenant(),
    backlog.inflight(),
    store.finishedCounts(),
    nodes.list(),
    deadLetters.count(),
    batches.stagingCount(),
    retention.facts(),
    callbacks === null ? null : callbacks.counts(),
    memoryOf(redis),
  ]);
  return {
    pingSeconds,
    depth,
    loadRuns: loadOf(depth, views).runs,
    demand,
    tenants,
    inflight,
    finished,
    nodes: nodesByState(views),
    cells: cellsByState(views),
    deadLetters: dead,
    stagingBatches,
    stored: {
      ...stored,
      queuedBytesMax: measured.bounds.queue.bytes,
      keptBytesMax: measured.bounds.keep.bytes,
      keptMax: measured.bounds.keep.records,
    },
    callbacks: callbackCounts === null ? null : { ...callbackCounts },
    memory,
  };
}

function nodesByState(views: readonly NodeView[]): Record<NodeView['state'], number> {
  const counts = { ready: 0, 'not-ready': 0, cordoned: 0, draining: 0, lost: 0 };
  for (const { state } of views) counts[state] += 1;
  return counts;
}

function cellsByState(views: readonly NodeView[]): Record<NodeView['cells'][number]['state'], number> {
  const counts = { starting: 0, idle: 0, busy: 0, failed: 0 };
  for (const view of views) {
    if (view.state === 'lost') continue;
    for (const { state } of view.cells) counts[state] += 1;
  }
  return counts;
}
