import { readlinkSync } from 'node:fs';
import { KeeperClient } from '@sandpiper/guest';
import { shareHostCache } from '@sandpiper/kernel';
import { RunRefusedError } from '../crossing/refused.js';
import { HostShortOfMemoryError } from '../crossing/host-memory.js';
import { type CellContext, type GuestJob, SHARED_THREAD } from '../crossing/job.js';
import type { ThreadAnswer } from '../crossing/thread-answer.js';
import { runGuest } from './run-guest.js';
import { WarmGuests } from './start/warm-guests.js';

/** One thread serves one cell for its whole life, so it holds one keeper. */
let held: { directory: string; keeper: KeeperClient; warm: WarmGuests | null } | null = null;

function heldFor(context: CellContext): NonNullable<typeof held> {
  if (held?.directory === context.keeperDirectory) return held;
  held?.keeper.close();
  shareHostCache(context.cells);
  const keeper = new KeeperClient(context.keeperDirectory);
  // Controller and guest never run at the same time: on one CPU a call costs a switch, not a wake-up of
  // another CPU.
  if (context.cpu !== null) keeper.pinThread(ownThreadId(), context.cpu);
  const warm =
    context.profile === null
      ? null
      : new WarmGuests(keeper, { engine: 'seccomp', runtime: context.runtime }, context.profile, context.cpu);
  held = { directory: context.keeperDirectory, keeper, warm };
  return held;
}

function ownThreadId(): number {
  return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
}

/** What Piscina calls in the cell's thread. The first task is null: it has nothing to do but to be there. */
export default function runInThread(
  task: { job: GuestJob | null; context: CellContext } | null,
): ThreadAnswer {
  if (task === null) return { loaded: true };
  try {
    const { keeper, warm } = heldFor(task.context);
    Atomics.store(task.context.shared, SHARED_THREAD, ownThreadId());
    if (task.job === null) return { prepared: warm?.prepare() ?? null };
    const ran = runGuest(task.job, task.context, keeper, warm);
    return { ...ran, wantsPreparing: warm?.wanting === true };
  } catch (error) {
    if (error instanceof HostShortOfMemoryError) return { shortOfMemory: true };
    if (error instanceof RunRefusedError) return { refused: error.message };
    throw error;
  }
}
