/** Longest wait that one request may ask for, seconds. */
export const MAX_WAIT_SECONDS = 60;

/**
 * Requests that wait for an end. Events only wake them: each rereads Redis, so a lost message costs time,
 * never an answer.
 */
export class Waiters {
  private readonly waiting = new Map<string, Set<() => void>>();
  private closed = false;

  /** Aborts when the server stops: all followers leave. */
  get isClosed(): boolean {
    return this.closed;
  }

  /**
   * Rereads after each {@link wake} until `isDone` or the timeout, and returns the last value.
   * @param read called at the start and after each wake; never in a loop of its own.
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
      // Subscribe before the first read, so that no end in between is missed.
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

  /** Wakes all waiters after messages may have been missed. */
  wakeAll(): void {
    for (const key of [...this.waiting.keys()]) this.wake(key);
  }

  /** The server stops: all waiters answer now with the latest value. */
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
