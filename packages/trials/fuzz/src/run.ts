import { Worker } from 'node:worker_threads';
import type { LoopResult, FuzzProgress } from './loop.js';
import type { FuzzTask } from './worker.js';

/** An input that takes longer than this hangs. Milliseconds; on a busy machine a second occurs. */
const HANGS_MS = 30_000;
const INPUT_BYTES = 8192;
/** For the thread's heap; the loop watches buffers outside it. */
const HEAP_MB = 1024;

type Message = { progress: FuzzProgress } | { result: LoopResult };

/** Fuzzes in a separate thread, so that an endless loop or unbounded memory in it is a finding too. */
export function fuzzInThread(
  work: Omit<FuzzTask, 'current'>,
  onProgress: (progress: FuzzProgress) => void,
): Promise<LoopResult> {
  const current = new SharedArrayBuffer(8 + INPUT_BYTES);
  const length = new Int32Array(current, 0, 2);
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: { ...work, current },
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  });
  let last: FuzzProgress = { executions: 0, corpus: 0, covered: 0 };
  const now = (message: string): LoopResult => ({
    ...last,
    corpusInputs: [],
    finding: { message, bytes: Uint8Array.from(new Uint8Array(current, 8, length[0])) },
  });
  return new Promise((resolve) => {
    let seen = -1;
    const watch = setInterval(() => {
      const executions = Atomics.load(length, 1);
      if (executions === seen && executions > 0) end(now(`no answer within ${HANGS_MS} ms`));
      seen = executions;
    }, HANGS_MS);
    const end = (result: LoopResult): void => {
      clearInterval(watch);
      void worker.terminate().then(() => resolve(result));
    };
    worker.on('message', (message: Message) => {
      if ('result' in message) return end(message.result);
      last = message.progress;
      onProgress(message.progress);
    });
    worker.on('error', (error) => end(now(`the thread died: ${error.stack ?? error.message}`)));
  });
}
