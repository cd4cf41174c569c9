import { z } from 'zod';

/** How often a run may be repeated because it waited for a CPU, at most. */
export const MAX_RETRIES = 5;

export const retriesSchema = z.number().int().min(0).max(MAX_RETRIES);

/**
 * With each call a guest waits for its controller, and for the CPU until the controller sleeps, and the controller waits
 * likewise: no sign of others. Milliseconds for each of the two.
 */
export const WAIT_PER_CALL_MS = 0.02;

/**
 * Of the elapsed time, what the program must have used or waited to use the CPU. Where it is less, the program slept or
 * waited for its input most of the time, and would have met its limit on a quiet host too.
 */
const ACTIVE_PART = 0.5;

/** Of the elapsed time, what it must have waited for a CPU: a quiet host shows less, and a limit has room for as much. */
const WAITED_PART = 0.1;

interface Measured {
  readonly cpuMs: number;
  readonly controllerCpuMs: number;
  readonly wallMs: number;
  readonly syscalls: number;
  readonly waitMs?: number | undefined;
  readonly controllerWaitMs?: number | undefined;
  readonly throttledMs?: number | undefined;
}

/** A run as far as the question needs it: a RunResult is one. */
interface Ended {
  readonly status: string;
  readonly usage: Measured;
  readonly limits: { readonly cpuMs: number };
}

/**
 * How long a run waited for a CPU that met its wall limit for that reason, milliseconds; null for any other run. It is
 * one where it was below its CPU limit, it or its controller was running or runnable for at least half of the time, and
 * waited for at least a tenth of it.
 */
export function cpuWaitOf({ status, usage, limits }: Ended): number | null {
  if (status !== 'wall-limit' || usage.cpuMs >= limits.cpuMs) return null;
  const waited = waitedMs(usage);
  const decisive = waited >= WAITED_PART * usage.wallMs;
  const active = usage.cpuMs + usage.controllerCpuMs + waited;
  return decisive && active >= ACTIVE_PART * usage.wallMs ? waited : null;
}

/**
 * The program waits for a CPU, or for its controller that waits for one. A cap on the CPU makes the program wait too, and
 * may be counted in both; that of its start is not the run's.
 */
function waitedMs(usage: Measured): number {
  const { cpuMs, wallMs, syscalls, waitMs = 0, controllerWaitMs = 0, throttledMs = 0 } = usage;
  const ofCalls = syscalls * WAIT_PER_CALL_MS;
  const own = Math.max(0, waitMs - ofCalls, throttledMs);
  return Math.min(own + Math.max(0, controllerWaitMs - ofCalls), Math.max(0, wallMs - cpuMs));
}

/** `it waited 1.8 s of 2 s for a CPU`; null where {@link cpuWaitOf} is. */
export function cpuWaitLine(run: Ended): string | null {
  const waited = cpuWaitOf(run);
  return waited === null ? null : `it waited ${shown(waited)} of ${shown(run.usage.wallMs)} for a CPU`;
}

function shown(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${Number((ms / 1000).toFixed(1))} s`;
}
