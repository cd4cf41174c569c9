import type { RunRequest } from '@sandpiper/contracts';
import { type Api, Refusal } from './api.js';
import { between, sleep } from './wait.js';

export interface LoadOptions {
  readonly api: Api;
  readonly count: number;
  /** Concurrent submissions. */
  readonly concurrency?: number;
  readonly request: (index: number) => RunRequest;
  /** Distinguishes the keys of different loads. */
  readonly name?: string;
  /** How long one submission is retried, milliseconds. */
  readonly patienceMs?: number;
  /** How long one request may take, milliseconds. */
  readonly timeoutMs?: number;
  /**
   * One of this many submissions is repeated after its acknowledgement, as by a client that missed the
   * answer.
   */
  readonly repeatEvery?: number;
  /** Told of each run when it is acknowledged. */
  readonly onAcknowledged?: (id: string, index: number) => void;
  /** Pause of each lane after an acknowledgement, milliseconds. */
  readonly pauseMs?: () => number;
}

/** Submits runs, each under its own key, and retries until it is acknowledged. */
export class Load {
  /** Index -> id of the acknowledged ones. */
  readonly acknowledged = new Map<number, string>();
  /** Answers that were not acknowledgements, by status; 0: no answer. */
  readonly refusals = new Map<number, number>();
  /** Submissions that were not acknowledged by the second request either. */
  readonly refusedTwice: number[] = [];
  /** Submissions whose second acknowledgement named another run. */
  readonly differing: string[] = [];
  private next = 0;
  private stopped = false;

  constructor(private readonly options: LoadOptions) {}

  get ids(): string[] {
    return [...this.acknowledged.values()];
  }

  /** Resolves when all are acknowledged. @throws Error when one is not acknowledged in time */
  async run(): Promise<this> {
    const { concurrency = 16, count, pauseMs } = this.options;
    const lane = async (): Promise<void> => {
      while (this.next < count && !this.stopped) {
        await this.submit(this.next++);
        if (pauseMs !== undefined) await sleep(pauseMs());
      }
    };
    await Promise.all(Array.from({ length: Math.min(concurrency, count) }, lane));
    return this;
  }

  /** Starts no further submission; {@link run} resolves when the pending ones are acknowledged. */
  stop(): void {
    this.stopped = true;
  }

  get describedRefusals(): string {
    if (this.refusals.size === 0) return 'none';
    const names = [...this.refusals].map(
      ([status, count]) => `${count} x ${status === 0 ? 'no answer' : status}`,
    );
    return names.join(', ');
  }

  private async submit(index: number): Promise<void> {
    const { repeatEvery = 0, onAcknowledged } = this.options;
    const id = await this.untilAcknowledged(index);
    this.acknowledged.set(index, id);
    onAcknowledged?.(id, index);
    if (repeatEvery === 0 || index % repeatEvery !== 0) return;
    const again = await this.untilAcknowledged(index);
    if (again !== id) this.differing.push(`${id} and ${again}`);
  }

  private async untilAcknowledged(index: number): Promise<string> {
    const { api, request, name = 'load', patienceMs = 180_000, timeoutMs } = this.options;
    const deadline = performance.now() + patienceMs;
    for (let attempt = 1; ; attempt++) {
      try {
        return await api.submit(request(index), `${name}-${index}`, timeoutMs);
      } catch (error) {
        const status = error instanceof Refusal ? error.status : 0;
        if (status >= 400 && status < 500 && status !== 429) throw error;
        this.refusals.set(status, (this.refusals.get(status) ?? 0) + 1);
        if (attempt === 2) this.refusedTwice.push(index);
        if (performance.now() > deadline) {
          throw new Error(`submission ${index} is not acknowledged: ${(error as Error).message}`, {
            cause: error,
          });
        }
        await sleep(between(20, Math.min(1000, 50 * 2 ** attempt)));
      }
    }
  }
}
