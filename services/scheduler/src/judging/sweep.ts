import { messageOf } from '@sandpiper/contracts';
import type { Context } from '../context.js';

/** Interval of looking for submissions that are kept no more, milliseconds. */
const SWEEP_MS = 10_000;

/** Removes judged submissions that are too old, or above the bounds. @returns a function that stops it */
export function sweepSubmissions({ submissions, bounds, gate, log }: Context): () => void {
  let isBusy = false;
  const sweep = async (): Promise<void> => {
    if (isBusy || !gate.up) return;
    isBusy = true;
    try {
      const { retentionSeconds, records } = bounds.keep;
      while ((await submissions.sweep(retentionSeconds, records, bounds.judging)) > 0);
    } catch (error) {
      log.debug({ reason: messageOf(error) }, 'could not sweep submissions');
    } finally {
      isBusy = false;
    }
  };
  const timer = setInterval(() => void sweep(), SWEEP_MS);
  timer.unref();
  return () => clearInterval(timer);
}
