import type { RunJob } from '@sandpiper/contracts';
import { syntheticResult, type RunStore } from '@sandpiper/store';
import type { Job, Queue } from 'bullmq';

/** How many of the latest failed jobs one sweep looks at. */
const SWEEP = 200;

/**
 * Writes the result of a run that the queue has given up (a node died under it too often). Whoever sees the failure
 * does it; doing it twice does it once.
 */
export async function endGivenUp(job: Job<RunJob>, store: RunStore, node: string): Promise<void> {
  const { id, batchId } = job.data;
  const facts = await store.runFacts(id);
  if (facts === null || facts.state === 'done') return;
  const { limits, engine, attempt } = facts;
  const message = `given up: ${(job.failedReason ?? 'the queue could not run it').split('\n', 1)[0]}`;
  const status = 'internal-error';
  const result = syntheticResult({ id, status, message, limits, engine, attempt, node, cell: null });
  await store.finish(result, '*', batchId);
}

/** For failures whose witness died before it could write: looks through the latest ones. */
export async function sweepGivenUp(queue: Queue<RunJob>, store: RunStore, node: string): Promise<void> {
  for (const job of await queue.getFailed(0, SWEEP - 1)) await endGivenUp(job, store, node);
}
