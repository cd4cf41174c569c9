/**
 * The waiting messages of an actor. Messages from others share `capacity` slots; outcomes of the actor's own
 * work, timers and requests have reserved slots, because a refused outcome would be lost. Outcomes go first.
 */
export class Mailbox<M> {
  readonly #sent: M[] = [];
  readonly #own: M[] = [];

  /** @param capacity maximum number of waiting messages from others */
  constructor(readonly capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError(`a mailbox needs a capacity of at least 1, not ${capacity}`);
    }
  }

  get size(): number {
    return this.#own.length + this.#sent.length;
  }

  /** @returns false when it is full; the message is not added then. */
  put(message: M): boolean {
    if (this.#sent.length >= this.capacity) return false;
    this.#sent.push(message);
    return true;
  }

  /** Adds an outcome, whose slot was reserved. */
  putOwn(message: M): void {
    this.#own.push(message);
  }

  take(): M | undefined {
    return this.#own.shift() ?? this.#sent.shift();
  }

  /** Empties it. @returns the messages from others, in order */
  empty(): M[] {
    this.#own.length = 0;
    return this.#sent.splice(0);
  }
}
