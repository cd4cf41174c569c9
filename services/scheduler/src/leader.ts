import { randomUUID } from 'node:crypto';
import { messageOf, type NodeView, Pump } from '@sandpiper/contracts';
import type { Backlog, BatchStore, NodeRegistry, RetentionStore } from '@sandpiper/store';
import type { Logger } from '@sandpiper/telemetry';
import type { Bounds } from './bounds.js';

/** Minimum number of quarantined runs tried at once; with many nodes, half as many as there are nodes. */
const MIN_QUARANTINED = 2;

/** Poll interval without events, milliseconds. */
const TICK_MS = 1_000;

/** How often runs are looked for that no node has, and that earlier versions have left, milliseconds. */
const REPAIR_MS = 60_000;

/**
 * Redis must have answered for this long before leases that are over count: after an outage the nodes have to come back
 * first.
 */
const STEADY_MS = 5_000;

/** An incomplete batch of this age has lost its client. */
const STAGING_MS = 60 * 60 * 1000;

/** Lease of the leading scheduler, renewed at every tick. */
const LEASE_MS = 3_000;

/** Interval of the retention sweep, milliseconds, and its steps per pass. */
const BOUNDS_MS = 250;
const BOUNDS_STEPS = 40;

/** An unfinished removal of a batch is taken over from a dead scheduler after this time. */
const PURGING_MS = 10_000;

export interface LeaderOptions {
  readonly batches: BatchStore;
  readonly backlog: Backlog;
  readonly nodes: NodeRegistry;
  readonly retention: RetentionStore;
  readonly bounds: Bounds;
  readonly log: Logger;
  /** Whether Redis is available. */
  readonly up: () => boolean;
  /** Called with all nodes, each second and when they change. */
  readonly onNodes?: (nodes: readonly NodeView[]) => void;
  /** So many runs went back to the backlogs because no node had them. */
  readonly onPutBack?: (runs: number) => void;
}

/**
 * What one scheduler does for all, under a lease: it takes the runs of silent nodes back, lets deferred runs try again, drops
 * batches that never became whole, and sweeps what is above the bounds. Nodes take runs by themselves. Every scheduler has
 * one of these, which looks at the nodes and waits for the lease.
 */
export class Leader {
  /** Number of nodes that take runs. */
  private nodes = 0;
  private tickWanted = true;
  private boundedAt = 0;
  private repairedAt: number | null = null;
  private readonly name = randomUUID();
  private leadsUntil = 0;
  /** Since when Redis has answered without a break. */
  private steadySince = performance.now();
  private closed = false;
  private readonly pump: Pump;

  constructor(private readonly options: LeaderOptions) {
    this.pump = new Pump({
      pass: () => this.pass(),
      // Redis went away or is out of memory.
      onFailure: (error) => {
        this.reconnected();
        options.log.debug({ reason: messageOf(error) }, 'could not look after the runs');
      },
      mayRun: options.up,
    });
  }

  start(): void {
    this.pump.tickEvery(TICK_MS, () => (this.tickWanted = true));
    this.pump.wake();
  }

  /** A run has ended: all schedulers hear of it, and only the leader reacts. */
  ended(): void {
    if (this.leads) this.pump.wake();
  }

  /** Redis was away. */
  reconnected(): void {
    this.steadySince = performance.now();
  }

  /** Nodes may have come, gone or changed. */
  nodesChanged(): void {
    this.tickWanted = true;
    this.pump.wake();
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
    const ticks = this.tickWanted;
    this.tickWanted = false;
    if (ticks) await this.takeLead();
    // First, because a full Redis refuses the steps below.
    await this.holdBounds();
    if (!ticks) return;
    await this.lookAtNodes();
    if (this.leads) await this.sweep();
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
    // There is more: the next pass follows at once, after what waits.
    this.boundedAt = 0;
    this.pump.wake();
  }

  private async lookAtNodes(): Promise<void> {
    const all = await this.options.nodes.list();
    this.options.onNodes?.(all);
    // A node that is unready because one of its cells keeps dying still takes runs in the others.
    this.nodes = all.filter(({ state }) => state === 'ready' || state === 'not-ready').length;
  }

  private async sweep(): Promise<void> {
    const { backlog, batches, retention, log } = this.options;
    if (performance.now() - this.steadySince > STEADY_MS) {
      const lost = await backlog.loseNodes();
      if (lost.length > 0) log.warn({ runs: lost }, 'took runs back from a silent node');
    }
    await backlog.takeDeferred(Math.max(MIN_QUARANTINED, Math.floor(this.nodes / 2)));
    for (const id of await batches.unfinished(STAGING_MS)) {
      log.info({ batchId: id }, 'dropped an incomplete batch');
      await batches.drop(id);
    }
    for (const id of await retention.purging(PURGING_MS)) {
      if ((await retention.purgeBatch(id)) === 'missing') await retention.forgetPurging(id);
    }
    await this.repair();
  }

  private async repair(): Promise<void> {
    const now = performance.now();
    if (this.repairedAt !== null && now - this.repairedAt < REPAIR_MS) return;
    this.repairedAt = now;
    const { backlog, log, onPutBack } = this.options;
    const migrated = await backlog.migrate();
    if (migrated > 0) log.info({ runs: migrated }, 'took over the queue of an earlier version');
    const strays = await backlog.findStrays();
    if (strays === 0) return;
    log.warn({ runs: strays }, 'put back runs that no node had');
    onPutBack?.(strays);
  }
}
