import { batchRunId, type BatchFacts, type BatchStore, type RunHead } from '@sandpiper/store';
import type { RedisGate } from '../redis/redis-gate.js';
import type { Replies, Slice } from '../http/replies.js';
import type { Waiters } from '../waiters.js';

/** Ended runs that are listed at once; their results are read in slices of bytes. */
const LOOK_AT_ONCE = 250;

/** Interval of keep-alives on an idle stream, seconds: without them a client or a proxy would drop it. */
const SIGN_OF_LIFE_SECONDS = 15;

/** A run of a batch that has ended. */
export interface EndedHead extends RunHead {
  /** How many runs had ended, this one included: where to resume after a break. */
  readonly position: number;
  /** Its index in the batch. */
  readonly index: number;
}

/** The wake-up name for followers of a batch: every end of one of its runs wakes them. */
export const followersOf = (batchId: string): string => `${batchId} `;

export interface Follower {
  readonly batches: BatchStore;
  readonly replies: Replies;
  readonly waiters: Waiters;
  readonly gate: RedisGate;
}

/**
 * The ends of a batch's runs as they happen, until the last, in slices of bytes. `null` is a keep-alive:
 * nothing new for a while. Reads only on demand, so a slow client holds one slice.
 * @param tenant of the client
 */
export async function* followBatch(
  { batches, replies, waiters, gate }: Follower,
  batch: BatchFacts,
  tenant: string,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<Slice<EndedHead> | null> {
  let position = from;
  for (;;) {
    const read = () => gate.run(() => batches.ended(batch.id, position, LOOK_AT_ONCE));
    const isNews = (found: unknown[]): boolean => found.length > 0 || position >= batch.total;
    const found = await waiters.until(followersOf(batch.id), SIGN_OF_LIFE_SECONDS, signal, read, isNews);
    const ids = found.map((index) => batchRunId(batch.id, index));
    const heads = found.length === 0 ? [] : await replies.heads(ids);
    const ended = found.map((index, i) => ({
      id: ids[i] ?? '',
      // A run that has expired since counts as done without a result.
      state: 'done' as const,
      bytes: heads[i]?.bytes ?? 0,
      index,
      position: position + i + 1,
    }));
    for (const step of replies.steps(ended)) {
      let slice: Slice<EndedHead> | null = null;
      while (slice === null) {
        if (signal.aborted || waiters.isClosed) return;
        slice = await replies.slice(tenant, step, signal, SIGN_OF_LIFE_SECONDS * 1000);
        yield slice;
      }
    }
    position += found.length;
    if (position >= batch.total || signal.aborted || waiters.isClosed) return;
    if (found.length === 0) {
      // The list of ends is removed with the batch: no further end will appear.
      if ((await gate.run(() => batches.facts(batch.id))) === null) return;
      yield null;
    }
  }
}
