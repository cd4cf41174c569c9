import { JOB_VERSION, type RunJob } from '@sandpiper/contracts';
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

/** Runs that are handed over in one go: one step of Redis is not to hold up the others. */
const MAX_AT_ONCE = 250;

/**
 * Runs with the queue for each cell that is alive: one that it takes next, and one more while we fetch
 * another.
 */
const WINDOW_PER_CELL = 2;

/**
 * A run that waits with the queue is out of its tenant's turn: so few that nobody notices, enough for one
 * node's start.
 */
const MIN_WINDOW = 2;

/** Runs of the quarantine that are tried at the same time: with many nodes half as many as there are. */
const MIN_QUARANTINED = 2;

/** Without events, look this often, milliseconds. */
const TICK_MS = 1_000;

/**
 * After so long without a claim a run is looked for in the queue. Short: until then, what a scheduler that
 * died has taken keeps its place in the window, and that may be all of it.
 */
const SILENT_DISPATCHED_MS = 3_000;

/** After so long a running run is looked for in the queue. */
const SILENT_RUNNING_MS = 60_000;

/** A batch that is not whole after so long has no client any more. */
const STAGING_MS = 60 * 60 * 1000;

/** The scheduler that leads has this long until it says so again; it does at every tick. */
const LEASE_MS = 3_000;

/**
 * What has ended is looked at for what is above the bounds this often, milliseconds; so many steps in one
 * pass.
 */
const BOUNDS_MS = 250;
const BOUNDS_STEPS = 40;

/** After this time without its end, the removal of a batch is taken over from a scheduler that died. */
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
  /** Whether Redis is there. */
  readonly up: () => boolean;
  /** A run was with nobody any more. */
  readonly onHandedOverAgain?: () => void;
}

/**
 * Feeds the queue from the backlogs of the tenants, so few runs at a time that the order of the tenants is
 * decided late. Several schedulers may do so at once: taking from the backlog is one step of Redis. What a
 * scheduler that died has taken and not handed over, another hands over later. One of them leads, for the
 * time of a lease: it acts on the ends of runs, of which all are told, and removes what is above the bounds.
 * The others act on what they are sent, and at every tick.
 */
export class Dispatcher {
  private window = MIN_WINDOW;
  /** That take runs. */
  private nodes = 0;
  private timer: NodeJS.Timeout | null = null;
  private working: Promise<void> | null = null;
  private wanted = false;
  private nodesWanted = true;
  private sweptAt = 0;
  private boundedAt = 0;
  private readonly name = randomUUID();
  private leadsUntil = 0;
  private closed = false;

  constructor(private readonly options: DispatcherOptions) {}

  /** Runs that may be with the queue unclaimed. */
  get currentWindow(): number {
    return this.window;
  }

  start(): void {
    this.timer = setInterval(() => this.nodesChanged(), TICK_MS);
    this.wake();
  }

  /** A run has ended, of which every scheduler is told: the one that leads acts on it. */
  ended(): void {
    if (this.leads) this.wake();
  }

  /** There may be something to hand over. Cheap; many calls are one pass. */
  wake(): void {
    this.wanted = true;
    this.working ??= this.work().finally(() => {
      this.working = null;
      if (this.wanted && !this.closed && this.options.up()) this.wake();
    });
  }

  /** There may be more or fewer cells than before. */
  nodesChanged(): void {
    this.nodesWanted = true;
    this.wake();
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.timer !== null) clearInterval(this.timer);
    await this.working;
    if (this.leads && this.options.up())
      await this.options.backlog.stepDown(this.name).catch(() => undefined);
  }

  private get leads(): boolean {
    return performance.now() < this.leadsUntil;
  }

  private async work(): Promise<void> {
    // What comes in the same turn of the loop is served by the same pass.
    await new Promise(setImmediate);
    try {
      while (this.wanted && !this.closed && this.options.up()) {
        this.wanted = false;
        if (this.nodesWanted) await this.takeLead();
        // First, for a Redis that is full refuses all that comes after it.
        await this.holdBounds();
        if (this.nodesWanted) await this.measureWindow();
        await this.fill();
        await this.sweep();
      }
    } catch (error) {
      // Redis went away or has no memory: the next event or tick tries again.
      this.wanted = false;
      this.options.log.debug({ reason: (error as Error).message }, 'could not hand over runs');
    }
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
    // There is more: the next pass comes at once, after what waits to be handed over.
    this.boundedAt = 0;
    this.wanted = true;
  }

  private async measureWindow(): Promise<void> {
    this.nodesWanted = false;
    // A node that is not ready because one of its cells dies all the time still takes runs in the others.
    const nodes = (await this.options.nodes.list()).filter(
      ({ state }) => state === 'ready' || state === 'not-ready',
    );
    this.nodes = nodes.length;
    const alive = nodes
      .flatMap(({ cells }) => cells)
      .filter(({ state }) => state === 'idle' || state === 'busy').length;
    // Without a node nothing leaves the backlog: there it can be cancelled, and its turn is decided when one
    // comes.
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
   * What has been silent for long is looked at: it was lost between two steps of somebody who died, or still
   * waits.
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
      log.info({ batchId: id }, 'a batch that never became whole was dropped');
      await batches.drop(id);
    }
    if (!this.leads) return;
    for (const id of await retention.purging(Date.now() - PURGING_MS)) {
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
    log.warn({ runId: id }, 'a run that the queue did not have was handed over again');
    this.options.onHandedOverAgain?.();
    await this.handOver([id]);
  }
}
