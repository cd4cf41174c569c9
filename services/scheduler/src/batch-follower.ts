import type { RunState } from '@sandpiper/contracts';
import type { BatchFacts, BatchStore } from '@sandpiper/store';
import type { RedisGate } from './redis-gate.js';
import type { Waiters } from './waiters.js';

/** Results that are read in one go. */
const READ_AT_ONCE = 100;

/** Without news a stream shows a sign of life this often, seconds: a client or a proxy would think it dead. */
const SIGN_OF_LIFE_SECONDS = 15;

/** A run of a batch that has ended. */
export interface EndedRun {
  /** How many had ended with it: where to go on after a break. */
  readonly position: number;
  /** Its place in the batch. */
  readonly index: number;
  readonly run: RunState;
}

/** Whoever follows a batch is woken by every end in it, by this name. */
export const followersOf = (batchId: string): string => `${batchId} `;

export interface Follower {
  readonly batches: BatchStore;
  readonly waiters: Waiters;
  readonly gate: RedisGate;
}

/**
 * The ends of a batch's runs as they come, until the last. `null` is a sign of life: nothing new for a while. Reads only
 * as fast as it is asked, so a slow client costs no memory.
 */
export async function* followBatch(
  { batches, waiters, gate }: Follower,
  batch: BatchFacts,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<EndedRun | null> {
  let position = from;
  for (;;) {
    const read = () => gate.run(() => batches.ended(batch.id, position, READ_AT_ONCE));
    const isNews = (found: unknown[]): boolean => found.length > 0 || position >= batch.total;
    const found = await waiters.until(followersOf(batch.id), SIGN_OF_LIFE_SECONDS, signal, read, isNews);
    for (const { index, run } of found) {
      position += 1;
      yield { position, index, run };
    }
    if (position >= batch.total || signal.aborted || waiters.isClosed) return;
    if (found.length === 0) {
      // The list of ends goes when the batch does: nothing will come any more.
      if ((await gate.run(() => batches.facts(batch.id))) === null) return;
      yield null;
    }
  }
}
