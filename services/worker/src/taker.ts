import type { Clock } from '@sandpiper/actor';
import { messageOf, Pump } from '@sandpiper/contracts';
import type { RunStore, Taken } from '@sandpiper/store';
import type { Logger } from '@sandpiper/telemetry';
import type { Attempts } from './attempt/attempts.js';
import type { Cells } from './cells.js';

/** A node that waits for work asks at this interval too, in case a ticket was lost, milliseconds. */
const POLL_MS = 1_000;

/** Runs that one call takes: one script must not hold up others. */
const MOST_AT_ONCE = 32;

/** How long a run that must be alone on the node waits for the others here to end, milliseconds. */
const ALONE_WITHIN_MS = 10_000;

const NOTHING: Taken = { claims: [], alone: null, newer: [], more: false, lost: false };

export interface TakerOptions {
  readonly node: string;
  /** The unique name of this process. */
  readonly instance: string;
  readonly runtimes: readonly string[];
  readonly store: Pick<RunStore, 'take'>;
  readonly cells: Pick<Cells, 'free'>;
  readonly attempts: Pick<Attempts, 'count' | 'unplaced' | 'expect' | 'receive'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether Redis is available. */
  readonly up: () => boolean;
  /** The node has no lease: it must report. */
  readonly onLost: () => void;
}

/** A run that wants the node for itself: it waits for the others to end, and then no other comes until it has ended. */
interface Alone {
  readonly id: string;
  readonly giveUp: () => void;
  runs: boolean;
}

/**
 * Takes runs from the backlogs for cells that are free. Once there were fewer than it asked for, Redis has it on a list of
 * nodes that wait, and it asks again when a ticket comes.
 */
export class Taker {
  private readonly pump: Pump;
  private sequence = 0;
  private accepting = false;
  private leased = false;
  /** Redis will send a ticket when there is more. */
  private waits = false;
  private alone: Alone | null = null;

  constructor(private readonly options: TakerOptions) {
    this.pump = new Pump({
      pass: () => this.pass(),
      onFailure: (error) => options.log.debug({ reason: messageOf(error) }, 'could not take runs'),
      mayRun: options.up,
    });
  }

  /** Begins to take runs, or takes them again. */
  start(): void {
    this.accepting = true;
    this.pump.tickEvery(POLL_MS, () => (this.waits = false));
    this.wake();
  }

  pause(): void {
    this.accepting = false;
  }

  async close(): Promise<void> {
    this.accepting = false;
    this.alone?.giveUp();
    await this.pump.close();
  }

  /** The node has reported, so it has a lease. */
  hasLease(): void {
    if (this.leased) return;
    this.leased = true;
    this.wake();
  }

  /** A ticket has come. */
  ring(): void {
    this.waits = false;
    this.wake();
  }

  /** A cell may have become free, or an attempt is over. Cheap. */
  wake(): void {
    if (this.accepting && this.leased) this.pump.wake();
  }

  private async pass(): Promise<void> {
    if (!this.accepting || !this.leased) return;
    if (this.alone !== null) return this.passAlone(this.alone);
    const most = Math.min(this.free, MOST_AT_ONCE);
    if (most > 0 && !this.waits) await this.take(most);
  }

  private get free(): number {
    const { cells, attempts } = this.options;
    return Math.max(0, cells.free - attempts.unplaced);
  }

  private async take(most: number, wanted?: string): Promise<void> {
    const { node, instance, runtimes, store, attempts, log } = this.options;
    this.sequence += 1;
    const name = { node, instance, sequence: this.sequence, runtimes };
    const alone = attempts.count === 0;
    const askedAt = performance.now();
    let taken = NOTHING;
    attempts.expect();
    try {
      taken = await store.take({ ...name, most, alone, ...(wanted === undefined ? {} : { wanted }) });
    } finally {
      attempts.receive(taken.claims, askedAt, this.accepting);
    }
    if (taken.lost) {
      this.leased = false;
      return this.options.onLost();
    }
    for (const runId of taken.newer)
      log.warn({ runId }, 'left a run of a newer version of Sandpiper to other nodes: upgrade this node');
    this.waits = taken.claims.length < most && !taken.more;
    if (taken.alone !== null) await this.isolate(taken.alone, taken.claims);
    // Runs that need no cell may be among those that came.
    this.wake();
  }

  private async isolate(id: string, claims: Taken['claims']): Promise<void> {
    const isTaken = claims.some((claim) => claim.id === id);
    const giveUp = isTaken
      ? () => undefined
      : this.options.clock.after(ALONE_WITHIN_MS, () => this.endAlone());
    this.alone = { id, giveUp, runs: isTaken };
    // No ticket comes meanwhile.
    await this.take(0);
  }

  private async passAlone(alone: Alone): Promise<void> {
    if (this.options.attempts.count > 0) return;
    if (alone.runs) return this.endAlone();
    alone.giveUp();
    alone.runs = true;
    await this.take(1, alone.id);
  }

  private endAlone(): void {
    this.alone = null;
    this.waits = false;
    this.wake();
  }
}
