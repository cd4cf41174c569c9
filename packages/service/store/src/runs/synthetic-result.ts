import { type Engine, type Limits, oneLine, type RunResult, type RunStatus } from '@sandpiper/contracts';

export interface SyntheticResult {
  readonly id: string;
  readonly status: Extract<RunStatus, 'cancelled' | 'internal-error'>;
  readonly message: string;
  readonly limits: Limits;
  readonly engine: Engine;
  readonly attempt: number;
  readonly node: string | null;
  readonly cell: number | null;
}

/** The result of a run that no guest finished: cancelled before its start, or given up. All usage is zero. */
export function syntheticResult(facts: SyntheticResult, now = new Date()): RunResult {
  const at = now.toISOString();
  return {
    ...facts,
    message: oneLine(facts.message),
    exitCode: null,
    signal: null,
    stdout: '',
    stderr: '',
    stdoutTruncated: false,
    stderrTruncated: false,
    deniedCalls: {},
    usage: {
      cpuMs: 0,
      startupCpuMs: 0,
      controllerCpuMs: 0,
      wallMs: 0,
      peakMemoryBytes: 0,
      syscalls: 0,
      bytesRead: 0,
      bytesWritten: 0,
    },
    enforcement: { cpu: 'none', wall: 'none', memory: 'none' },
    startedAt: at,
    finishedAt: at,
  };
}
