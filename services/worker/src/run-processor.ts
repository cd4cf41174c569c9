import type { Clock, Inspect } from '@sandpiper/actor';
import { HostShortOfMemoryError, RunRefusedError } from '@sandpiper/controller';
import type { AdmittedRequest, RunResult } from '@sandpiper/contracts';
import {
  type Claim,
  type Fence,
  MAX_DEATHS,
  MAX_STRAYS,
  type Replication,
  syntheticResult,
  type RunStore,
} from '@sandpiper/store';
import type { Logger, NodeMetrics, Tracing } from '@sandpiper/telemetry';
import type { Lease } from './cell-actor.js';
import type { Cells } from './cells.js';
import type { Breakage, Interruption, JobOutcome } from './lifecycles/run.js';
import type { LiveRuns } from './live-run.js';
import { RunActor, type RunWork } from './run-actor.js';
import { RunRecord } from './run-record.js';

/** A successful claim. */
interface Attempt {
  readonly id: string;
  readonly request: AdmittedRequest;
  readonly attempt: number;
  readonly fence: Fence;
}

type Claimed = Pick<Attempt, 'request' | 'fence'> & { readonly deaths: number };

/** How long a run that must be alone waits for the others here to end, and when it is offered anew, milliseconds. */
const ALONE_WITHIN_MS = 10_000;
const ALONE_AGAIN_MS = 5_000;

/** When a job that this node cannot read is offered again, milliseconds. */
const NEWER_AGAIN_MS = 5_000;

export interface RunProcessorOptions {
  readonly node: string;
  readonly store: RunStore;
  readonly cells: Cells;
  readonly live: LiveRuns;
  readonly metrics: NodeMetrics;
  readonly tracing: Tracing;
  readonly replication: Replication;
  readonly log: Logger;
  readonly clock: Clock;
  readonly inspect: Inspect;
}

/** The messages of synthetic results. */
const MESSAGES = {
  cancelled: (error: Error | null) => (error === null ? 'cancelled before it started' : 'cancelled'),
  refused: (error: Error | null) => error?.message ?? 'refused',
  'given-up': (_error: Error | null, deaths: number) =>
    deaths >= MAX_DEATHS
      ? `gave up after ${MAX_DEATHS} attempts that each crashed the cell or the node that ran it`
      : `gave up after ${MAX_STRAYS} attempts that the node could not finish`,
};

/**
 * The runs of a node: one actor takes each through its attempt, with this class as its link to the store.
 * Independent of BullMQ.
 */
export class RunProcessor {
  private readonly active = new Map<string, RunActor>();
  /** Runs with a lost lock: the queue repeats it at every renewal until the run is over. */
  private readonly lost = new WeakSet<RunActor>();
  private accepting = true;
  private begun = 0;

  constructor(private readonly options: RunProcessorOptions) {}

  get activeIds(): string[] {
    return [...this.active.keys()];
  }

  /** @throws the rejection of the cell; the queue then retries later. */
  async process(id: string): Promise<Exclude<JobOutcome, 'failed'>> {
    if (!this.accepting) return 'hand-back';
    const { cells, clock, inspect } = this.options;
    // The queue has given it to us again, so the attempt that is still here has lost its lock.
    if (this.active.has(id)) this.lockLost(id);
    this.begun += 1;
    const name = `run-${this.begun}-${id}`;
    const work = this.workOf(id);
    const run = new RunActor({ runId: id, name, cells, clock, inspect, work });
    // Registered before the claim, so that a cancel after the claim's check of the mark reaches us.
    this.active.set(id, run);
    try {
      return await run.outcome;
    } finally {
      work.over();
      if (this.active.get(id) === run) this.active.delete(id);
    }
  }

  /** A job that this node cannot read: the run is offered to other nodes after a while. */
  async leaveToNewer(id: string): Promise<void> {
    this.warnNewer(id);
    await this.options.store.defer(id, NEWER_AGAIN_MS);
  }

  /** The run was cancelled by a client. */
  cancel(id: string): void {
    this.interrupt(id, 'cancel');
  }

  /** The queue may have given the job to another node: the result of our attempt must not count. */
  lockLost(id: string): void {
    const run = this.active.get(id);
    if (run === undefined || this.lost.has(run)) return;
    this.lost.add(run);
    this.options.log.warn({ runId: id }, 'lost the lock of a run');
    this.interrupt(id, 'lock-lost');
  }

  /** Takes no runs until {@link accept}, and sends those that wait for a cell back to the queue. */
  handBackWaiting(): void {
    this.accepting = false;
    for (const run of this.active.values()) if (run.isWaiting) run.interrupt('hand-back');
  }

  accept(): void {
    this.accepting = true;
  }

  /** The grace period is over: kills the current runs and gives them back to the queue. */
  handBackAll(): void {
    this.accepting = false;
    for (const run of this.active.values()) run.interrupt('hand-back');
  }

  /** Reads the cancel marks of the current runs, after messages may have been missed. */
  async rereadCancels(): Promise<void> {
    for (const id of this.activeIds) if (await this.options.store.isCancelled(id)) this.cancel(id);
  }

  private interrupt(id: string, why: Interruption): void {
    this.active.get(id)?.interrupt(why);
  }

  private workOf(id: string): RunWork & { /** Whatever has become of it. */ over(): void } {
    const { node, store, cells, metrics, tracing, log } = this.options;
    /** What came with the claim, without which nothing else is asked. */
    let claimed: Claimed | null = null;
    /** The cell that has the node for itself. */
    let isolated: number | null = null;
    const held = (): Claimed => {
      if (claimed === null) throw new Error('the run is not claimed');
      return claimed;
    };
    let record: RunRecord | null = null;
    return {
      claim: async (lease) => {
        const askedAt = performance.now();
        let claim = await this.claim(lease, id, false);
        if (claim.outcome === 'alone') {
          if (!(await cells.isolate(lease.cellId, ALONE_WITHIN_MS))) {
            await store.defer(id, ALONE_AGAIN_MS);
            return { type: 'not-claimed' };
          }
          isolated = lease.cellId;
          claim = await this.claim(lease, id, true);
        }
        if (!('attempt' in claim)) return { type: 'not-claimed' };
        claimed = claim;
        lease.charge(claim.tenant);
        const place = { runId: id, node, cell: lease.cellId };
        record = new RunRecord({ metrics, tracing, ...place, claim, askedAt });
        return { type: 'claimed', attempt: claim.attempt, outcome: claim.outcome };
      },
      execute: async (lease, attempt) => {
        const { request, fence } = held();
        const result = await this.execute(lease, { id, request, attempt, fence });
        record?.ran(result);
        return result;
      },
      breakageOf,
      makeUp: (lease, attempt, what, error) => {
        const status = what === 'cancelled' ? 'cancelled' : 'internal-error';
        const { request, deaths } = held();
        return this.unstarted(lease, { id, request, attempt }, status, MESSAGES[what](error, deaths));
      },
      finish: async (result, attempt, dead) => {
        const outcome = await store.finish(result, held().fence, dead);
        record?.written(result, outcome);
        if (outcome !== 'accepted')
          log.warn({ runId: id, attempt, outcome }, 'the store did not accept a result');
        else await this.replicated(id);
        return outcome === 'accepted';
      },
      release: async (_attempt, why) => void (await store.release(id, held().fence, why)),
      count: ({ cell, status }, attempt) => log.info({ runId: id, attempt, cell, status }, 'a run ended'),
      lose: (reason) => {
        metrics.lostAttempts.inc({ reason });
        record?.lost(reason);
      },
      over: () => {
        if (isolated !== null) cells.endIsolation(isolated);
      },
    };
  }

  /** The result is stored in any case; only its replication is late. */
  private async replicated(id: string): Promise<void> {
    const { replication, metrics, log } = this.options;
    if (await replication.reached('end', id)) return;
    metrics.unreplicated.inc();
    const { replicas } = replication;
    log.warn(
      { runId: id, replicas },
      'a result has not reached the replicas of Redis: a failover may lose it',
    );
  }

  private async claim(lease: Lease, id: string, alone: boolean): Promise<Claim> {
    const { store, node, log } = this.options;
    const claim = await store.claim(id, node, lease.cellId, alone);
    if (claim.outcome === 'newer') this.warnNewer(id);
    if (claim.outcome === 'missing') log.warn({ runId: id }, 'dropped a job without a run');
    if (claim.outcome === 'poison')
      log.error({ runId: id, deaths: claim.deaths }, 'gave up a run that kept crashing');
    return claim;
  }

  private warnNewer(id: string): void {
    this.options.log.warn(
      { runId: id },
      'left a run of a newer version of Sandpiper to other nodes: upgrade this node',
    );
  }

  private async execute(lease: Lease, job: Attempt): Promise<RunResult> {
    const { cell } = lease;
    const { live } = this.options;
    const interrupt = (): void => cell.interrupt(job.id);
    const streams = job.request.live === true ? live.begin(job.id, job.fence, interrupt) : null;
    try {
      return await cell.run(job, streams);
    } catch (error) {
      const place = { runId: job.id, attempt: job.attempt, cell: lease.cellId };
      this.options.log.error({ err: error, ...place }, 'an attempt failed inside the sandbox');
      throw error;
    } finally {
      // Before the result, so that a client that sees the run done finds all of its output.
      await streams?.end();
    }
  }

  private unstarted(
    lease: Lease,
    { id, request, attempt }: Omit<Attempt, 'fence'>,
    status: 'cancelled' | 'internal-error',
    message: string,
  ): RunResult {
    const { limits, engine = 'seccomp' } = request;
    const place = { node: this.options.node, cell: lease.cellId };
    return syntheticResult({ id, status, message, limits, engine, attempt, ...place });
  }
}

/** A refusal repeats at every attempt on this node, and other nodes have the same configuration. */
function breakageOf(error: Error): Breakage {
  if (error instanceof RunRefusedError) return 'refused';
  return error instanceof HostShortOfMemoryError ? 'unblamed' : 'again';
}
