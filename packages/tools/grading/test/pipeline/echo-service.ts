import { once } from 'node:events';
import {
  DEFAULT_LIMITS,
  type BatchRequest,
  type EndedRun,
  type RunRequest,
  type RunResult,
} from '@sandpiper/contracts';
import type { GradingService } from '../../src/pipeline/service.js';

/** A service that answers each run with its own standard input, in order. */
export class EchoService implements GradingService {
  readonly batches = new Map<string, readonly RunRequest[]>();
  readonly cancelled: string[] = [];

  /** @param ends runs of each batch that end; the others run until they are cancelled */
  constructor(private readonly ends = Number.POSITIVE_INFINITY) {}

  async submitBatch(batch: BatchRequest): Promise<string> {
    const id = `b${this.batches.size}`;
    this.batches.set(id, batch.runs);
    return id;
  }

  async *followBatch(
    id: string,
    { signal, from = 0 }: { readonly signal: AbortSignal; readonly from?: number },
  ): AsyncGenerator<EndedRun> {
    const runs = this.batches.get(id) ?? [];
    for (const [index, { stdin = '' }] of runs.slice(from).entries()) {
      if (from + index >= this.ends) await once(signal, 'abort');
      signal.throwIfAborted();
      const run = `${id}/${from + index}`;
      yield {
        position: from + index + 1,
        index: from + index,
        run: { id: run, state: 'done', result: resultOf(run, stdin) },
      };
    }
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
