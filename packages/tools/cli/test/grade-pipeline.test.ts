import {
  DEFAULT_LIMITS,
  type BatchRequest,
  type BatchState,
  type RunRequest,
  type RunResult,
} from '@sandpiper/contracts';
import { DEFAULT_CHECKER, type GradingJob } from '@sandpiper/grading';
import { describe, expect, it } from 'vitest';
import { gradeAll, type GradingService } from '../src/grade/pipeline.js';
import { patient } from '../src/patience.js';

/** A service that answers each run with its own standard input, two runs per look at the batch. */
class EchoService implements GradingService {
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

function job(tests: [input: string, answer: string][], submissions: number): GradingJob {
  return {
    problem: {
      name: 'p',
      path: 'p',
      limits: { cpuMs: 1, wallMs: 1, memoryBytes: 8 * 2 ** 20, outputBytes: 1 },
      checker: DEFAULT_CHECKER,
      tests: tests.map(([input, answer], n) => ({
        name: `secret/${n}`,
        input: Buffer.from(input),
        answer: Buffer.from(answer),
      })),
    },
    submissions: Array.from({ length: submissions }, (_, n) => ({
      label: `s${n}.py`,
      path: `s${n}.py`,
      source: '',
    })),
  };
}

const options = {
  retryUnreliable: 0,
  onProgress: () => undefined,
  signal: new AbortController().signal,
};

describe('grading through a service', () => {
  it('submits every submission on every test, and reports the progress', async () => {
    const service = new EchoService();
    const seen: number[] = [];
    const [graded] = await gradeAll(
      service,
      [
        job(
          [
            ['1', '1'],
            ['2', '3'],
          ],
          150,
        ),
      ],
      { ...options, onProgress: (done) => seen.push(done), retryUnreliable: 1 },
    );
    expect(graded?.submissions).toHaveLength(150);
    expect(graded?.submissions[149]?.outcome).toMatchObject({ verdict: 'WA', passed: 1, total: 2 });
    expect(seen.at(-1)).toBe(300);
    expect([...service.batches.values()].map((batch) => batch.runs.length)).toEqual([200, 100]);
    const requests = [...service.batches.values()].flatMap(({ runs }) => runs);
    expect(new Set(requests.map(({ retryUnreliable }) => retryUnreliable))).toEqual(new Set([1]));
  });

  it('keeps batches small in bytes too', async () => {
    const service = new EchoService();
    const large = 'x'.repeat(3 * 2 ** 20);
    await gradeAll(service, [job([[large, large]], 3)], options);
    expect(service.batches.size).toBe(3);
  });

  it('cancels batches in flight when it is stopped or the service fails', async () => {
    const service = new EchoService();
    const abort = new AbortController();
    await expect(
      gradeAll(service, [job([['1', '1']], 10)], {
        ...options,
        onProgress: () => abort.abort(),
        signal: abort.signal,
      }),
    ).rejects.toThrow();
    expect(service.cancelled).toEqual(['b0']);

    const failing = new EchoService();
    failing.getRun = () => Promise.reject(new Error('gone'));
    await expect(gradeAll(failing, [job([['1', '1']], 10)], options)).rejects.toThrow('gone');
    expect(failing.cancelled).toEqual(['b0']);
  });
});

describe('an overloaded server', () => {
  const refusal = (status: number) =>
    Object.assign(new Error('refused'), { status, retryAfterSeconds: 0.05 });

  it('is retried after 429, after the delay that it asks for', async () => {
    const service = new EchoService();
    const submit = service.submitBatch.bind(service);
    let refusals = 2;
    service.submitBatch = async (batch) => {
      if (refusals-- > 0) throw refusal(429);
      return submit(batch);
    };
    expect(await patient(service, options.signal).submitBatch({ runs: [{ source: '' }] })).toBe('b0');
  });

  it('is not retried after 503', async () => {
    const service = new EchoService();
    service.submitBatch = () => Promise.reject(refusal(503));
    await expect(patient(service, options.signal).submitBatch({ runs: [{ source: '' }] })).rejects.toThrow(
      'refused',
    );
  });
});
