import { Worker } from 'node:worker_threads';
import type { CompareAnswer, CompareTask } from './compare-thread.js';
import { compareOutput } from './compare.js';
import type { CheckerOptions } from './flags.js';

/** Below this a comparison takes less time than the way to another thread and back. */
const LARGE_BYTES = 256 * 1024;

/** Compiled code: a test that runs from the sources starts the built thread too. */
const THREAD = new URL('../../dist/validators/compare-thread.js', import.meta.url);

interface Waiting {
  readonly resolve: (difference: string | null) => void;
  readonly reject: (error: Error) => void;
}

/** Compares outputs with answers; large ones in a thread, so that the main thread goes on. Close it at the end. */
export class Comparer {
  private thread: Worker | null = null;
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;

  /** null when the output is right, else one line with the first difference. Takes the memory of large arrays. */
  async compare(output: Uint8Array, answer: Uint8Array, options: CheckerOptions): Promise<string | null> {
    if (output.length + answer.length < LARGE_BYTES) return compareOutput(output, answer, options);
    const id = ++this.lastId;
    const task: CompareTask = { id, output, answer, options };
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      this.started().postMessage(task);
    });
  }

  async close(): Promise<void> {
    const { thread } = this;
    this.thread = null;
    await thread?.terminate();
  }

  private started(): Worker {
    if (this.thread !== null) return this.thread;
    const thread = new Worker(THREAD);
    thread.on('message', ({ id, difference }: CompareAnswer) => {
      this.waiting.get(id)?.resolve(difference);
      this.waiting.delete(id);
    });
    const fail = (error: Error): void => {
      if (this.thread === thread) this.thread = null;
      for (const { reject } of this.waiting.values()) reject(error);
      this.waiting.clear();
    };
    thread.on('error', fail);
    thread.on('exit', () => fail(new Error('the thread that compares outputs ended')));
    this.thread = thread;
    return thread;
  }
}
