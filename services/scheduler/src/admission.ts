import { createHash, randomBytes } from 'node:crypto';
import {
  completeLimits,
  controllerCpuFor,
  type BatchRequest,
  type Engine,
  type Limits,
  type RunJob,
  type RunRequest,
} from '@sandpiper/contracts';
import { batchRunId, JOB_NAME, jobOptions, type NewRun, type RunStore } from '@sandpiper/store';
import type { Queue } from 'bullmq';
import { Problem } from './problems.js';

export type LimitCeilings = Partial<Pick<Limits, 'cpuMs' | 'wallMs' | 'memoryBytes'>>;

export interface AdmissionOptions {
  /** Runs that may wait. */
  readonly maxQueue: number;
  readonly ceilings: LimitCeilings;
  readonly engines: readonly Engine[];
}

export interface Admitted {
  readonly id: string;
  /** The request had been accepted before, under the same idempotency key. */
  readonly replayed: boolean;
}

/** Jobs are added in groups, each of them one transaction. */
const JOBS_PER_TRANSACTION = 250;

/** A full queue empties at the pace of the nodes; a client that asks sooner only asks more often. */
const RETRY_AFTER_SECONDS = 5;

/**
 * Takes runs and batches in. Everything is written in an order that a retry with the same idempotency key completes:
 * key, runs, jobs, confirmation. Ids of jobs are ids of runs, so what the queue has already is not added twice.
 */
export class Admission {
  constructor(
    private readonly store: RunStore,
    private readonly queue: Queue<RunJob>,
    private readonly options: AdmissionOptions,
  ) {}

  async submitRun(request: RunRequest, idempotencyKey: string | undefined): Promise<Admitted> {
    this.checkEngine(request, 'engine');
    await this.checkRoom(1);
    const newId = `r${randomBytes(12).toString('hex')}`;
    const { id, replayed } = await this.reserve('run', idempotencyKey, newId, request);
    if (replayed && (await this.store.runFacts(id))?.enqueued === true) return { id, replayed };
    await this.enqueue([this.makeJob(id, null, request)]);
    return { id, replayed };
  }

  async submitBatch(batch: BatchRequest, idempotencyKey: string | undefined): Promise<Admitted> {
    for (const [index, run] of batch.runs.entries()) this.checkEngine(run, `runs.${index}.engine`);
    await this.checkRoom(batch.runs.length);
    const newId = `b${randomBytes(12).toString('hex')}`;
    const { id, replayed } = await this.reserve('batch', idempotencyKey, newId, batch);
    if (replayed && (await this.store.batchFacts(id))?.enqueued === true) return { id, replayed };
    await this.store.createBatch(id, batch.name ?? null, batch.runs.length);
    await this.enqueue(batch.runs.map((request, index) => this.makeJob(batchRunId(id, index), id, request)));
    await this.store.confirmBatch(id);
    return { id, replayed };
  }

  private checkEngine(request: RunRequest, path: string): void {
    const { engines } = this.options;
    const engine = request.engine ?? 'seccomp';
    if (engines.includes(engine)) return;
    const message = `no node here has the engine ${engine}; there are ${engines.join(', ')}`;
    throw new Problem('invalid-request', message, { path });
  }

  private async checkRoom(count: number): Promise<void> {
    const { maxQueue } = this.options;
    if (count > maxQueue) {
      const message = `a batch holds at most ${maxQueue} runs here`;
      throw new Problem('batch-too-large', message, { path: 'runs' });
    }
    const waiting = await this.queue.getJobCountByTypes('waiting', 'prioritized', 'delayed');
    if (waiting + count <= maxQueue) return;
    const message = `${waiting} runs are waiting and at most ${maxQueue} may; try again later`;
    throw new Problem('queue-full', message, { retryAfterSeconds: RETRY_AFTER_SECONDS });
  }

  private async reserve(
    kind: 'run' | 'batch',
    key: string | undefined,
    newId: string,
    request: RunRequest | BatchRequest,
  ): Promise<Admitted> {
    if (key === undefined) return { id: newId, replayed: false };
    const { verdict, id } = await this.store.reserve(kind, key, newId, fingerprint(request));
    if (verdict === 'different') {
      throw new Problem('idempotency-conflict', 'this idempotency key was used for another request', {
        path: 'idempotencyKey',
      });
    }
    return { id, replayed: verdict === 'same' };
  }

  private makeJob(id: string, batchId: string | null, request: RunRequest): RunJob {
    const limits = this.clampedLimits(request);
    // The key has done its work; the job needs it no more.
    const { idempotencyKey: _used, ...rest } = request;
    return { version: 1, id, batchId, request: { ...rest, limits }, submittedAt: Date.now() };
  }

  private clampedLimits(request: RunRequest): Limits {
    const limits = completeLimits(request.limits);
    for (const name of ['cpuMs', 'wallMs', 'memoryBytes'] as const) {
      limits[name] = Math.min(limits[name], this.options.ceilings[name] ?? Infinity);
    }
    const { cpuMs } = this.options.ceilings;
    if (cpuMs !== undefined)
      limits.controllerCpuMs = Math.min(limits.controllerCpuMs, controllerCpuFor(cpuMs));
    return limits;
  }

  private async enqueue(jobs: readonly RunJob[]): Promise<void> {
    for (let start = 0; start < jobs.length; start += JOBS_PER_TRANSACTION) {
      const group = jobs.slice(start, start + JOBS_PER_TRANSACTION);
      await this.store.createRuns(group.map(toNewRun));
      await this.queue.addBulk(group.map((job) => ({ name: JOB_NAME, data: job, opts: jobOptions(job) })));
      await this.store.confirmRuns(group.map((job) => job.id));
    }
  }
}

const toNewRun = (job: RunJob): NewRun => ({
  id: job.id,
  batchId: job.batchId,
  submittedAt: job.submittedAt,
  engine: job.request.engine ?? 'seccomp',
  limits: completeLimits(job.request.limits),
});

/** Two requests are the same when their validated content is; validation puts the fields in the schema's order. */
function fingerprint(request: RunRequest | BatchRequest): string {
  const { idempotencyKey: _key, ...content } = request;
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}
