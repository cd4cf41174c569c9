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

/** What a supervisor holds of a child that was started. Every {@link LifecycleActor} can be made one. */
export interface Supervised {
  /** Asks it to end, also while it starts. Returns at once; `ended` tells when it has. */
  close(): void;
  /** Resolves when nothing of it is left: null, or what it died of. */
  readonly ended: Promise<Error | null>;
}

/** Starts a child. `up` is to be called when it is there; one that ends before that could not be started. */
export type StartChild = (up: () => void) => Supervised;

/** A child that dies too often. */
export interface Trouble {
  readonly child: string;
  readonly failures: number;
  readonly windowMs: number;
  /** What it died of last. */
  readonly error: Error;
}

export interface SupervisorOptions {
  readonly clock: Clock;
  readonly policy: RestartPolicy;
  readonly inspect?: Inspect | undefined;
  /** A child dies too often, or no longer does: see {@link Supervisor.troubles}. */
  readonly onTrouble?: () => void;
}

interface Child {
  readonly actor: LifecycleActor<ChildState, ChildEvent, ChildEffect>;
  /** Asks for its end. */
  readonly stop: () => void;
}

/** For `healthy`, of which one that waits says as much as ten. Everything else has its place kept. */
const CAPACITY = 1;

/** Starts children, and starts again those that die; one child's death is no other child's business. */
export class Supervisor {
  readonly #children = new Map<string, Child>();
  readonly #troubles = new Map<string, Trouble>();
  readonly #inspect: Inspect;

  constructor(private readonly options: SupervisorOptions) {
    this.#inspect = harmless(options.inspect);
  }

  /** Resolves when the child is up, or has failed for the first time. Names are given once. */
  start(name: string, startChild: StartChild): Promise<void> {
    if (this.#children.has(name)) throw new Error(`there is a child ${name} already`);
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
      const tellStop = actor.place();
      this.#children.set(name, { actor, stop: () => tellStop({ type: 'stop' }) });
      void actor.ended.then(() => resolve());
    });
  }

  /** The child did what it is for: its next death is the first again. */
  healthy(name: string): void {
    // One that is refused is as good as the one that waits already.
    this.#children.get(name)?.actor.tell({ type: 'healthy', at: this.options.clock.now() });
  }

  /** The children that die too often. */
  get troubles(): readonly Trouble[] {
    return [...this.#troubles.values()];
  }

  stateOf(name: string): ChildState['kind'] | null {
    return this.#children.get(name)?.actor.state.kind ?? null;
  }

  /** Closes every child. When it resolves, none is left and none comes back. */
  async stop(): Promise<void> {
    const children = [...this.#children.values()];
    for (const child of children) child.stop();
    await Promise.all(children.map(({ actor }) => actor.ended));
  }

  #run(startChild: StartChild, self: Self<ChildEvent>, onUp: () => void): Supervised | null {
    const tellUp = self.place();
    const tellEnd = self.place();
    let over = false;
    const ended = (error: Error | null): void => {
      over = true;
      tellEnd({ type: 'ended', at: this.options.clock.now(), error });
    };
    try {
      const child = startChild(() => {
        // One that calls itself up after its end would be taken for its successor.
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
      // The time is that of its ringing.
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
