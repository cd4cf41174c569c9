import type { JobsOptions } from 'bullmq';

/** Jobs that the queue itself gives up are kept for inspection; there should be none. */
const KEEP_FAILED_SECONDS = 24 * 60 * 60;

export const JOB_NAME = 'run';

/**
 * How often the queue retries a job after failures and node deaths: practically without end. Only a run's own
 * count of deaths, checked by the claim, gives it up.
 */
export const UNLIMITED = 1_000_000;

/**
 * The job id is the run id, so adding it twice adds it once. A finished job is removed at once, because all
 * data is in the run. No priorities: the backlog decides the order.
 */
export function jobOptions(id: string): JobsOptions {
  return {
    jobId: id,
    // No back-off: the queue would compute it with the node's clock. The node waits before it reports a
    // failure.
    attempts: UNLIMITED,
    removeOnComplete: true,
    removeOnFail: { age: KEEP_FAILED_SECONDS, count: 1_000 },
  };
}
