import { type Clock, type Inspect, LifecycleActor, type Self } from '@sandpiper/actor';
import { HostShortOfMemoryError, RunRefusedError } from '@sandpiper/controller';
import { cpuWaitOf, expectsOutput, type RunResult, type RunVerdict, toError } from '@sandpiper/contracts';
import { type Comparer, verdictOnRun } from '@sandpiper/grading/judge-run';
import {
  type Claim,
  MAX_DEATHS,
  MAX_STRAYS,
  type Replication,
  type RunStore,
  syntheticResult,
} from '@sandpiper/store';
import type { Logger, NodeMetrics, Tracing } from '@sandpiper/telemetry';
import type { Assignment, Lease } from '../cell-actor.js';
import type { Cells } from '../cells.js';
import {
  type Breakage,
  type Interruption,
  type JobOutcome,
  type Released,
  type AttemptEffect,
  type AttemptEvent,
  attemptLifecycle,
  type AttemptState,
} from '../lifecycles/run.js';
import type { LiveRuns } from '../live-run.js';
import { AttemptRecord, type GivenClaim } from './record.js';

type Written = Extract<AttemptEffect, { type: 'write' }>['what'];

/** How long a run that must be alone waits for the others here to end, and when it is offered anew, milliseconds. */
const ALONE_WITHIN_MS = 10_000;
const ALONE_AGAIN_MS = 5_000;

/** What the attempts of a node share. Calls to the store may reject: the queue then retries the run later. */
export interface AttemptTools {
  readonly node: string;
  readonly store: Pick<RunStore, 'claim' | 'defer' | 'finish' | 'release'>;
  readonly cells: Cells;
  readonly live: Pick<LiveRuns, 'begin'>;
  /** Compares outputs with what their runs expect. */
  readonly comparer: Comparer;
  readonly metrics: NodeMetrics;
  readonly tracing: Tracing;
  readonly replication: Pick<Replication, 'reached' | 'replicas'>;
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
 * One attempt at a run, and the only owner of what belongs to it: the cell, the claim, the record and the
 * result. As an actor it waits for a cell, claims the run, executes it, writes the result, and settles with
 * the queue; `lifecycles/run.ts` decides each next step, and this class performs it.
 */
export class Attempt {
  /** What the queue does next. Rejects with the error to report when the queue must retry later. */
  readonly outcome: Promise<Exclude<JobOutcome, 'failed'>>;
  readonly #actor: LifecycleActor<AttemptState, AttemptEvent, AttemptEffect>;
  readonly #interruptions: Readonly<Record<Interruption, (event: AttemptEvent) => void>>;
  #settle: (effect: { outcome: JobOutcome; error: Error | null }) => void = () => {};
  #settled = false;
  #lease: Lease | null = null;
  /** The cell that has the node for itself. */
  #isolated: number | null = null;
  #claim: GivenClaim | null = null;
  #record: AttemptRecord | null = null;
  #result: RunResult | null = null;
  #error: Error | null = null;

  /** @param name unique among the attempts at the same run */
  constructor(
    private readonly runId: string,
    private readonly name: string,
    private readonly tools: AttemptTools,
  ) {
    this.outcome = new Promise((resolve, reject) => {
      this.#settle = ({ outcome, error }) => {
        this.#settled = true;
        this.#leaveCell();
        if (outcome === 'failed') reject(error ?? new Error('the attempt failed'));
        else resolve(outcome);
      };
    });
    this.#actor = new LifecycleActor<AttemptState, AttemptEvent, AttemptEffect>({
      name,
      capacity: 1,
      clock: tools.clock,
      inspect: tools.inspect,
      lifecycle: attemptLifecycle,
      perform: (effect, self) => this.#perform(effect, self),
    });
    // Each kind only once: a repetition adds nothing.
    this.#interruptions = {
      'lock-lost': this.#actor.slot(),
      cancel: this.#actor.slot(),
      'hand-back': this.#actor.slot(),
    };
    void this.#actor.ended.then((error) => {
      if (!this.#settled) this.#settle({ outcome: 'failed', error });
    });
  }

  get isWaiting(): boolean {
    return this.#actor.state.kind === 'waiting';
  }

  interrupt(why: Interruption): void {
    this.#interruptions[why]({ type: why });
  }

  #perform(effect: AttemptEffect, self: Self<AttemptEvent>): void {
    switch (effect.type) {
      case 'ask-for-cell':
        return this.#askForCell(self);
      case 'withdraw':
        return this.tools.cells.withdraw(this.name);
      case 'claim':
        return self.begin(this.#claimRun().catch(storeFailed));
      case 'execute':
        return self.begin(this.#execute());
      case 'kill':
        return this.#cell().kill();
      case 'write':
        return self.begin(this.#write(effect.what).catch(storeFailed));
      case 'release':
        return self.begin(this.#release(effect.why).catch(storeFailed));
      case 'count':
        return this.#count();
      case 'lose':
        return this.#lose(effect.reason);
      case 'settle':
        return this.#settle(effect);
    }
  }

  #askForCell(self: Self<AttemptEvent>): void {
    const tellAssigned = self.slot();
    const tellNoRoom = self.slot();
    const assignment: Assignment = {
      name: this.name,
      runId: this.runId,
      begin: (lease) => {
        // It was withdrawn too late.
        if (this.#settled) return lease.release();
        this.#lease = lease;
        tellAssigned({ type: 'assigned' });
      },
      turnAway: () => tellNoRoom({ type: 'no-room' }),
    };
    if (this.tools.cells.ask(assignment) !== 'accepted') assignment.turnAway();
  }

  async #claimRun(): Promise<AttemptEvent> {
    const { cells, store, metrics, tracing, node } = this.tools;
    const lease = this.#cell();
    const askedAt = performance.now();
    let claim = await this.#askForClaim(lease, false);
    if (claim.outcome === 'alone') {
      if (!(await cells.isolate(lease.cellId, ALONE_WITHIN_MS))) {
        await store.defer(this.runId, ALONE_AGAIN_MS);
        return { type: 'not-claimed' };
      }
      this.#isolated = lease.cellId;
      claim = await this.#askForClaim(lease, true);
    }
    if (!('attempt' in claim)) return { type: 'not-claimed' };
    this.#claim = claim;
    lease.charge(claim.tenant);
    const place = { runId: this.runId, node, cell: lease.cellId };
    this.#record = new AttemptRecord({ metrics, tracing, ...place, claim, askedAt });
    return { type: 'claimed', attempt: claim.attempt, outcome: claim.outcome };
  }

  async #askForClaim(lease: Lease, alone: boolean): Promise<Claim> {
    const { store, node, log } = this.tools;
    const { runId } = this;
    const claim = await store.claim(runId, node, lease.cellId, alone);
    if (claim.outcome === 'newer') warnNewer(log, runId);
    if (claim.outcome === 'missing') log.warn({ runId }, 'dropped a job without a run');
    if (claim.outcome === 'poison')
      log.error({ runId, deaths: claim.deaths }, 'gave up a run that kept crashing');
    return claim;
  }

  async #execute(): Promise<AttemptEvent> {
    try {
      const claim = this.#claimed();
      const { retries } = claim;
      const result = await this.#runInCell(this.#cell(), claim);
      const again = mayRunAgain(result, claim);
      const verdict = again ? {} : await verdictOnRun(result, claim.request, this.tools.comparer);
      this.#result = { ...result, ...(retries === 0 ? {} : { retries }), ...verdict };
      this.#record?.ran(this.#result);
      return { type: 'ended', killed: result.status === 'cancelled', again };
    } catch (thrown) {
      const error = toError(thrown);
      this.#error = error;
      return { type: 'broke', how: breakageOf(error), error };
    }
  }

  async #runInCell({ cell, cellId }: Lease, { request, attempt, fence }: GivenClaim): Promise<RunResult> {
    const { runId } = this;
    const { live, log } = this.tools;
    const interrupt = (): void => cell.interrupt(runId);
    const streams = request.live === true ? live.begin(runId, fence, interrupt) : null;
    try {
      return await cell.run({ id: runId, request, attempt }, streams);
    } catch (error) {
      log.error({ err: error, runId, attempt, cell: cellId }, 'an attempt failed inside the sandbox');
      throw error;
    } finally {
      // Before the result, so that a client that sees the run done finds all of its output.
      await streams?.end();
    }
  }

  async #write(what: Written): Promise<AttemptEvent> {
    const { store, log } = this.tools;
    const { runId } = this;
    const { fence, attempt } = this.#claimed();
    this.#result = what === 'result' ? this.#result : this.#synthetic(what);
    if (this.#result === null) throw new Error('there is no result to write');
    const outcome = await store.finish(this.#result, fence, what === 'given-up');
    this.#record?.written(this.#result, outcome);
    if (outcome === 'accepted') await this.#replicate();
    else log.warn({ runId, attempt, outcome }, 'the store did not accept a result');
    return { type: 'written', accepted: outcome === 'accepted' };
  }

  /** The result of a run that has none of its own. */
  #synthetic(what: Exclude<Written, 'result'>): RunResult {
    const { request, attempt, deaths } = this.#claimed();
    const { limits, engine = 'seccomp' } = request;
    const status = what === 'cancelled' ? 'cancelled' : 'internal-error';
    const message = MESSAGES[what](this.#error, deaths);
    const place = { node: this.tools.node, cell: this.#cell().cellId };
    const result = syntheticResult({ id: this.runId, status, message, limits, engine, attempt, ...place });
    if (!expectsOutput(request)) return result;
    return { ...result, verdict: 'JE', verdictReason: result.message ?? status } satisfies RunVerdict &
      RunResult;
  }

  /** The result is stored in any case; only its replication is late. */
  async #replicate(): Promise<void> {
    const { replication, metrics, log } = this.tools;
    if (await replication.reached('end', this.runId)) return;
    metrics.unreplicated.inc();
    log.warn(
      { runId: this.runId, replicas: replication.replicas },
      'a result has not reached the replicas of Redis: a failover may lose it',
    );
  }

  async #release(why: Released): Promise<AttemptEvent> {
    await this.tools.store.release(this.runId, this.#claimed().fence, why);
    return { type: 'released' };
  }

  #count(): void {
    const { cell, status } = this.#result ?? {};
    this.tools.log.debug(
      { runId: this.runId, attempt: this.#claimed().attempt, cell, status },
      'a run ended',
    );
  }

  #lose(reason: Extract<AttemptEffect, { type: 'lose' }>['reason']): void {
    this.tools.metrics.lostAttempts.inc({ reason });
    this.#record?.lost(reason);
  }

  #leaveCell(): void {
    if (this.#isolated !== null) this.tools.cells.endIsolation(this.#isolated);
    this.#lease?.release();
  }

  #cell(): Lease {
    if (this.#lease === null) throw new Error('the run has no cell');
    return this.#lease;
  }

  #claimed(): GivenClaim {
    if (this.#claim === null) throw new Error('the run is not claimed');
    return this.#claim;
  }
}

/** This node cannot read the run: the store or the job says so. */
export function warnNewer(log: Logger, runId: string): void {
  log.warn({ runId }, 'left a run of a newer version of Sandpiper to other nodes: upgrade this node');
}

/** A run that met its wall limit because it waited for a CPU, as often as its request allows. */
function mayRunAgain(result: RunResult, { request, retries }: GivenClaim): boolean {
  return retries < (request.retryUnreliable ?? 0) && cpuWaitOf(result) !== null;
}

/** A refusal repeats at every attempt on this node, and other nodes have the same configuration. */
function breakageOf(error: Error): Breakage {
  if (error instanceof RunRefusedError) return 'refused';
  return error instanceof HostShortOfMemoryError ? 'unblamed' : 'again';
}

function storeFailed(error: unknown): AttemptEvent {
  return { type: 'store-failed', error: toError(error) };
}
