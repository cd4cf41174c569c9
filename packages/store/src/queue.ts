import type { RunJob } from '@sandpiper/contracts';
import type { JobsOptions } from 'bullmq';

/** How often a run is tried when the sandbox, not the program, fails. */
export const RUN_ATTEMPTS = 3;

/** How often a run may be taken back from a node that died before it is given up. */
export const MAX_STALLED = 3;

/** Finished jobs leave soon: what matters of them stands in the run. Failed ones stay to be looked at. */
const KEEP_FAILED_SECONDS = 24 * 60 * 60;

export const JOB_NAME = 'run';

/**
 * BullMQ serves jobs without a priority before all others and takes 1 for the first of the rest; ours are 0 to 100.
 * Every job gets one, so that a job of priority 0 does not starve those that came before it.
 */
export function jobOptions(job: RunJob): JobsOptions {
  return {
    jobId: job.id,
    priority: (job.request.priority ?? 50) + 1,
    attempts: RUN_ATTEMPTS,
    backoff: { type: 'exponential', delay: 500 },
    removeOnComplete: true,
    removeOnFail: { age: KEEP_FAILED_SECONDS, count: 10_000 },
  };
}
