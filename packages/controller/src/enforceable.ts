import { totalmem } from 'node:os';
import type { CgroupPlace } from '@sandpiper/guest';
import type { GuestJob } from './job.js';

/** The run cannot be had here as it was asked for; the message is one line for whoever asked. */
export class RunRefusedError extends Error {
  override readonly name = 'RunRefusedError';
}

const MIB = 1024 * 1024;

/**
 * Refuses a run whose limits would not be held here. A memory limit above what this node has is not held by anybody:
 * the host would run out of memory first. One without a control group is held by the keeper, with a bound on what it can
 * miss (ARCHITECTURE.md, Limits): who sends `weakerLimits: false` does not take that for a limit.
 * @throws RunRefusedError
 */
export function demandEnforceable(job: Pick<GuestJob, 'limits' | 'accept'>, groups: CgroupPlace): void {
  const weaker = job.accept?.weakerLimits;
  if (weaker === true) return;
  const asked = job.limits.memoryBytes;
  const there = memoryOfNode();
  if (asked > there) {
    throw new RunRefusedError(
      `a memory limit of ${toMiB(asked)} MiB cannot be held: this node has ${toMiB(there)} MiB (accept.weakerLimits runs it all the same)`,
    );
  }
  if (weaker === false && groups.kind === 'none')
    throw new RunRefusedError(`no control group holds the memory limit on this node: ${groups.why}`);
}

/** Of the host, or what its own control group leaves this process. */
function memoryOfNode(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

function toMiB(bytes: number): number {
  return Math.floor(bytes / MIB);
}
