import type { RunJob, RunState } from '@sandpiper/contracts';
import { batchRunId, syntheticResult, type BatchFacts, type RunStore } from '@sandpiper/store';
import type { Queue } from 'bullmq';

/** Cancels of a batch that are in flight at once. */
const PARALLEL = 50;

/**
 * Cancels a run: one that waits is done at once, one that runs is killed by its node soon.
 * @returns the state afterwards, or null when nobody knows the run.
 */
export async function cancelRun(store: RunStore, queue: Queue<RunJob>, id: string): Promise<RunState | null> {
  // The mark first: a node that takes the run from now on sees it, whatever happens to us.
  const state = await store.markCancelled(id);
  if (state === null) return null;
  if (state !== 'done') await endOrTell(store, queue, id);
  return store.runState(id);
}

async function endOrTell(store: RunStore, queue: Queue<RunJob>, id: string): Promise<void> {
  const facts = await store.runFacts(id);
  if (facts === null) return;
  const { batchId, limits, engine, attempt } = facts;
  const message = 'cancelled before it started';
  const result = syntheticResult({
    id,
    status: 'cancelled',
    message,
    limits,
    engine,
    attempt,
    node: null,
    cell: null,
  });
  const verdict = await store.finish(result, 'queued', batchId);
  // A node that takes the job in this moment finds the run done, so removing it is only tidiness.
  if (verdict === 'accepted') await queue.remove(id);
  else if (verdict === 'stale') await store.publishCancel(id);
}

/** Cancels every run of a batch that has not ended. */
export async function cancelBatch(store: RunStore, queue: Queue<RunJob>, batch: BatchFacts): Promise<void> {
  for (let start = 0; start < batch.total; start += PARALLEL) {
    const count = Math.min(PARALLEL, batch.total - start);
    const ids = Array.from({ length: count }, (_, index) => batchRunId(batch.id, start + index));
    await Promise.all(ids.map((id) => cancelRun(store, queue, id)));
  }
}
