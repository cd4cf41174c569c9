import { ByteEncoder, cpuWaitLine, oneLine, type RunResult } from '@sandpiper/contracts';
import type { GuestEnd } from '@sandpiper/guest';
import { enforcerOfCpu } from '../crossing/cpu-clock.js';
import { runtimeNameOf } from '../crossing/engines.js';
import { isOwnFault } from '../crossing/host-memory.js';
import type { CellContext, GuestJob } from '../crossing/job.js';
import { type Decisions, decideEnding } from '../crossing/status.js';
import type { JobKernel } from './job-kernel.js';
import { type HostPressure, hostPressure, unreliability, wasShortOfMemory } from './pressure.js';

/** The facts about a job whose guest has ended. */
export interface EndedJob {
  readonly job: GuestJob;
  readonly context: CellContext;
  readonly kernel: JobKernel;
  readonly decisions: Decisions;
  readonly end: GuestEnd;
  readonly start: NonNullable<RunResult['start']>;
  readonly startedAt: Date;
  /** From when the cell took the run to the start of its program, milliseconds; null when it never started. */
  readonly startupMs: number | null;
  readonly controllerCpuMs: number;
  /** For how long the thread that answered had no CPU, from the start of the program, milliseconds; null where unknown. */
  readonly controllerWaitMs: number | null;
  readonly pressureBefore: HostPressure;
}

/**
 * The result of a run. Files are collected before the status is decided, because collecting can fail like a call.
 * @param collect takes the files that the job wants back, and notes a failure in the decisions
 * @throws HostShortOfMemoryError when the kernel killed the guest because other processes had taken the memory
 */
export function resultOf(
  run: EndedJob,
  collect: (encoder: ByteEncoder) => ReturnType<JobKernel['takeFiles']>,
): RunResult {
  const { job, context, kernel, end } = run;
  const encoder = new ByteEncoder();
  const streams = kernel.takeStreams(encoder);
  const files = collect(encoder);
  const pressure = hostPressure();
  const ending = decideEnding(run.decisions, end, {
    nodeWasShort: wasShortOfMemory(run.pressureBefore, pressure),
    ownFault: isOwnFault(end, job.limits.memoryBytes, context.largestMemoryBytes),
  });
  kernel.transcript?.close(ending);
  const usage = usageOf(run);
  const unreliable =
    cpuWaitLine({ status: ending.status, usage, limits: job.limits }) ??
    unreliability({ ...usage, waitMs: usage.waitMs ?? null }, run.pressureBefore, pressure);
  const { refused } = kernel;
  return {
    id: job.id,
    ...ending,
    message: ending.message === null ? null : oneLine(ending.message),
    ...(unreliable === null ? {} : { unreliable }),
    ...streams,
    ...(kernel.transcript === null ? {} : { transcriptDigest: kernel.transcript.digest }),
    ...files,
    deniedCalls: kernel.deniedCalls,
    ...(refused.length === 0 ? {} : { refused }),
    usage,
    limits: job.limits,
    enforcement: { cpu: enforcerOfCpu(), wall: 'keeper-clock', memory: end.memoryHeldBy },
    engine: job.interpreter.engine,
    ...runtimeNameOf(job.interpreter),
    start: run.start,
    attempt: job.attempt,
    node: context.node,
    cell: context.cell,
    startedAt: run.startedAt.toISOString(),
    finishedAt: new Date().toISOString(),
  };
}

function usageOf(run: EndedJob): RunResult['usage'] {
  const { kernel, end, decisions, startupMs, controllerCpuMs, controllerWaitMs } = run;
  return {
    cpuMs: end.cpuNs / 1e6,
    startupCpuMs: end.startupCpuNs / 1e6,
    controllerCpuMs,
    wallMs: end.wallNs / 1e6,
    ...(startupMs === null ? {} : { startupMs }),
    ...(end.waitedNs === null ? {} : { waitMs: end.waitedNs / 1e6 }),
    ...(controllerWaitMs === null ? {} : { controllerWaitMs }),
    ...(end.throttledNs === null ? {} : { throttledMs: end.throttledNs / 1e6 }),
    peakMemoryBytes: end.peakBytes,
    ...(decisions.refusedGrowth > 0 ? { refusedGrowth: decisions.refusedGrowth } : {}),
    ...kernel.usage,
  };
}
