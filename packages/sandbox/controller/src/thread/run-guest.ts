import type { RunResult } from '@sandpiper/contracts';
import type { GuestEnd, KeeperClient, StartedGuest } from '@sandpiper/guest';
import { PlacementError } from '@sandpiper/kernel';
import { Channel, DescriptorTransport } from '@sandpiper/protocol';
import { threadFigures } from './controller-time.js';
import { RunRefusedError } from '../crossing/refused.js';
import { guestCommand, type EngineTraits, engineTraits } from '../crossing/engines.js';
import { inspectTranslated, STARTUP_MS } from './start/handshake.js';
import { assertInterpreterFiles } from '../crossing/interpreter-files.js';
import { argvOf, type CellContext, type GuestJob, SHARED_CANCELLED, SHARED_PID } from '../crossing/job.js';
import { Session } from './session.js';
import type { WarmGuests } from './start/warm-guests.js';

export interface GuestRun {
  readonly result: RunResult;
  /** For the log: how the sandbox itself failed, if that ended the run. */
  readonly fault: string | null;
}

/**
 * Runs one program from start to result. Blocks its thread: to stop it, the main thread sets the shared word
 * and kills the guest. Throws only for what is neither the program's nor the guest's doing,
 * {@link RunRefusedError} among it.
 */
export function runGuest(
  job: GuestJob,
  context: CellContext,
  keeper: KeeperClient,
  warmGuests: WarmGuests | null,
): GuestRun {
  const startedAt = new Date();
  const takenAt = performance.now();
  const cpuBefore = threadFigures().cpuNs;
  assertInterpreterFiles(job.interpreter);
  const traits = engineTraits(job.interpreter);
  const warm = warmGuests?.take(job) ?? null;
  let session: Session;
  try {
    const unanswered =
      warm?.unanswered ?? (traits.kind === 'translated' ? inspectTranslated(traits, keeper) : []);
    session = new Session(job, context, keeper, traits, warm);
    session.kernel.noteUnanswered(unanswered);
  } catch (error) {
    if (warm !== null) endOf(warm.guest, keeper);
    throw error instanceof PlacementError ? new RunRefusedError(error.message) : error;
  }
  let end: GuestEnd;
  try {
    const guest = warm?.guest ?? startGuest(job, context, keeper, traits, session.kernel.env);
    try {
      session.watch(guest.figures);
      Atomics.store(context.shared, SHARED_PID, guest.pid);
      if (Atomics.load(context.shared, SHARED_CANCELLED) !== 0) keeper.kill();
      const transport = new DescriptorTransport(guest.requests, guest.replies);
      session.serve(warm?.forked?.channel ?? new Channel(transport, traits.dialect), guest);
    } finally {
      // Whatever happened above, the guest is dead and its descriptors are closed when this function ends.
      if ((warm?.forked ?? null) !== null && session.askedToEnd) keeper.finish();
      else keeper.kill();
      end = keeper.ended();
      Atomics.store(context.shared, SHARED_PID, 0);
      session.takeRest(guest.readErrors());
      session.watch(null);
      guest.close();
    }
  } finally {
    session.kernel.close();
  }
  const result = session.result(end, startedAt, takenAt, (threadFigures().cpuNs - cpuBefore) / 1e6);
  return { result, fault: session.faultReport };
}

function startGuest(
  job: GuestJob,
  context: CellContext,
  keeper: KeeperClient,
  traits: EngineTraits,
  env: Readonly<Record<string, string>>,
): StartedGuest {
  return keeper.start({
    kind: traits.kind,
    ...guestCommand(traits, argvOf(job)),
    // A translated guest asks the controller for its variables.
    env: traits.kind === 'stock' ? env : {},
    deterministic: job.deterministic !== null,
    cpu: context.cpu,
    startupMs: STARTUP_MS,
  });
}

function endOf(guest: StartedGuest, keeper: KeeperClient): void {
  keeper.kill();
  keeper.ended();
  guest.close();
}
