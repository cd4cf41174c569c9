import { Actor, type ActorRef, type Self, type Told } from './actor.js';
import type { Clock } from './clock.js';
import { harmless, type Inspect, type Message } from './inspection.js';
import type { Lifecycle, Tagged } from './lifecycle.js';

export interface LifecycleActorOptions<S extends Tagged, E extends Message, F extends Message> {
  readonly name: string;
  readonly capacity: number;
  readonly clock: Clock;
  readonly lifecycle: Lifecycle<S, E, F>;
  /**
   * Performs the effect of a transition. Must not wait: longer work is started with {@link Self.begin}, and
   * its outcome is an event. An error is a bug of ours and ends the actor.
   */
  readonly perform: (effect: F, self: Self<E>) => void;
  /** Called after each change of state, before its effects are performed. */
  readonly onChange?: (state: S) => void;
  readonly onDropped?: (event: E) => void;
  /** Maps the terminal state to its failure; by default every end is a success. */
  readonly failureOf?: (state: S) => Error | null;
  readonly inspect?: Inspect | undefined;
}

/** Runs a lifecycle: messages are its events, and it stops in a terminal state. */
export class LifecycleActor<S extends Tagged, E extends Message, F extends Message> implements ActorRef<E> {
  readonly name: string;
  /** Resolves when it has stopped: with the failure of the terminal state, or the error of the actor. */
  readonly ended: Promise<Error | null>;
  readonly #actor: Actor<E>;
  readonly #inspect: Inspect;
  #state: S;

  constructor(private readonly options: LifecycleActorOptions<S, E, F>) {
    const { name, capacity, clock, lifecycle, onDropped, inspect } = options;
    this.name = name;
    this.#state = lifecycle.start[0];
    this.#inspect = harmless(inspect);
    this.#actor = new Actor<E>({
      name,
      capacity,
      clock,
      inspect,
      ...(onDropped === undefined ? {} : { onDropped }),
      onStart: (self) => this.#do(lifecycle.start[1], self),
      receive: (event, self) => this.#receive(event, self),
    });
    this.ended = this.#actor.ended.then((error) => error ?? options.failureOf?.(this.#state) ?? null);
  }

  get state(): S {
    return this.#state;
  }

  tell(event: E): Told {
    return this.#actor.tell(event);
  }

  /** For its owner: reserves a slot for an event that must not be refused ({@link Self.slot}). */
  slot(): (event: E) => void {
    return this.#actor.slot();
  }

  /**
   * Ends it in any state. A lifecycle that has to clean up should get an event instead, and end by itself.
   */
  stop(): Promise<void> {
    return this.#actor.stop();
  }

  #receive(event: E, self: Self<E>): void {
    const from = this.#state;
    const [to, effects] = this.options.lifecycle.step(from, event);
    this.#state = to;
    if (to !== from || effects.length > 0) {
      this.#inspect({
        type: 'transition',
        actor: this.name,
        from: from.kind,
        event: event.type,
        to: to.kind,
        effects: effects.map((effect) => effect.type),
      });
    }
    if (to !== from) this.options.onChange?.(to);
    this.#do(effects, self);
    if (this.options.lifecycle.isTerminal(to)) self.stop();
  }

  #do(effects: readonly F[], self: Self<E>): void {
    for (const effect of effects) this.options.perform(effect, self);
  }
}
