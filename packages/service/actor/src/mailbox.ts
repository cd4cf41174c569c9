/**
 * What waits for an actor. What others send finds `capacity` places; what the actor itself has set going
 * (work, a timer, a question) has its place kept from the beginning, since an outcome that is refused would
 * be lost. The latter goes first.
 */
export class Mailbox<M> {
  readonly #sent: M[] = [];
  readonly #own: M[] = [];

  /** @param capacity how many messages of others may wait */
  constructor(readonly capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError(`a mailbox wants a capacity of 1 or more, not ${capacity}`);
    }
  }

  get size(): number {
    return this.#own.length + this.#sent.length;
  }

  /** @returns false when it is full; the message is then not in it. */
  put(message: M): boolean {
    if (this.#sent.length >= this.capacity) return false;
    this.#sent.push(message);
    return true;
  }

  /** An outcome, whose place was kept. */
  putOwn(message: M): void {
    this.#own.push(message);
  }

  take(): M | undefined {
    return this.#own.shift() ?? this.#sent.shift();
  }

  /** Empties it. @returns what others had sent, in order */
  empty(): M[] {
    this.#own.length = 0;
    return this.#sent.splice(0);
  }
}
