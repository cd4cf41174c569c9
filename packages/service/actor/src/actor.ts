import type { Clock } from './clock.js';
import { harmless, type Inspect, type Message } from './inspection.js';
import { Mailbox } from './mailbox.js';

/** The answer to a sender. After `full` and `stopped` the message is still the sender's to see to. */
export type Told = 'accepted' | 'full' | 'stopped';

/** What others hold of an actor. */
export interface ActorRef<M extends Message> {
  readonly name: string;
  tell(message: M): Told;
}

/** What a handler may do with its own actor. */
export interface Self<M extends Message> {
  readonly name: string;
  readonly clock: Clock;
  /**
   * Keeps a place in the mailbox, for what must not be refused, such as the answer to a question that the
   * actor asks. The function that comes back is for one message; it does nothing when called again, or when
   * the actor has stopped.
   */
  place(): (message: M) => void;
  /**
   * Work beside the mailbox. Its outcome becomes a message, null none; it must not reject. Stopping waits for
   * it.
   */
  begin(work: Promise<M | null>): void;
  /** A message to itself after so many milliseconds. One timer for each key: a later one replaces it. */
  timer(key: string, ms: number, message: M): void;
  clearTimer(key: string): void;
  /** No further message is handled; see {@link Actor.stop}. */
  stop(): void;
}

export interface ActorOptions<M extends Message> {
  readonly name: string;
  /** How many messages of others may wait. */
  readonly capacity: number;
  readonly clock: Clock;
  /** Handles one message. The next one waits until this is over. Whatever it throws ends the actor. */
  readonly receive: (message: M, self: Self<M>) => void | Promise<void>;
  /** Comes before the first message. */
  readonly onStart?: (self: Self<M>) => void;
  /** Called for each message that was accepted and came too late to be handled. */
  readonly onDropped?: (message: M) => void;
  readonly inspect?: Inspect | undefined;
}

/**
 * A mailbox and a handler that takes one message at a time. Never runs while somebody tells it something: the
 * handler's turn comes when the teller's is over.
 */
export class Actor<M extends Message> implements ActorRef<M> {
  readonly name: string;
  /** Resolves when the actor has stopped and its work is over: null, or with what its handler threw. */
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
      place: () => this.place(),
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

  /** For its owner: see {@link Self.place}. */
  place(): (message: M) => void {
    let free = true;
    return (message) => {
      if (!free) return;
      free = false;
      this.#own(message);
    };
  }

  /**
   * No further message is handled. Resolves when what the message in progress does is over, and the work that
   * was begun; a handler that waited for that would wait for itself, and has {@link Self.stop}.
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
