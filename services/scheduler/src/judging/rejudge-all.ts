import type { Rejudged } from '@sandpiper/contracts';
import type { SubmissionStore } from '@sandpiper/store';

/** Submissions that are queued concurrently. */
const PARALLEL = 50;

/** Queues all submissions for a problem that have been judged or cancelled. */
export async function rejudgeAll(
  submissions: SubmissionStore,
  tenant: string,
  problem: string,
  version: string,
): Promise<Rejudged> {
  const done = { queued: 0, waiting: 0 };
  const rest = (await submissions.ofProblem(tenant, problem)).values();
  const lane = async (): Promise<void> => {
    for (const id of rest) {
      const outcome = await submissions.rejudge(id, version);
      if (outcome === 'queued' || outcome === 'waiting') done[outcome] += 1;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, lane));
  return done;
}
