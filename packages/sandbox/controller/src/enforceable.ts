import type { CgroupPlace } from '@sandpiper/guest';
import type { GuestJob } from './job.js';

/** The run cannot be executed here as requested; the message is one line for the client. */
export class RunRefusedError extends Error {
  override readonly name = 'RunRefusedError';
}

const MIB = 1024 * 1024;

/**
 * Refuses a run whose limits cannot be enforced here. `largest` is the largest memory limit that this cell
 * can hold beside its neighbours (share/memory.ts): above it, the kernel might end guests for lack of memory,
 * neighbours' first. Without a control group the keeper enforces a limit, and can miss a bounded amount
 * (ARCHITECTURE.md, Limits): a client that sends `weakerLimits: false` does not accept that.
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
      `a memory limit of ${Math.ceil(asked / MIB)} MiB cannot be enforced: a cell of this node has ${Math.floor(largest / MIB)} MiB (set accept.weakerLimits to run it anyway)`,
    );
  }
  if (weaker === false && groups.kind === 'none')
    throw new RunRefusedError(`no control group enforces the memory limit on this node: ${groups.why}`);
}
