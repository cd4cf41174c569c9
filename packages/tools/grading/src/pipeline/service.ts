import type { BatchRequest, EndedRun } from '@sandpiper/contracts';

/** What grading needs from a service; the typed client implements it. */
export interface GradingService {
  /** Returns the id of the batch. */
  submitBatch(batch: BatchRequest): Promise<string>;
  /**
   * The runs of a batch as they end, until the last, with their results.
   * @param options.from number of ended runs that the caller has seen
   */
  followBatch(
    id: string,
    options: { readonly signal: AbortSignal; readonly from?: number },
  ): AsyncIterable<EndedRun>;
  cancelBatch(id: string): Promise<unknown>;
}
