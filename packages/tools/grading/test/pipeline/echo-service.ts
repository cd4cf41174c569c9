import {
  DEFAULT_LIMITS,
  type BatchRequest,
  type BatchState,
  type RunRequest,
  type RunResult,
} from '@sandpiper/contracts';
import type { GradingService } from '../../src/pipeline/service.js';

/** A service that answers each run with its own standard input, two runs per look at the batch. */
export class EchoService implements GradingService {
  readonly batches = new Map<string, { runs: RunRequest[]; done: number }>();
  readonly cancelled: string[] = [];

  async submitBatch(batch: BatchRequest): Promise<string> {
    const id = `b${this.batches.size}`;
    this.batches.set(id, { runs: batch.runs, done: 0 });
    return id;
  }

  async getBatch(id: string): Promise<BatchState> {
    const batch = this.batches.get(id);
    if (batch === undefined) throw new Error('no such batch');
    batch.done = Math.min(batch.done + 2, batch.runs.length);
    return {
      id,
      name: null,
      state: batch.done === batch.runs.length ? 'done' : 'running',
      total: batch.runs.length,
      done: batch.done,
      byStatus: {},
      runs: batch.runs.map((_, n) => ({
        id: `${id}/${n}`,
        state: n < batch.done ? 'done' : 'queued',
        result: null,
      })),
    };
  }

  async getRun(id: string) {
    const [batch = '', n = ''] = id.split('/');
    const request = this.batches.get(batch)?.runs[Number(n)];
    return { id, state: 'done' as const, result: resultOf(id, request?.stdin ?? '') };
  }

  async cancelBatch(id: string): Promise<void> {
    this.cancelled.push(id);
  }
}

function resultOf(id: string, stdout: string): RunResult {
  return {
    id,
    status: 'ok',
    exitCode: 0,
    signal: null,
    stdout,
    stderr: '',
    stdoutTruncated: false,
    stderrTruncated: false,
    message: null,
    deniedCalls: {},
    usage: {
      cpuMs: 1,
      startupCpuMs: 0,
      controllerCpuMs: 0,
      wallMs: 1,
      peakMemoryBytes: 1,
      syscalls: 1,
      bytesRead: 0,
      bytesWritten: 0,
    },
    limits: DEFAULT_LIMITS,
    enforcement: { cpu: 'none', wall: 'none', memory: 'none' },
    engine: 'seccomp',
    attempt: 1,
    node: null,
    cell: null,
    startedAt: '2026-01-01T00:00:00Z',
    finishedAt: '2026-01-01T00:00:00Z',
  };
}
