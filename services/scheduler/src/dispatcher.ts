import { JOB_VERSION, messageOf, type NodeView, Pump, type RunJob } from '@sandpiper/contracts';
import {
  type Backlog,
  JOB_NAME,
  jobOptions,
  type NodeRegistry,
  type RetentionStore,
  type RunStore,
  type BatchStore,
} from '@sandpiper/store';
import type { Logger } from '@sandpiper/telemetry';
import type { Queue } from 'bullmq';
import { randomUUID } from 'node:crypto';
import type { Bounds } from './bounds.js';

/** Runs dispatched at once: one Redis script must not hold up others. */
const MAX_AT_ONCE = 250;

/** Queued runs per live cell: the next one, and another while we fetch more. */
const WINDOW_PER_CELL = 2;

/**
 * Minimum number of runs in the queue. Queued runs bypass fair queueing, so keep them few, but enough for the
 * start of one node.
 */
const MIN_WINDOW = 2;

/** Minimum number of quarantined runs tried at once; with many nodes, half as many as there are nodes. */
const MIN_QUARANTINED = 2;

/** Poll interval without events, milliseconds. */
const TICK_MS = 1_000;

/**
 * A run without a claim for this long is looked up in the queue. Short, because until then the runs that a
 * dead scheduler took occupy the window, perhaps all of it.
 */
const SILENT_DISPATCHED_MS = 3_000;

/** A run that has been running for this long is looked up in the queue. */
const SILENT_RUNNING_MS = 60_000;

/** An incomplete batch of this age has lost its client. */
const STAGING_MS = 60 * 60 * 1000;

/** Lease of the leading scheduler, renewed at every tick. */
const LEASE_MS = 3_000;

/** Interval of the retention sweep, milliseconds, and its steps per pass. */
const BOUNDS_MS = 250;
const BOUNDS_STEPS = 40;

/** An unfinished removal of a batch is taken over from a dead scheduler after this time. */
const PURGING_MS = 10_000;

export interface DispatcherOptions {
  readonly store: RunStore;
  readonly batches: BatchStore;
  readonly backlog: Backlog;
  readonly nodes: NodeRegistry;
  readonly retention: RetentionStore;
  readonly bounds: Bounds;
  readonly queue: Queue<RunJob>;
  readonly log: Logger;
  /** Whether Redis is available. */
  readonly up: () => boolean;
  /** Called with all nodes, each second and when they change. */
  readonly onNodes?: (nodes: readonly NodeView[]) => void;
  /** A lost run was put into the queue again. */
  readonly onHandedOverAgain?: () => void;
}

/**
 * Feeds the queue from the tenants' backlogs, few runs at a time, so that the order of tenants is decided
 * late. Several schedulers may do so at once: taking from the backlog is atomic in Redis. Runs that a dead
 * scheduler took and did not dispatch are dispatched later by another. One scheduler leads, under a lease: it
 * alone reacts to ends of runs, which all schedulers hear of, and runs the retention sweep. The others react
 * to their own requests and to every tick.
 */
export class Dispatcher {
  private window = MIN_WINDOW;
  /** Number of nodes that take runs. */
  private nodes = 0;
  private nodesWanted = true;
  private sweptAt = 0;
  private boundedAt = 0;
  private readonly name = randomUUID();
  private leadsUntil = 0;
  private closed = false;
  private readonly pump: Pump;

  constructor(private readonly options: DispatcherOptions) {
    this.pump = new Pump({
      pass: () => this.pass(),
      // Redis went away or is out of memory.
      onFailure: (error) => options.log.debug({ reason: messageOf(error) }, 'could not dispatch runs'),
      mayRun: options.up,
    });
  }

  /** Maximum number of unclaimed runs in the queue. */
  get currentWindow(): number {
    return this.window;
  }

  start(): void {
    this.pump.tickEvery(TICK_MS, () => (this.nodesWanted = true));
    this.wake();
  }

  /** A run has ended: all schedulers hear of it, and only the leader reacts. */
  ended(): void {
    if (this.leads) this.wake();
  }

  /** There may be runs to dispatch. Cheap: many calls are merged into one pass. */
  wake(): void {
    this.pump.wake();
  }

  /** The number of cells may have changed. */
  nodesChanged(): void {
    this.nodesWanted = true;
    this.wake();
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.pump.close();
    if (this.leads && this.options.up())
      await this.options.backlog.stepDown(this.name).catch(() => undefined);
  }

  private get leads(): boolean {
    return performance.now() < this.leadsUntil;
  }

  private async pass(): Promise<void> {
    if (this.nodesWanted) await this.takeLead();
    // First, because a full Redis refuses the steps below.
    await this.holdBounds();
    if (this.nodesWanted) await this.measureWindow();
    await this.fill();
    await this.sweep();
  }

  private async takeLead(): Promise<void> {
    const asked = performance.now();
    const leads = await this.options.backlog.lead(this.name, LEASE_MS);
    if (leads && this.leadsUntil === 0) await this.options.retention.removeLeftBehind();
    this.leadsUntil = leads ? asked + LEASE_MS : 0;
  }

  private async holdBounds(): Promise<void> {
    const now = performance.now();
    if (!this.leads || now - this.boundedAt < BOUNDS_MS) return;
    this.boundedAt = now;
    const { retention, bounds, up } = this.options;
    for (let step = 0; step < BOUNDS_STEPS && up() && !this.closed; step++) {
      if (!(await retention.sweep(bounds.keep))) return;
    }
    // There is more: the next pass follows at once, after the waiting dispatches.
    this.boundedAt = 0;
    this.wake();
  }

  private async measureWindow(): Promise<void> {
    this.nodesWanted = false;
    // A node that is unready because one of its cells keeps dying still takes runs in the others.
    const all = await this.options.nodes.list();
    this.options.onNodes?.(all);
    const nodes = all.filter(({ state }) => state === 'ready' || state === 'not-ready');
    this.nodes = nodes.length;
    const alive = nodes
      .flatMap(({ cells }) => cells)
      .filter(({ state }) => state === 'idle' || state === 'busy').length;
    // Without nodes runs stay in the backlog, where they can be cancelled and keep their order.
    this.window = alive === 0 ? 0 : Math.max(MIN_WINDOW, alive * WINDOW_PER_CELL);
  }

  private async fill(): Promise<void> {
    for (;;) {
      const ids = await this.options.backlog.dispatch(this.window, MAX_AT_ONCE);
      if (ids.length > 0) await this.handOver(ids);
      if (ids.length < MAX_AT_ONCE) return;
    }
  }

  private async handOver(ids: readonly string[]): Promise<void> {
    await this.options.queue.addBulk(
      ids.map((id) => ({ name: JOB_NAME, data: { version: JOB_VERSION, id }, opts: jobOptions(id) })),
    );
  }

  /**
   * Checks runs without news for long: they were lost when a process died between two steps, or still wait.
   */
  private async sweep(): Promise<void> {
    const now = performance.now();
    if (now - this.sweptAt < TICK_MS) return;
    this.sweptAt = now;
    const { backlog, batches, retention, log } = this.options;
    const silent = [
      ...(await backlog.silentDispatched(SILENT_DISPATCHED_MS)),
      ...(await backlog.silentRunning(SILENT_RUNNING_MS)),
    ];
    await Promise.all(silent.map((id) => this.handOverAgain(id)));
    const due = await backlog.takeDeferred(Math.max(MIN_QUARANTINED, Math.floor(this.nodes / 2)));
    if (due.length > 0) await this.handOver(due);
    for (const id of await batches.unfinished(STAGING_MS)) {
      log.info({ batchId: id }, 'dropped an incomplete batch');
      await batches.drop(id);
    }
    if (!this.leads) return;
    for (const id of await retention.purging(PURGING_MS)) {
      if ((await retention.purgeBatch(id)) === 'missing') await retention.forgetPurging(id);
    }
  }

  private async handOverAgain(id: string): Promise<void> {
    const { store, queue, backlog, log } = this.options;
    const facts = await store.runFacts(id);
    if (facts === null || facts.state === 'done') return backlog.forgetSilent(id);
    const job = await queue.getJob(id);
    if (job !== undefined) {
      if (!(await job.isFailed())) return;
      await job.remove();
    }
    log.warn({ runId: id }, 'put a lost run into the queue again');
    this.options.onHandedOverAgain?.();
    await this.handOver([id]);
  }
}
