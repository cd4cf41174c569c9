import { randomUUID } from 'node:crypto';
import type { RunRequest, RunResult } from '@sandpiper/contracts';
import type { GradingService } from './service.js';

const WAIT_SECONDS = 5;

/** Runs one program and waits for its result; cancels it where that fails or is stopped. */
export async function runOne(
  service: GradingService,
  request: RunRequest,
  signal: AbortSignal,
): Promise<RunResult> {
  signal.throwIfAborted();
  const id = await service.submitBatch({ runs: [request], idempotencyKey: randomUUID() });
  try {
    for (;;) {
      signal.throwIfAborted();
      const batch = await service.getBatch(id, { waitSeconds: WAIT_SECONDS, results: false });
      const [run] = batch.runs;
      if (run?.state !== 'done') continue;
      const { result } = await service.getRun(run.id);
      if (result === null)
        throw new Error(`the server reports run ${run.id} as done, but has no result for it`);
      return result;
    }
  } catch (error) {
    await service.cancelBatch(id).catch(() => undefined);
    throw error;
  }
}
