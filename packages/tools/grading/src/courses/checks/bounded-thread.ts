import { Worker } from 'node:worker_threads';
import type { CheckTask, TaskAnswer, TaskReply } from './tasks.js';

/** Longer than any honest pattern takes on the largest output. */
const MAX_TASK_MS = 5_000;
/** After the last task the thread ends: a problem that nobody grades any more keeps none. */
const IDLE_MS = 1_000;

/** Compiled code: a test that runs from the sources starts the built thread too. */
const THREAD = new URL('../../../dist/courses/checks/check-thread.js', import.meta.url);

/** The task took longer than it may. */
export class TaskTimeoutError extends Error {
  override readonly name = 'TaskTimeoutError';
}

interface Waiting {
  readonly task: CheckTask;
  readonly resolve: (answer: TaskAnswer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Does tasks one after the other in a thread that is ended when one takes too long: a pattern of a teacher and an output of
 * a student can together keep a regular expression busy for years.
 */
export class BoundedThread {
  private readonly waiting: Waiting[] = [];
  private current: Waiting | null = null;
  private thread: Worker | null = null;
  private isOnline = false;
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly maxTaskMs = MAX_TASK_MS) {}

  /** @throws TaskTimeoutError when it takes longer than it may */
  async do(task: CheckTask): Promise<TaskAnswer> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ task, resolve, reject });
      this.next();
    });
  }

  private next(): void {
    if (this.current !== null) return;
    const next = this.waiting.shift();
    if (next === undefined) {
      this.rest();
      return;
    }
    this.current = next;
    const thread = this.started();
    thread.ref();
    this.setTimer(null);
    if (this.isOnline) this.limit();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    thread.postMessage(next.task);
  }

  /** The time runs from when the thread has started: on a busy host that alone takes a while. */
  private limit(): void {
    this.setTimer(this.maxTaskMs, () => {
      this.end(new TaskTimeoutError(`took more than ${this.maxTaskMs / 1000} s`));
    });
  }

  private rest(): void {
    this.thread?.unref();
    this.setTimer(IDLE_MS, () => {
      this.end(null);
    });
    this.timer?.unref();
  }

  /** Ends the thread; the task that it was at fails with `error`, and the next ones get a new thread. */
  private end(error: Error | null): void {
    const { thread, current } = this;
    this.setTimer(null);
    this.thread = null;
    this.isOnline = false;
    this.current = null;
    void thread?.terminate();
    if (current === null) return;
    current.reject(error ?? new Error('the thread of checks ended'));
    this.next();
  }

  private settle({ answer, fault }: TaskReply): void {
    const { current } = this;
    this.setTimer(null);
    this.current = null;
    if (answer === null) current?.reject(new Error(fault ?? 'the check failed'));
    else current?.resolve(answer);
    this.next();
  }

  private started(): Worker {
    if (this.thread !== null) return this.thread;
    const thread = new Worker(THREAD);
    thread.once('online', () => {
      if (this.thread !== thread) return;
      this.isOnline = true;
      if (this.current !== null) this.limit();
    });
    thread.on('message', (reply: TaskReply) => {
      if (this.thread === thread) this.settle(reply);
    });
    thread.on('error', (error) => {
      if (this.thread === thread) this.end(error instanceof Error ? error : new Error(String(error)));
    });
    this.thread = thread;
    return thread;
  }

  private setTimer(ms: number | null, then: () => void = () => undefined): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = ms === null ? null : setTimeout(then, ms);
  }
}
