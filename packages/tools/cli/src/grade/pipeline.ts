import { randomUUID } from 'node:crypto';
import {
  encodeBytes,
  fieldsOf,
  type BatchRequest,
  type BatchState,
  type RunRequest,
  type RunState,
} from '@sandpiper/contracts';
import {
  gradeRun,
  gradeSubmission,
  type GradingJob,
  type Problem,
  type Submission,
  type SubmissionOutcome,
  type TestCase,
  type TestOutcome,
} from '@sandpiper/grading';

/** What grading needs from a service; the typed client implements it. */
export interface GradingService {
  /** Returns the id of the batch. */
  submitBatch(batch: BatchRequest): Promise<string>;
  getBatch(id: string, options: { waitSeconds: number; results: boolean }): Promise<BatchState>;
  getRun(id: string): Promise<RunState>;
  cancelBatch(id: string): Promise<unknown>;
}

export interface GradedProblem {
  readonly problem: Problem;
  readonly submissions: readonly { readonly submission: Submission; readonly outcome: SubmissionOutcome }[];
}

export interface GradingOptions {
  /** Of every run, as in its request. */
  readonly retryUnreliable: number;
  readonly onProgress: (done: number, total: number) => void;
  readonly signal: AbortSignal;
}

/** One run: a submission on a test. `outcome` is filled in when it is done. */
interface Task {
  readonly problem: Problem;
  readonly submission: Submission;
  readonly test: TestCase;
  outcome: TestOutcome | null;
}

/** Small enough for the body limit of any server and for the memory of both sides. */
const BATCH_RUNS = 200;
const BATCH_BYTES = 4 * 1024 * 1024;
/** Batches in flight: enough to keep a server with many nodes busy. */
const BATCHES_AT_ONCE = 4;
/** Outputs are fetched run by run and dropped after the check: each may have megabytes. */
const FETCHES_AT_ONCE = 8;
const WAIT_SECONDS = 1;

/**
 * Grades every submission on every test of its problem through the service.
 * On abort or failure it cancels the batches in flight and rejects.
 */
export async function gradeAll(
  service: GradingService,
  jobs: readonly GradingJob[],
  { retryUnreliable, onProgress, signal }: GradingOptions,
): Promise<GradedProblem[]> {
  const tasks = jobs.flatMap(tasksOf);
  let done = 0;
  const onTask = (): void => onProgress(++done, tasks.length);
  const stop = new AbortController();
  // oxlint-disable-next-line sandpiper/no-long-lived-race -- the signal of one command, which is all that this process does
  const either = AbortSignal.any([signal, stop.signal]);
  await eachAtOnce(batchesOf(tasks), BATCHES_AT_ONCE, async (batch) => {
    try {
      await runBatch(service, batch, { retryUnreliable, onTask, signal: either });
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  });
  return jobs.map((job) => collect(job, tasks));
}

function tasksOf({ problem, submissions }: GradingJob): Task[] {
  return submissions.flatMap((submission) =>
    problem.tests.map((test) => ({ problem, submission, test, outcome: null })),
  );
}

/** Splits the tasks into batches, in order; a task above the bound gets a batch to itself. */
function batchesOf(tasks: readonly Task[]): Task[][] {
  const batches: Task[][] = [];
  let current: Task[] = [];
  let bytes = 0;
  for (const task of tasks) {
    const size = task.submission.source.length + task.test.input.length;
    if (current.length > 0 && (current.length >= BATCH_RUNS || bytes + size > BATCH_BYTES)) {
      batches.push(current);
      current = [];
      bytes = 0;
    }
    current.push(task);
    bytes += size;
  }
  if (current.length > 0) batches.push(current);
  return batches;
}

async function runBatch(
  service: GradingService,
  tasks: readonly Task[],
  {
    retryUnreliable,
    onTask,
    signal,
  }: { readonly retryUnreliable: number; readonly onTask: () => void; readonly signal: AbortSignal },
): Promise<void> {
  signal.throwIfAborted();
  const runs = tasks.map((task) => requestOf(task, retryUnreliable));
  const id = await service.submitBatch({ runs, idempotencyKey: randomUUID() });
  try {
    for (;;) {
      signal.throwIfAborted();
      const batch = await service.getBatch(id, { waitSeconds: WAIT_SECONDS, results: false });
      await fetchFinished(service, tasks, batch, onTask);
      if (tasks.every((task) => task.outcome !== null)) return;
      if (batch.state === 'done')
        throw new Error(`the server reports batch ${id} as done, but not all of its runs`);
    }
  } catch (error) {
    // Report the first error: a server that is unreachable cannot cancel either.
    await service.cancelBatch(id).catch(() => undefined);
    throw error;
  }
}

async function fetchFinished(
  service: GradingService,
  tasks: readonly Task[],
  batch: BatchState,
  onTask: () => void,
): Promise<void> {
  const finished = batch.runs.flatMap((run, index) => {
    const task = tasks[index];
    return run.state === 'done' && task !== undefined && task.outcome === null ? [{ id: run.id, task }] : [];
  });
  await eachAtOnce(finished, FETCHES_AT_ONCE, async ({ id, task }) => {
    const { result } = await service.getRun(id);
    if (result === null) throw new Error(`the server reports run ${id} as done, but has no result for it`);
    task.outcome = gradeRun(result, task.test, task.problem.checker);
    onTask();
  });
}

function requestOf({ problem, submission, test }: Task, retryUnreliable: number): RunRequest {
  return {
    source: submission.source,
    ...fieldsOf('stdin', encodeBytes(test.input)),
    limits: problem.limits,
    // A service of an earlier version does not know the field.
    ...(retryUnreliable === 0 ? {} : { retryUnreliable }),
  };
}

function collect({ problem, submissions }: GradingJob, tasks: readonly Task[]): GradedProblem {
  return {
    problem,
    submissions: submissions.map((submission) => {
      const own = tasks.filter((task) => task.problem === problem && task.submission === submission);
      return { submission, outcome: gradeSubmission(own.flatMap((task) => task.outcome ?? [])) };
    }),
  };
}

/**
 * Calls `work` for each item, `limit` at a time; throws the first failure once all started calls have ended.
 */
async function eachAtOnce<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const lane = async (): Promise<void> => {
    for (const item of rest) await work(item);
  };
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, lane));
  for (const ended of lanes) if (ended.status === 'rejected') throw ended.reason;
}
