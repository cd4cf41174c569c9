import { type Clock, type Inspect, LifecycleActor, type Self } from '@sandpiper/actor';
import type { RunResult } from '@sandpiper/contracts';
import type { Assignment, Lease } from './cell-actor.js';
import type { Cells } from './cells.js';
import {
  attemptLifecycle,
  type Breakage,
  type Interruption,
  type JobOutcome,
  type Released,
  type AttemptEffect,
  type AttemptEvent,
  type AttemptState,
} from './lifecycles/run.js';

type Written = Extract<AttemptEffect, { type: 'write' }>['what'];
type Lost = Extract<AttemptEffect, { type: 'lose' }>['reason'];

/** The dependencies of one run. Calls to the store may reject: the queue then retries the run later. */
export interface RunWork {
  claim(lease: Lease): Promise<Extract<AttemptEvent, { type: 'claimed' | 'not-claimed' }>>;
  /** Rejects for a fault that is not the program's. */
  execute(lease: Lease, attempt: number): Promise<RunResult>;
  breakageOf(error: Error): Breakage;
  /** The synthetic result of a run that has none of its own. */
  makeUp(lease: Lease, attempt: number, what: Exclude<Written, 'result'>, error: Error | null): RunResult;
  /** @param dead the run was given up @returns whether the result was accepted */
  finish(result: RunResult, attempt: number, dead: boolean): Promise<boolean>;
  release(attempt: number, why: Released): Promise<void>;
  /** Called for an accepted result. */
  count(result: RunResult, attempt: number): void;
  lose(reason: Lost): void;
}

export interface RunActorOptions {
  readonly runId: string;
  /** A name that is unique among attempts at the same run. */
  readonly name: string;
  readonly cells: Cells;
  readonly work: RunWork;
  readonly clock: Clock;
  readonly inspect: Inspect;
}

/**
 * One attempt at a run as an actor: it waits for a cell, claims the run, executes it, writes the result, and
 * settles with the queue.
 */
export class RunActor {
  /** What the queue does next. Rejects with the error to report when the queue must retry later. */
  readonly outcome: Promise<Exclude<JobOutcome, 'failed'>>;
  readonly #actor: LifecycleActor<AttemptState, AttemptEvent, AttemptEffect>;
  readonly #interruptions: Readonly<Record<Interruption, (event: AttemptEvent) => void>>;
  #settle: (effect: { outcome: JobOutcome; error: Error | null }) => void = () => {};
  #settled = false;
  #lease: Lease | null = null;
  #result: RunResult | null = null;
  #written: readonly [RunResult, number] | null = null;
  #error: Error | null = null;

  constructor(private readonly options: RunActorOptions) {
    this.outcome = new Promise((resolve, reject) => {
      this.#settle = ({ outcome, error }) => {
        this.#settled = true;
        this.#lease?.release();
        if (outcome === 'failed') reject(error ?? new Error('the attempt failed'));
        else resolve(outcome);
      };
    });
    this.#actor = new LifecycleActor<AttemptState, AttemptEvent, AttemptEffect>({
      name: options.name,
      capacity: 1,
      clock: options.clock,
      inspect: options.inspect,
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
    const { name, cells, work } = this.options;
    switch (effect.type) {
      case 'ask-for-cell':
        return this.#ask(self);
      case 'withdraw':
        return cells.withdraw(name);
      case 'claim':
        return self.begin(work.claim(this.#held()).catch(storeFailed));
      case 'execute':
        return self.begin(this.#execute(effect.attempt));
      case 'kill':
        return this.#held().kill();
      case 'write':
        return self.begin(this.#write(effect.what, effect.attempt));
      case 'release':
        return self.begin(
          work
            .release(effect.attempt, effect.why)
            .then((): AttemptEvent => ({ type: 'released' }), storeFailed),
        );
      case 'count':
        return this.#written === null ? undefined : work.count(...this.#written);
      case 'lose':
        return work.lose(effect.reason);
      case 'settle':
        return this.#settle(effect);
    }
  }

  #ask(self: Self<AttemptEvent>): void {
    const tellAssigned = self.slot();
    const tellNoRoom = self.slot();
    const assignment: Assignment = {
      name: this.options.name,
      runId: this.options.runId,
      begin: (lease) => {
        // It was withdrawn too late.
        if (this.#settled) return lease.release();
        this.#lease = lease;
        tellAssigned({ type: 'assigned' });
      },
      turnAway: () => tellNoRoom({ type: 'no-room' }),
    };
    if (this.options.cells.ask(assignment) !== 'accepted') assignment.turnAway();
  }

  async #execute(attempt: number): Promise<AttemptEvent> {
    const { work } = this.options;
    try {
      this.#result = await work.execute(this.#held(), attempt);
      return { type: 'ended', killed: this.#result.status === 'cancelled' };
    } catch (thrown) {
      const error = toError(thrown);
      this.#error = error;
      return { type: 'broke', how: work.breakageOf(error), error };
    }
  }

  async #write(what: Written, attempt: number): Promise<AttemptEvent> {
    const { work } = this.options;
    const result = what === 'result' ? this.#result : work.makeUp(this.#held(), attempt, what, this.#error);
    if (result === null) throw new Error('there is no result to write');
    this.#written = [result, attempt];
    try {
      return { type: 'written', accepted: await work.finish(result, attempt, what === 'given-up') };
    } catch (error) {
      return storeFailed(error);
    }
  }

  #held(): Lease {
    if (this.#lease === null) throw new Error('the run has no cell');
    return this.#lease;
  }
}

function storeFailed(error: unknown): AttemptEvent {
  return { type: 'store-failed', error: toError(error) };
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
