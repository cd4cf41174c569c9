import { parentPort } from 'node:worker_threads';
import { compareOutput } from './compare.js';
import type { CheckerOptions } from './flags.js';

/** A comparison that would keep the main thread busy. */
export interface CompareTask {
  readonly id: number;
  readonly output: Uint8Array;
  readonly answer: Uint8Array;
  readonly options: CheckerOptions;
}

export interface CompareAnswer {
  readonly id: number;
  readonly difference: string | null;
}

parentPort?.on('message', ({ id, output, answer, options }: CompareTask) => {
  const found: CompareAnswer = { id, difference: compareOutput(output, answer, options) };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(found);
});
