import type { RunState } from '@sandpiper/contracts';
import { batchRunId, syntheticResult, type BatchFacts, type RunStore } from '@sandpiper/store';

/** Number of runs of a batch that are cancelled concurrently. */
const PARALLEL = 50;

/**
 * Cancels a run: a waiting run is done at once; a running one is killed by its node soon.
 * @returns the state afterwards, or null for an unknown run.
 */
export async function cancelRun(store: RunStore, id: string): Promise<RunState['state'] | null> {
  // First set the mark: any node that takes the run from now on sees it, and the node that runs it is
  // notified.
  const state = await store.markCancelled(id);
  if (state !== 'queued') return state;
  await endQueued(store, id);
  return (await store.runFacts(id))?.state ?? null;
}

/** A job still in the queue finds the run done and is dropped. */
async function endQueued(store: RunStore, id: string): Promise<void> {
  const facts = await store.runFacts(id);
  if (facts === null) return;
  const { limits, engine, attempt } = facts;
  const message = 'cancelled before it started';
  const none = { node: null, cell: null };
  await store.finish(
    syntheticResult({ id, status: 'cancelled', message, limits, engine, attempt, ...none }),
    'queued',
  );
}

/** Cancels every run of a batch that has not ended. */
export async function cancelBatch(store: RunStore, batch: BatchFacts): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < batch.total) await cancelRun(store, batchRunId(batch.id, next++));
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, batch.total) }, lane));
}
