import { toError } from '@sandpiper/contracts';

import {
  CausedDeath,
  type Clock,
  type Inspect,
  LifecycleActor,
  type Self,
  type Supervised,
  type Told,
} from '@sandpiper/actor';
import type { CellFactory, CellLike, CellSpec } from './cell-like.js';
import { cellLifecycle, type CellEffect, type CellEvent, type CellState } from './lifecycles/cell.js';

/** A cell assigned to one run. */
export interface Lease {
  readonly cellId: number;
  readonly cell: CellLike;
  /** Kills the run's guest; the cell then ends the run in the usual way. */
  kill(): void;
  /** Names the tenant of the run, in case the cell dies with it. */
  charge(tenant: string): void;
  /** Releases the cell. Call it once, whatever happened to the run or the cell. */
  release(): void;
}

/** A run that is being assigned to a cell. Exactly one of the two callbacks is called, once. */
export interface Assignment {
  /** A unique name: one run may be here twice, after its lock was lost. */
  readonly name: string;
  readonly runId: string;
  begin(lease: Lease): void;
  /** No cell can take it. */
  turnAway(): void;
}

export interface CellActorOptions {
  readonly name: string;
  readonly spec: CellSpec;
  readonly factory: CellFactory;
  readonly clock: Clock;
  readonly inspect: Inspect;
  /** Called after each state change. */
  readonly onChange: () => void;
  readonly onUp: () => void;
  readonly onIdle: (cell: CellActor) => void;
  readonly onHealthy: () => void;
  /** It cannot take the run that was assigned to it: the run must go elsewhere. */
  readonly onRefused: (assignment: Assignment) => void;
  /** It died during that run: the cause to count the death under. */
  readonly causeOf: (runId: string, tenant: string) => string;
}

/**
 * Mailbox capacity for assignments: an idle cell gets one at a time. Messages that must not be refused have
 * reserved slots.
 */
const CAPACITY = 2;

/** Longer than the sum of the deadlines of killing, reaping and removing, milliseconds. */
const CLEAR_DEADLINE_MS = 20_000;

/**
 * The life of one cell as an actor: it is built, gets runs one at a time, and is cleared away after its death
 * or dismissal.
 */
export class CellActor implements Supervised {
  readonly id: number;
  readonly ended: Promise<Error | null>;
  readonly #actor: LifecycleActor<CellState, CellEvent, CellEffect>;
  /** Assignments that wait in the mailbox, and the current one. */
  readonly #assignments = new Map<string, Assignment>();
  readonly #tellClose: (event: CellEvent) => void;
  #cell: CellLike | null = null;
  /** Tenant of the current run, once known. */
  #tenant: string | null = null;

  constructor(private readonly options: CellActorOptions) {
    this.id = options.spec.id;
    this.#actor = new LifecycleActor<CellState, CellEvent, CellEffect>({
      name: options.name,
      capacity: CAPACITY,
      clock: options.clock,
      inspect: options.inspect,
      lifecycle: cellLifecycle,
      perform: (effect, self) => this.#perform(effect, self),
      onChange: options.onChange,
      failureOf: (state) => (state.kind === 'closed' ? state.error : null),
      onDropped: (event) => {
        if (event.type === 'assign') this.options.onRefused(this.#take(event.run));
      },
    });
    this.#tellClose = this.#actor.slot();
    this.ended = this.#actor.ended;
  }

  get state(): CellState {
    return this.#actor.state;
  }

  /** Id of the current run. */
  get runId(): string | null {
    const { state } = this;
    return state.kind === 'busy' ? (this.#assignments.get(state.run)?.runId ?? null) : null;
  }

  /** Unless the answer is `accepted`, the caller keeps the run. */
  assign(assignment: Assignment): Told {
    this.#assignments.set(assignment.name, assignment);
    const told = this.#actor.tell({ type: 'assign', run: assignment.name });
    if (told !== 'accepted') this.#assignments.delete(assignment.name);
    return told;
  }

  close(): void {
    this.#tellClose({ type: 'close' });
  }

  #perform(effect: CellEffect, self: Self<CellEvent>): void {
    switch (effect.type) {
      case 'build':
        return self.begin(this.#build());
      case 'up':
        this.#watch(self.slot());
        return this.options.onUp();
      case 'offer':
        return this.options.onIdle(this);
      case 'begin':
        return this.#begin(effect.run, self);
      case 'refuse':
        return this.options.onRefused(this.#take(effect.run));
      case 'kill':
        return this.#built().cancel(this.#assignments.get(effect.run)?.runId ?? '');
      case 'healthy':
        return this.options.onHealthy();
      case 'clear':
        return this.#clear(self);
    }
  }

  async #build(): Promise<CellEvent> {
    try {
      this.#cell = await this.options.factory(this.options.spec);
      return { type: 'started' };
    } catch (error) {
      return { type: 'not-started', error: toError(error) };
    }
  }

  #watch(tell: (event: CellEvent) => void): void {
    void this.#built().closed.then((why) => {
      const error = why ?? new Error('the cell closed unexpectedly');
      const { runId } = this;
      if (runId === null || this.#tenant === null) return tell({ type: 'died', error });
      tell({ type: 'died', error: new CausedDeath(error, this.options.causeOf(runId, this.#tenant)) });
    });
  }

  #begin(run: string, self: Self<CellEvent>): void {
    const tellFinished = self.slot();
    const tellCancel = self.slot();
    const assignment = this.#assignments.get(run);
    assignment?.begin({
      cellId: this.id,
      cell: this.#built(),
      kill: () => tellCancel({ type: 'cancel', run }),
      charge: (tenant) => {
        this.#tenant = tenant;
      },
      release: () => {
        this.#assignments.delete(run);
        this.#tenant = null;
        tellFinished({ type: 'finished', run });
      },
    });
  }

  #clear(self: Self<CellEvent>): void {
    const tell = self.slot();
    this.#built()
      .close()
      .then(
        () => tell({ type: 'cleared', error: null }),
        (error: unknown) => tell({ type: 'cleared', error: toError(error) }),
      );
    const error = new Error(`the cell could not be cleared away within ${CLEAR_DEADLINE_MS} ms`);
    self.timer('clear', CLEAR_DEADLINE_MS, { type: 'cleared', error });
  }

  #take(run: string): Assignment {
    const assignment = this.#assignments.get(run);
    if (assignment === undefined) throw new Error(`no such assignment: ${run}`);
    this.#assignments.delete(run);
    return assignment;
  }

  #built(): CellLike {
    if (this.#cell === null) throw new Error('the cell is not built');
    return this.#cell;
  }
}
