/** Longest wait that one request may ask for, seconds. */
export const MAX_WAIT_SECONDS = 60;

/**
 * Requests that wait for something to end. Events only wake them: each reads Redis itself, so a lost message
 * costs time, never an answer.
 */
export class Waiters {
  private readonly waiting = new Map<string, Set<() => void>>();
  private closed = false;

  /** The server stops: whoever follows something leaves. */
  get isClosed(): boolean {
    return this.closed;
  }

  /**
   * Reads until `isDone`, woken by {@link wake}, at the latest when the time is up; answers with the last
   * read.
   * @param read is called first and after each wake; never in a loop of its own.
   */
  async until<T>(
    key: string,
    seconds: number,
    signal: AbortSignal,
    read: () => Promise<T>,
    isDone: (value: T) => boolean,
  ): Promise<T> {
    const deadline = performance.now() + Math.min(seconds, MAX_WAIT_SECONDS) * 1000;
    for (;;) {
      // Listening starts before the read: what ends in between is not missed.
      const woken = this.listen(key, deadline, signal);
      try {
        const value = await read();
        if (isDone(value) || this.closed || signal.aborted || performance.now() >= deadline) return value;
        await woken.promise;
      } finally {
        woken.cancel();
      }
    }
  }

  wake(key: string): void {
    for (const resolve of [...(this.waiting.get(key) ?? [])]) resolve();
  }

  /** After a time without messages. */
  wakeAll(): void {
    for (const key of [...this.waiting.keys()]) this.wake(key);
  }

  /** The server stops: all answer now with what is known. */
  close(): void {
    this.closed = true;
    this.wakeAll();
  }

  private listen(
    key: string,
    deadline: number,
    signal: AbortSignal,
  ): { promise: Promise<void>; cancel: () => void } {
    let resolve: () => void = () => undefined;
    const promise = new Promise<void>((done) => {
      resolve = done;
    });
    const timer = setTimeout(resolve, Math.max(0, deadline - performance.now()));
    signal.addEventListener('abort', resolve);
    const set = this.waiting.get(key) ?? new Set();
    this.waiting.set(key, set.add(resolve));
    const cancel = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', resolve);
      set.delete(resolve);
      if (set.size === 0 && this.waiting.get(key) === set) this.waiting.delete(key);
    };
    return { promise, cancel };
  }
}
