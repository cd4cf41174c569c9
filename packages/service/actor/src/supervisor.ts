import type { Clock } from './clock.js';
import type { Self } from './actor.js';
import { harmless, type Inspect } from './inspection.js';
import { LifecycleActor } from './lifecycle-actor.js';
import {
  childLifecycle,
  type ChildEffect,
  type ChildEvent,
  type ChildState,
  type RestartPolicy,
} from './supervision.js';

/** A started child. Every {@link LifecycleActor} can be one. */
export interface Supervised {
  /** Asks it to end, even during its start. Returns at once; `ended` resolves when it has ended. */
  close(): void;
  /** Resolves when it is gone without remains: with null, or the error that killed it. */
  readonly ended: Promise<Error | null>;
}

/** Starts a child, which calls `up` when it is ready; ending before that counts as a failed start. */
export type StartChild = (up: () => void) => Supervised;

/** A child that dies too often. */
export interface Trouble {
  readonly child: string;
  readonly failures: number;
  readonly windowMs: number;
  /** The error of its last death. */
  readonly error: Error;
}

export interface SupervisorOptions {
  readonly clock: Clock;
  readonly policy: RestartPolicy;
  readonly inspect?: Inspect | undefined;
  /** Called when a child begins or stops to die too often: see {@link Supervisor.troubles}. */
  readonly onTrouble?: () => void;
}

interface Child {
  readonly actor: LifecycleActor<ChildState, ChildEvent, ChildEffect>;
  /** Asks it to end. */
  readonly stop: () => void;
}

/** Mailbox capacity for `healthy`, where one waiting message is enough. All others have reserved slots. */
const CAPACITY = 1;

/** Starts children and restarts those that die; the death of one does not affect the others. */
export class Supervisor {
  readonly #children = new Map<string, Child>();
  readonly #troubles = new Map<string, Trouble>();
  readonly #inspect: Inspect;

  constructor(private readonly options: SupervisorOptions) {
    this.#inspect = harmless(options.inspect);
  }

  /** Resolves when the child is up, or its first start has failed. Names must be unique. */
  start(name: string, startChild: StartChild): Promise<void> {
    if (this.#children.has(name)) throw new Error(`a child ${name} exists already`);
    return new Promise((resolve) => {
      let running: Supervised | null = null;
      const actor = new LifecycleActor<ChildState, ChildEvent, ChildEffect>({
        name,
        capacity: CAPACITY,
        clock: this.options.clock,
        lifecycle: childLifecycle(this.options.policy),
        inspect: this.options.inspect,
        perform: (effect, self) => {
          if (effect.type === 'start') running = this.#run(startChild, self, resolve);
          else if (effect.type === 'close') running?.close();
          else this.#perform(name, effect, self);
          if (effect.type === 'rest') resolve();
        },
      });
      const tellStop = actor.slot();
      this.#children.set(name, { actor, stop: () => tellStop({ type: 'stop' }) });
      void actor.ended.then(() => resolve());
    });
  }

  /** The child has done useful work: its next death counts as the first. */
  healthy(name: string): void {
    // A refused message is no loss: one is waiting already.
    this.#children.get(name)?.actor.tell({ type: 'healthy', at: this.options.clock.now() });
  }

  /** Children that die too often. */
  get troubles(): readonly Trouble[] {
    return [...this.#troubles.values()];
  }

  stateOf(name: string): ChildState['kind'] | null {
    return this.#children.get(name)?.actor.state.kind ?? null;
  }

  /** Closes all children. When it resolves, none is left and none will be restarted. */
  async stop(): Promise<void> {
    const children = [...this.#children.values()];
    for (const child of children) child.stop();
    await Promise.all(children.map(({ actor }) => actor.ended));
  }

  #run(startChild: StartChild, self: Self<ChildEvent>, onUp: () => void): Supervised | null {
    const tellUp = self.slot();
    const tellEnd = self.slot();
    let over = false;
    const ended = (error: Error | null): void => {
      over = true;
      tellEnd({ type: 'ended', at: this.options.clock.now(), error });
    };
    try {
      const child = startChild(() => {
        // Ignore `up` after the end: it would be taken for that of the successor.
        if (over) return;
        tellUp({ type: 'up' });
        onUp();
      });
      child.ended.then(ended, ended);
      return child;
    } catch (error) {
      ended(error instanceof Error ? error : new Error(String(error)));
      return null;
    }
  }

  #perform(
    name: string,
    effect: Exclude<ChildEffect, { type: 'start' | 'close' }>,
    self: Self<ChildEvent>,
  ): void {
    const { policy, clock } = this.options;
    if (effect.type === 'watch') {
      // Stamped when the timer fires.
      self.timer('watch', effect.ms, { type: 'healthy', at: clock.now() + effect.ms });
    } else if (effect.type === 'rest') {
      const { ms: delayMs, failures, error } = effect;
      self.clearTimer('watch');
      self.timer('rest', delayMs, { type: 'rested' });
      this.#inspect({ type: 'restart', actor: name, failures, delayMs, error });
      const trouble = this.#troubles.get(name);
      if (trouble !== undefined) this.#troubles.set(name, { ...trouble, error });
    } else if (effect.type === 'escalate') {
      const { failures, error } = effect;
      const { windowMs } = policy;
      this.#troubles.set(name, { child: name, failures, windowMs, error });
      this.#inspect({ type: 'escalated', actor: name, failures, windowMs, error });
      this.options.onTrouble?.();
    } else {
      this.#troubles.delete(name);
      this.#inspect({ type: 'recovered', actor: name });
      this.options.onTrouble?.();
    }
  }
}
