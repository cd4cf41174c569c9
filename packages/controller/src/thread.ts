import { readlinkSync } from 'node:fs';
import type { RunResult } from '@sandpiper/contracts';
import { KeeperClient } from '@sandpiper/guest';
import { RunRefusedError } from './enforceable.js';
import type { CellPlace, GuestJob } from './job.js';
import { runGuest } from './run-guest.js';

/** One thread serves one cell for its whole life, so it holds one keeper. */
let held: { directory: string; keeper: KeeperClient } | null = null;

function keeperOf(place: CellPlace): KeeperClient {
  if (held?.directory === place.keeperDirectory) return held.keeper;
  held?.keeper.close();
  const keeper = new KeeperClient(place.keeperDirectory);
  held = { directory: place.keeperDirectory, keeper };
  // Controller and guest never run at the same time: on one CPU a call costs a switch, not a wake-up of another CPU.
  if (place.cpu !== null) keeper.pinThread(ownThreadId(), place.cpu);
  return keeper;
}

function ownThreadId(): number {
  return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
}

/** What comes back of a job: errors lose their class on the way between threads. */
export type ThreadAnswer = { readonly result: RunResult } | { readonly refused: string };

/** What Piscina calls in the cell's thread. */
export default function runInThread(task: { job: GuestJob; place: CellPlace }): ThreadAnswer {
  try {
    return { result: runGuest(task.job, task.place, keeperOf(task.place)) };
  } catch (error) {
    if (error instanceof RunRefusedError) return { refused: error.message };
    throw error;
  }
}
