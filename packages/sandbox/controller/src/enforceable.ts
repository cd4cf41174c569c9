import type { CgroupPlace } from '@sandpiper/guest';
import type { GuestJob } from './job.js';

/** The run is not possible here as it was asked for; the message is one line for the client. */
export class RunRefusedError extends Error {
  override readonly name = 'RunRefusedError';
}

const MIB = 1024 * 1024;

/**
 * Refuses a run whose limits would not be held here. `largest` is the largest memory limit that this cell can hold beside
 * its neighbours (share/memory.ts): above it the kernel would end guests for want of memory, its neighbours' first perhaps.
 * A limit without a control group is held by the keeper, with a bound on what it can miss (ARCHITECTURE.md, Limits): a
 * client that sends `weakerLimits: false` does not take that for a limit.
 * @throws RunRefusedError
 */
export function assertEnforceable(
  job: Pick<GuestJob, 'limits' | 'accept'>,
  groups: CgroupPlace,
  largest: number,
): void {
  const weaker = job.accept?.weakerLimits;
  if (weaker === true) return;
  const asked = job.limits.memoryBytes;
  if (asked > largest) {
    throw new RunRefusedError(
      `a memory limit of ${Math.ceil(asked / MIB)} MiB cannot be held: a cell of this node has ${Math.floor(largest / MIB)} MiB (accept.weakerLimits runs it all the same)`,
    );
  }
  if (weaker === false && groups.kind === 'none')
    throw new RunRefusedError(`no control group holds the memory limit on this node: ${groups.why}`);
}
