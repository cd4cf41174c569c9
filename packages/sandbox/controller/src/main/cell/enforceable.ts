import type { CgroupFolder } from '@sandpiper/guest';
import type { AdmittedInteractor, AdmittedRequest } from '@sandpiper/contracts';
import type { GuestJob } from '../../crossing/job.js';
import { RunRefusedError } from '../../crossing/refused.js';
import { CELL_BYTES } from '../share/memory.js';

const MIB = 1024 * 1024;

/** Times that output is in memory on its way to Redis (docs/sizing.md). */
const OUTPUT_COPIES = 12;

/**
 * Refuses a run whose limits would not be held here. `largest` is the largest memory limit that this cell can hold beside
 * its neighbours (share/memory.ts): above it the kernel would kill guests, perhaps a neighbour's first.
 * Without a control group the keeper holds the limit, with a bound on what it can miss (docs/decisions/0015): a client that
 * sends `weakerLimits: false` does not accept that as a limit.
 * @throws RunRefusedError
 */
export function assertEnforceable(
  job: Pick<GuestJob, 'limits' | 'accept'>,
  groups: CgroupFolder,
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

/**
 * Refuses a run and its interactor where a cell cannot hold both: they run at the same time, and the second has a keeper, a
 * thread, files and output of its own beside what the node keeps for one run. A program that accepts weaker limits counts
 * without its memory limit, as it does alone.
 * @throws RunRefusedError
 */
export function assertPairEnforceable(
  program: Pick<AdmittedRequest, 'limits' | 'accept'>,
  interactor: AdmittedInteractor,
  largest: number,
): void {
  const memory = [program, interactor].filter(({ accept }) => accept?.weakerLimits !== true);
  if (memory.length === 0) return;
  const { diskBytes, outputBytes } = interactor.limits;
  const beside = CELL_BYTES + diskBytes + OUTPUT_COPIES * outputBytes;
  const asked = memory.reduce((sum, { limits }) => sum + limits.memoryBytes, beside);
  if (asked <= largest) return;
  throw new RunRefusedError(
    `a program and its interactor with these limits need ${Math.ceil(asked / MIB)} MiB together, and a cell of this node has ${Math.floor(largest / MIB)} MiB (lower memoryBytes, or diskBytes and outputBytes of the interactor, or set accept.weakerLimits)`,
  );
}
