import type { Enforcement } from '@sandpiper/contracts';

/** A kernel that adds up CPU time itself advances its clocks by microseconds. */
const EXACT_MS = 1;
/** Another thread may use the CPU between two looks, so one large step proves nothing. */
const TRIES = 3;
/** A clock that stands still for this long is not exact. */
const PATIENCE_MS = 100;

let step: number | null = null;

/**
 * By how much the CPU clocks of this host advance at once, milliseconds; 0 where they are exact. gVisor's kernel counts
 * the ticks, of 10 ms, that meet a process at work: one that waits at each tick is charged nothing.
 */
export function cpuTickMs(): number {
  step ??= measure();
  return step;
}

/** What holds the CPU limit here, for results. */
export function enforcerOfCpu(): Enforcement['cpu'] {
  return cpuTickMs() === 0 ? 'keeper-clock' : 'keeper-ticks';
}

function measure(): number {
  let least = Infinity;
  for (let tries = 0; tries < TRIES; tries++) {
    least = Math.min(least, nextStepMs());
    if (least < EXACT_MS) return 0;
  }
  return least;
}

function nextStepMs(): number {
  const [before, deadline] = [usedMs(), performance.now() + PATIENCE_MS];
  for (;;) {
    const now = usedMs();
    if (now !== before) return now - before;
    if (performance.now() > deadline) return PATIENCE_MS;
  }
}

function usedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
