import { backOff, messageOf, withDeadline } from '@sandpiper/contracts';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** A process of the embedded service failed to start; the message gives the reason in one line. */
export class EmbeddedError extends Error {
  override readonly name = 'EmbeddedError';
}

export interface ChildSpec {
  /** Shown to users: `redis`, `scheduler`, `node-1`. */
  readonly name: string;
  readonly spawn: () => ChildProcess;
  /** Resolves when the process is ready. May never resolve: the end of the process ends the wait. */
  readonly ready: (child: ChildProcess) => Promise<void>;
  /** Its last line of output, for the message when it dies at start-up. */
  readonly lastWords: () => string;
  readonly onEvent: (line: string) => void;
}

const READY_MS = 60_000;
const BACK_OFF = { firstMs: 250, maxMs: 30_000 };
/** A process that has lived this long has started well: its back-off is reset. */
const GOOD_LIFE_MS = 30_000;

/** One child process, restarted whenever it dies until it is stopped. */
export class SupervisedChild {
  private child: ChildProcess | null = null;
  private stopping = false;
  private failures = 0;
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly spec: ChildSpec) {}

  get pid(): number | null {
    return this.child?.pid ?? null;
  }

  /** The first start. Rejects on failure: the settings are wrong then, and a retry would not help. */
  async start(): Promise<void> {
    const child = this.spec.spawn();
    this.child = child;
    try {
      await this.untilReady(child);
    } catch (error) {
      this.stopping = true;
      await end(child, 0);
      throw error;
    }
    this.keepAlive(child);
  }

  /** SIGTERM, then SIGKILL after the grace period. When it resolves, the process is gone for good. */
  async stop(graceMs: number): Promise<void> {
    this.stopping = true;
    if (this.timer !== null) clearTimeout(this.timer);
    if (this.child !== null) await end(this.child, graceMs);
  }

  private async untilReady(child: ChildProcess): Promise<void> {
    const { name, ready, lastWords } = this.spec;
    const gone = ended(child).then((how) => {
      const said = lastWords();
      throw new EmbeddedError(`${name} did not start: ${said === '' ? how : said}`);
    });
    // After the race keepAlive notices its end.
    await withDeadline(Promise.race([ready(child), gone]), READY_MS, () => {
      throw new EmbeddedError(`${name} did not become ready within ${READY_MS / 1000} s`);
    });
  }

  private keepAlive(child: ChildProcess): void {
    const born = Date.now();
    void ended(child).then((how) => {
      if (this.stopping) return;
      this.failures = Date.now() - born > GOOD_LIFE_MS ? 1 : this.failures + 1;
      const delay = backOff(this.failures, BACK_OFF);
      this.spec.onEvent(`${this.spec.name} died (${how}); restarting it in ${delay} ms`);
      this.timer = setTimeout(() => this.restart(), delay);
    });
  }

  private restart(): void {
    const child = this.spec.spawn();
    this.child = child;
    this.keepAlive(child);
    this.untilReady(child).then(
      () => this.spec.onEvent(`${this.spec.name} is back`),
      // keepAlive reports its death; /readyz shows the operator a process that hangs.
      () => undefined,
    );
  }
}

const isGone = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

/** Resolves with how it ended: an exit code, a signal, or a failure to start. */
async function ended(child: ChildProcess): Promise<string> {
  if (!isGone(child)) {
    try {
      await once(child, 'exit');
    } catch (error) {
      // `once` rejects on 'error', which is how spawn reports a program that cannot be executed.
      return messageOf(error);
    }
  }
  return child.signalCode ?? `exit code ${child.exitCode}`;
}

async function end(child: ChildProcess, graceMs: number): Promise<void> {
  if (isGone(child) || child.pid === undefined) return;
  const gone = ended(child);
  child.kill(graceMs === 0 ? 'SIGKILL' : 'SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await gone;
  clearTimeout(timer);
}
