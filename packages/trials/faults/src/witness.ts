import { type Subscription, subscribeEvents } from '@sandpiper/store';
import type { Redis } from 'ioredis';

/**
 * Counts published ends of runs; an end is published only in the step that accepts a result. Sees all of them
 * while its own connection to Redis lasts.
 */
export class Witness {
  /** Run -> how often its end was accepted. */
  readonly ends = new Map<string, number>();
  /** In the order of their ends. */
  readonly order: string[] = [];
  private readonly subscription: Subscription;
  private readies = 0;
  private readonly ready: Promise<void>;

  /** @param connection of its own; closed by {@link close} */
  constructor(connection: Redis) {
    let isReady: () => void;
    this.ready = new Promise((resolve) => {
      isReady = resolve;
    });
    this.subscription = subscribeEvents(connection, {
      onFinished: ({ runId }) => {
        this.ends.set(runId, (this.ends.get(runId) ?? 0) + 1);
        this.order.push(runId);
      },
      onReady: () => {
        this.readies += 1;
        isReady();
      },
    });
  }

  /** Watches from the moment this resolves. */
  static async begin(connection: Redis): Promise<Witness> {
    const witness = new Witness(connection);
    await witness.ready;
    return witness;
  }

  /** Whether it may have missed something, because its connection broke. */
  get wasInterrupted(): boolean {
    return this.readies > 1;
  }

  /** Runs whose end was accepted more than once. */
  get doubled(): string[] {
    return [...this.ends].filter(([, times]) => times > 1).map(([id, times]) => `${id} ${times} times`);
  }

  close(): void {
    this.subscription.close();
  }
}
