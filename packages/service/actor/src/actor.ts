import type { Clock } from './clock.js';
import { harmless, type Inspect, type Message } from './inspection.js';
import { Mailbox } from './mailbox.js';

/** The answer to a sender. After `full` and `stopped` the sender keeps the message. */
export type Told = 'accepted' | 'full' | 'stopped';

/** A reference through which others reach an actor. */
export interface ActorRef<M extends Message> {
  readonly name: string;
  tell(message: M): Told;
}

/** What a handler may do with its actor. */
export interface Self<M extends Message> {
  readonly name: string;
  readonly clock: Clock;
  /**
   * Reserves a slot in the mailbox for a message that must not be refused, such as the answer to a request
   * of the actor. The returned function delivers one message; it does nothing when called again, or when the
   * actor has stopped.
   */
  slot(): (message: M) => void;
  /**
   * Starts work beside the mailbox. Its outcome becomes a message, null none; it must not reject. Stopping
   * waits for it.
   */
  begin(work: Promise<M | null>): void;
  /** Sends itself a message after a delay. One timer per key: a later one replaces it. */
  timer(key: string, ms: number, message: M): void;
  clearTimer(key: string): void;
  /** No further message is handled; see {@link Actor.stop}. */
  stop(): void;
}

export interface ActorOptions<M extends Message> {
  readonly name: string;
  /** Maximum number of waiting messages from others. */
  readonly capacity: number;
  readonly clock: Clock;
  /** Handles one message; the next one waits until it is done. An error ends the actor. */
  readonly receive: (message: M, self: Self<M>) => void | Promise<void>;
  /** Called before the first message. */
  readonly onStart?: (self: Self<M>) => void;
  /** Called for each accepted message that was too late to be handled. */
  readonly onDropped?: (message: M) => void;
  readonly inspect?: Inspect | undefined;
}

/**
 * A mailbox and a handler that takes one message at a time. The handler never runs inside `tell`: its turn
 * comes when the sender's is over.
 */
export class Actor<M extends Message> implements ActorRef<M> {
  readonly name: string;
  /** Resolves when the actor has stopped and its work is over: with null, or the error of its handler. */
  readonly ended: Promise<Error | null>;

  readonly #mailbox: Mailbox<M>;
  readonly #inspect: Inspect;
  readonly #self: Self<M>;
  readonly #timers = new Map<string, () => void>();
  readonly #works = new Set<Promise<void>>();
  #resolveEnded: (error: Error | null) => void = () => {};
  #error: Error | null = null;
  #started = false;
  #handling = false;
  #stopping = false;

  constructor(private readonly options: ActorOptions<M>) {
    this.name = options.name;
    this.#mailbox = new Mailbox(options.capacity);
    this.#inspect = harmless(options.inspect);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#self = {
      name: options.name,
      clock: options.clock,
      slot: () => this.slot(),
      begin: (work) => this.#begin(work),
      timer: (key, ms, message) => this.#setTimer(key, ms, message),
      clearTimer: (key) => this.#clearTimer(key),
      stop: () => void this.stop(),
    };
    this.#wake();
  }

  tell(message: M): Told {
    if (this.#stopping) return 'stopped';
    if (!this.#mailbox.put(message)) {
      const { capacity } = this.#mailbox;
      this.#inspect({ type: 'overflow', actor: this.name, message: message.type, capacity });
      return 'full';
    }
    this.#wake();
    return 'accepted';
  }

  /** For its owner: see {@link Self.slot}. */
  slot(): (message: M) => void {
    let free = true;
    return (message) => {
      if (!free) return;
      free = false;
      this.#own(message);
    };
  }

  /**
   * Stops handling messages. Resolves when the message in progress and all started work are done; a handler
   * must use {@link Self.stop} instead, because it would wait for itself.
   */
  async stop(): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      for (const key of this.#timers.keys()) this.#clearTimer(key);
      if (!this.#handling) void this.#leave();
    }
    await this.ended;
  }

  #wake(): void {
    if (this.#handling) return;
    this.#handling = true;
    queueMicrotask(() => void this.#handle());
  }

  async #handle(): Promise<void> {
    try {
      if (!this.#started) this.#start();
      while (!this.#stopping) {
        const message = this.#mailbox.take();
        if (message === undefined) break;
        this.#inspect({ type: 'message', actor: this.name, message: message.type });
        const handled = this.options.receive(message, this.#self);
        if (handled !== undefined) await handled;
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#handling = false;
    if (this.#stopping) void this.#leave();
  }

  #start(): void {
    this.#started = true;
    this.#inspect({ type: 'started', actor: this.name });
    if (!this.#stopping) this.options.onStart?.(this.#self);
  }

  #fail(error: unknown): void {
    this.#error ??= error instanceof Error ? error : new Error(String(error));
    this.#inspect({ type: 'failed', actor: this.name, error: this.#error });
    void this.stop();
  }

  async #leave(): Promise<void> {
    const dropped = this.#mailbox.empty();
    for (const message of dropped) this.#drop(message);
    while (this.#works.size > 0) await Promise.all(this.#works);
    this.#inspect({ type: 'stopped', actor: this.name, dropped: dropped.length });
    this.#resolveEnded(this.#error);
  }

  #drop(message: M): void {
    try {
      this.options.onDropped?.(message);
    } catch (error) {
      this.#fail(error);
    }
  }

  #own(message: M): void {
    if (this.#stopping) return;
    this.#mailbox.putOwn(message);
    this.#wake();
  }

  #begin(work: Promise<M | null>): void {
    const running: Promise<void> = work
      .then(
        (message) => (message === null ? undefined : this.#own(message)),
        (error: unknown) => this.#fail(error),
      )
      .finally(() => this.#works.delete(running));
    this.#works.add(running);
  }

  #setTimer(key: string, ms: number, message: M): void {
    this.#clearTimer(key);
    if (this.#stopping) return;
    const cancel = this.options.clock.after(ms, () => {
      this.#timers.delete(key);
      this.#own(message);
    });
    this.#timers.set(key, cancel);
  }

  #clearTimer(key: string): void {
    this.#timers.get(key)?.();
    this.#timers.delete(key);
  }
}
