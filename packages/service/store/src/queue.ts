import type { JobsOptions } from 'bullmq';

/** Jobs that the queue itself gives up stay to be looked at; there should be none. */
const KEEP_FAILED_SECONDS = 24 * 60 * 60;

export const JOB_NAME = 'run';

/**
 * How often the queue hands a job out anew, after failures and after deaths of nodes. Practically for ever: a
 * run is given up by its own count of deaths, when it is claimed, and by nothing else.
 */
export const UNLIMITED = 1_000_000;

/**
 * The id of a job is the id of its run: adding it twice adds it once. A finished job leaves at once, for what
 * matters of it stands in the run. No priorities: order is decided in the backlog.
 */
export function jobOptions(id: string): JobsOptions {
  return {
    jobId: id,
    // No back-off: the queue would reckon it by the clock of the node. Whoever fails waits before it says so.
    attempts: UNLIMITED,
    removeOnComplete: true,
    removeOnFail: { age: KEEP_FAILED_SECONDS, count: 1_000 },
  };
}
