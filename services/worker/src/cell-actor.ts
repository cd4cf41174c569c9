import {
  CausedDeath,
  type Clock,
  type Inspect,
  LifecycleActor,
  type Self,
  type Supervised,
  type Told,
} from '@sandpiper/actor';
import type { CellFactory, CellLike, CellPlace } from './cell-like.js';
import { cellLifecycle, type CellEffect, type CellEvent, type CellState } from './lifecycles/cell.js';

/** A cell in the hands of one run. */
export interface Lease {
  readonly cellId: number;
  readonly cell: CellLike;
  /** Ends the run's guest; the cell then comes to its end of the run as ever. */
  kill(): void;
  /** Whose run it is, in case that the cell dies with it. */
  charge(tenant: string): void;
  /** The run needs the cell no more. To be called once, whatever has become of either. */
  release(): void;
}

/** A run on its way to a cell. Exactly one of the two is called, once. */
export interface Assignment {
  /** A name of its own: one run may be here twice, when its lock was lost. */
  readonly name: string;
  readonly runId: string;
  begin(lease: Lease): void;
  /** No cell will take it. */
  turnAway(): void;
}

export interface CellActorOptions {
  readonly name: string;
  readonly place: CellPlace;
  readonly factory: CellFactory;
  readonly clock: Clock;
  readonly inspect: Inspect;
  /** Its state is another. */
  readonly onChange: () => void;
  readonly onUp: () => void;
  readonly onIdle: (cell: CellActor) => void;
  readonly onHealthy: () => void;
  /** It was assigned a run and cannot take it: the run is to go elsewhere. */
  readonly onRefused: (assignment: Assignment) => void;
  /** It died while it had that run: what that is to be counted as. */
  readonly causeOf: (runId: string, tenant: string) => string;
}

/**
 * Of assignments; whoever hands out runs sends one to an idle cell. What must not be refused has its place
 * kept.
 */
const CAPACITY = 2;

/** Killing, reaping and removing have deadlines of their own, which are together shorter, milliseconds. */
const CLEAR_DEADLINE_MS = 20_000;

/**
 * One cell's life as an actor: built, given runs one at a time, and cleared away after its death or its
 * dismissal.
 */
export class CellActor implements Supervised {
  readonly id: number;
  readonly ended: Promise<Error | null>;
  readonly #actor: LifecycleActor<CellState, CellEvent, CellEffect>;
  /** Those that wait in the mailbox, and the one that has begun. */
  readonly #assignments = new Map<string, Assignment>();
  readonly #tellClose: (event: CellEvent) => void;
  #cell: CellLike | null = null;
  /** Whose run it has, once that is known. */
  #tenant: string | null = null;

  constructor(private readonly options: CellActorOptions) {
    this.id = options.place.id;
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
    this.#tellClose = this.#actor.place();
    this.ended = this.#actor.ended;
  }

  get state(): CellState {
    return this.#actor.state;
  }

  /** The id of the run that it has. */
  get runId(): string | null {
    const { state } = this;
    return state.kind === 'busy' ? (this.#assignments.get(state.run)?.runId ?? null) : null;
  }

  /** After any other answer than `accepted` the run is still the caller's. */
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
        this.#watch(self.place());
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
      this.#cell = await this.options.factory(this.options.place);
      return { type: 'started' };
    } catch (error) {
      return { type: 'not-started', error: toError(error) };
    }
  }

  #watch(tell: (event: CellEvent) => void): void {
    void this.#built().closed.then((why) => {
      const error = why ?? new Error('the cell closed by itself');
      const { runId } = this;
      if (runId === null || this.#tenant === null) return tell({ type: 'died', error });
      tell({ type: 'died', error: new CausedDeath(error, this.options.causeOf(runId, this.#tenant)) });
    });
  }

  #begin(run: string, self: Self<CellEvent>): void {
    const tellFinished = self.place();
    const tellCancel = self.place();
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
    const tell = self.place();
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

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
