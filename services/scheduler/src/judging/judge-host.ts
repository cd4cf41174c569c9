import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { backOff, withDeadline } from '@sandpiper/contracts';
import type { Logger, LogLevel } from '@sandpiper/telemetry';
import type { JudgeSettings } from './judge-settings.js';
import type { JudgingOptions } from './judging-options.js';

/** Tests run the sources, but the thread needs the built file. */
const THREAD_FILE = fileURLToPath(new URL('../../dist/judging/judge-thread.js', import.meta.url));
/** Heap of the thread, MiB: requests and results of the runs that it reads. */
const HEAP_MIB = 2048;
/** How long the end waits for submissions to be given back, milliseconds. */
const LEAVE_MS = 8_000;
const RESTART = { firstMs: 500, maxMs: 30_000 };

/** Holds the thread of the judge, and starts it again when it dies: a package must not end a scheduler. */
export class JudgeHost {
  private thread: Worker | null = null;
  private restarts = 0;
  private timer: NodeJS.Timeout | null = null;
  private isClosed = false;

  constructor(
    private readonly settings: JudgeSettings,
    private readonly log: Logger,
  ) {}

  start(): void {
    const thread = new Worker(THREAD_FILE, {
      workerData: this.settings,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
    });
    this.thread = thread;
    thread.on('error', (error: Error) => this.log.error({ err: error }, 'the thread of the judge failed'));
    thread.on('exit', () => {
      this.thread = null;
      if (this.isClosed) return;
      this.restarts += 1;
      this.timer = setTimeout(() => this.start(), backOff(this.restarts, RESTART));
    });
  }

  /** Gives back what is being judged. What is not given back in time is taken over when its lease ends. */
  async close(): Promise<void> {
    this.isClosed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    const { thread } = this;
    if (thread === null) return;
    const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    thread.postMessage('close');
    await withDeadline(ended, LEAVE_MS, () => undefined);
    await thread.terminate();
  }
}

/** What the judge shares with the service around it. */
export type JudgeSurroundings = Pick<JudgeSettings, 'maxQueue' | 'retention' | 'ceilings' | 'engines'> & {
  readonly log: Logger;
};

/** Starts the judge of this process. @returns null where there is none */
export function startJudge(options: JudgingOptions, { log, ...shared }: JudgeSurroundings): JudgeHost | null {
  const { judge, ...own } = options;
  if (judge === null) return null;
  const host = new JudgeHost({ ...shared, ...own, ...judge, logLevel: log.level as LogLevel }, log);
  host.start();
  return host;
}
