import { CALLBACK_JOB_NAME, callbackJobOptions, type CallbackOutbox } from '@sandpiper/store';
import { type CallbackJob, messageOf, Pump } from '@sandpiper/contracts';
import type { Logger } from '@sandpiper/telemetry';
import type { Queue } from 'bullmq';

/** Entries moved at once: one Redis script must not hold up others. */
const MAX_AT_ONCE = 250;

/** Lease on taken entries, milliseconds. Moving them takes two round trips. */
const LEASE_MS = 15_000;

/** Poll interval without events, milliseconds; with events at most one pass per {@link MIN_GAP_MS}. */
const TICK_MS = 1_000;
const MIN_GAP_MS = 100;

export interface OutboxMoverOptions {
  readonly outbox: CallbackOutbox;
  readonly queue: Queue<CallbackJob>;
  readonly attempts: number;
  readonly log: Logger;
  /** Whether Redis is available. */
  readonly up: () => boolean;
  readonly leaseMs?: number;
}

/**
 * Moves callbacks from the outbox to their queue. Several schedulers may do so at once: taken entries are
 * leased. When a scheduler dies before the queue has them, another takes them after the lease; when it dies
 * afterwards, nothing is added twice, because the queue knows their ids.
 */
export class OutboxMover {
  private soon: NodeJS.Timeout | null = null;
  private closed = false;
  private readonly pump: Pump;

  constructor(private readonly options: OutboxMoverOptions) {
    this.pump = new Pump({
      pass: () => this.moveAll(),
      // Redis went away or is out of memory: the entries are taken again when their lease expires.
      onFailure: (error) => options.log.debug({ reason: messageOf(error) }, 'could not move callbacks'),
      mayRun: options.up,
    });
  }

  start(): void {
    this.pump.tickEvery(TICK_MS);
    this.pump.wake();
  }

  /** A run has ended and may have a callback. Many calls are merged into one pass. */
  wake(): void {
    if (this.closed) return;
    this.soon ??= setTimeout(() => {
      this.soon = null;
      this.pump.wake();
    }, MIN_GAP_MS);
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.soon !== null) clearTimeout(this.soon);
    await this.pump.close();
  }

  private async moveAll(): Promise<void> {
    const { outbox, queue, attempts, leaseMs = LEASE_MS } = this.options;
    for (;;) {
      const ids = await outbox.take(leaseMs, MAX_AT_ONCE);
      if (ids.length === 0) return;
      await queue.addBulk(
        ids.map((id) => ({
          name: CALLBACK_JOB_NAME,
          data: { version: 1 as const, id },
          opts: callbackJobOptions(id, attempts),
        })),
      );
      await outbox.handedOver(ids);
      if (ids.length < MAX_AT_ONCE || this.closed) return;
    }
  }
}
