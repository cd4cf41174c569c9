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
  type Released,
  type AttemptEffect,
  type AttemptEvent,
  attemptLifecycle,
  type AttemptState,
} from '../lifecycles/run.js';
import type { LiveRuns } from '../live-run.js';
import { AttemptRecord } from './record.js';

type Written = Extract<AttemptEffect, { type: 'write' }>['what'];

/** What the attempts of a node share. Where a call to the store rejects, the run goes back when the node reports. */
export interface AttemptTools {
  readonly node: string;
  readonly store: Pick<RunStore, 'finish' | 'release'>;
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
  /** An attempt has got its cell, or needs none any more. */
  readonly onPlaced: () => void;
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
 * One attempt at a run that this node has taken, and the only owner of what belongs to it: the cell, the record and the
 * result. As an actor it waits for a cell, executes the run, and writes the result or gives the run back;
 * `lifecycles/run.ts` decides each next step, and this class performs it.
 */
export class Attempt {
  /** Resolves when it is over; the error is that of a store which it did not reach. */
  readonly ended: Promise<Error | null>;
  readonly #actor: LifecycleActor<AttemptState, AttemptEvent, AttemptEffect>;
  readonly #interruptions: Readonly<Record<Interruption, (event: AttemptEvent) => void>>;
  #settled = false;
  #lease: Lease | null = null;
  /** The number of its cell, also when it has left it. */
  #cellId: number | null = null;
  /** When it got its cell, as `performance.now()`, and how long it had it, milliseconds. */
  #placedAt = 0;
  #cellMs = 0;
  readonly #record: AttemptRecord;
  #result: RunResult | null = null;
  /** What went wrong in the sandbox, and on the way to the store. */
  #error: Error | null = null;
  #storeError: Error | null = null;

  /**
   * @param name unique among the attempts at the same run
   * @param askedAt when the run was asked for, as `performance.now()`
   */
  constructor(
    private readonly claim: Claim,
    private readonly name: string,
    askedAt: number,
    private readonly tools: AttemptTools,
  ) {
    const { metrics, tracing, node } = tools;
    this.#record = new AttemptRecord({ metrics, tracing, node, claim, askedAt });
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
    this.ended = this.#actor.ended.then((error) => {
      if (!this.#settled) this.#settle(error);
      return this.#storeError;
    });
    this.#actor.slot()({ type: 'begin', outcome: claim.outcome });
    if (claim.outcome === 'poison')
      tools.log.error({ runId: this.runId, deaths: claim.deaths }, 'gave up a run that kept crashing');
  }

  get runId(): string {
    return this.claim.id;
  }

  /** Whether it needs a cell and has none yet. */
  get isUnplaced(): boolean {
    const { kind } = this.#actor.state;
    return this.#cellId === null && (kind === 'taken' || kind === 'waiting') && this.claim.outcome === 'run';
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
      case 'execute':
        return self.begin(this.#execute());
      case 'kill':
        // It has left its cell when its guest has ended.
        return this.#lease?.kill();
      case 'write':
        return self.begin(this.#write(effect.what).catch(storeFailed));
      case 'release':
        return self.begin(this.#release(effect.why).catch(storeFailed));
      case 'count':
        return this.#count();
      case 'lose':
        return this.#lose(effect.reason);
      case 'settle':
        return this.#settle(effect.error);
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
        if (this.#settled || !this.isUnplaced) return lease.release();
        this.#lease = lease;
        this.#cellId = lease.cellId;
        this.#placedAt = performance.now();
        lease.charge(this.claim.tenant);
        this.#record.placed(lease.cellId);
        this.tools.onPlaced();
        tellAssigned({ type: 'assigned' });
      },
      turnAway: () => tellNoRoom({ type: 'no-room' }),
    };
    if (this.tools.cells.ask(assignment) !== 'accepted') assignment.turnAway();
  }

  async #execute(): Promise<AttemptEvent> {
    try {
      const { claim } = this;
      const { retries } = claim;
      const result = await this.#runInCell(this.#cell(), claim);
      // Its cell is free for the next run while this one is judged and written.
      this.#leaveCell();
      const again = mayRunAgain(result, claim);
      const verdict = again ? {} : await verdictOnRun(result, claim.request, this.tools.comparer);
      this.#result = { ...result, ...(retries === 0 ? {} : { retries }), ...verdict };
      this.#record.ran(this.#result);
      return { type: 'ended', killed: result.status === 'cancelled', again };
    } catch (thrown) {
      const error = toError(thrown);
      this.#error = error;
      return { type: 'broke', how: breakageOf(error), error };
    }
  }

  async #runInCell({ cell, cellId }: Lease, { request, attempt, fence }: Claim): Promise<RunResult> {
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
    const { fence, attempt } = this.claim;
    this.#result = what === 'result' ? this.#result : this.#synthetic(what);
    if (this.#result === null) throw new Error('there is no result to write');
    this.#leaveCell();
    const dead = what === 'given-up';
    const outcome = await store.finish(this.#result, fence, { dead, cellMs: this.#cellMs });
    this.#record.written(this.#result, outcome);
    if (outcome === 'accepted') await this.#replicate();
    else log.warn({ runId, attempt, outcome }, 'the store did not accept a result');
    return { type: 'written', accepted: outcome === 'accepted' };
  }

  /** The result of a run that has none of its own. */
  #synthetic(what: Exclude<Written, 'result'>): RunResult {
    const { request, attempt, deaths } = this.claim;
    const { limits, engine = 'seccomp' } = request;
    const status = what === 'cancelled' ? 'cancelled' : 'internal-error';
    const message = MESSAGES[what](this.#error, deaths);
    const place = { node: this.tools.node, cell: this.#cellId };
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
    await this.tools.store.release(this.runId, this.claim.fence, why);
    return { type: 'released' };
  }

  #count(): void {
    const { cell, status } = this.#result ?? {};
    this.tools.log.debug({ runId: this.runId, attempt: this.claim.attempt, cell, status }, 'a run ended');
  }

  #lose(reason: Extract<AttemptEffect, { type: 'lose' }>['reason']): void {
    this.tools.metrics.lostAttempts.inc({ reason });
    this.#record.lost(reason);
  }

  #settle(error: Error | null): void {
    this.#settled = true;
    this.#storeError = error;
    this.#leaveCell();
  }

  #leaveCell(): void {
    if (this.#lease === null) return;
    this.#cellMs = performance.now() - this.#placedAt;
    this.#lease.release();
    this.#lease = null;
  }

  #cell(): Lease {
    if (this.#lease === null) throw new Error('the run has no cell');
    return this.#lease;
  }
}

/** A run that met its wall limit because it waited for a CPU, as often as its request allows. */
function mayRunAgain(result: RunResult, { request, retries }: Claim): boolean {
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
