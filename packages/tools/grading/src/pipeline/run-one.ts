import { randomUUID } from 'node:crypto';
import type { RunRequest, RunResult } from '@sandpiper/contracts';
import type { GradingService } from './service.js';

/** Runs one program and waits for its result; cancels it where that fails or is stopped. */
export async function runOne(
  service: GradingService,
  request: RunRequest,
  signal: AbortSignal,
): Promise<RunResult> {
  signal.throwIfAborted();
  const id = await service.submitBatch({ runs: [request], idempotencyKey: randomUUID() });
  try {
    for await (const { run } of service.followBatch(id, { signal })) {
      if (run.result !== null) return run.result;
      throw new Error(`the server reports run ${run.id} as done, but has no result for it`);
    }
    signal.throwIfAborted();
    throw new Error(`the server reports batch ${id} as done, but not its run`);
  } catch (error) {
    await service.cancelBatch(id).catch(() => undefined);
    throw error;
  }
}
