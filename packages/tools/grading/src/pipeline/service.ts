import type { BatchRequest, BatchState, RunState } from '@sandpiper/contracts';

/** What grading needs from a service; the typed client implements it. */
export interface GradingService {
  /** Returns the id of the batch. */
  submitBatch(batch: BatchRequest): Promise<string>;
  getBatch(id: string, options: { waitSeconds: number; results: boolean }): Promise<BatchState>;
  getRun(id: string): Promise<RunState>;
  cancelBatch(id: string): Promise<unknown>;
}
