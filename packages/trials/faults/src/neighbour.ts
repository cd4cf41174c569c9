import { type Api, Refusal } from './api.js';
import { nearestRank } from './nearest-rank.js';
import { sleep } from './wait.js';

/** Interval between runs that print a word, milliseconds. */
const EVERY_MS = 200;

/** A hello without a result for this long is a fault, milliseconds. */
const PATIENCE_MS = 60_000;

interface Hello {
  /** From the submission to its acknowledgement, milliseconds. */
  readonly postMs: number;
  /** From the submission to the result, milliseconds. */
  readonly resultMs: number;
  /** What was wrong with the answer; null where it was right. */
  readonly fault: string | null;
  /** Status of an answer that was not a success; null without one. */
  readonly refused: number | null;
}

/** What a tenant observed of the service while it sent hellos. */
export class Hellos {
  constructor(private readonly all: readonly Hello[]) {}

  get count(): number {
    return this.all.length;
  }

  /** Wrong or missing answers, in words. */
  get faults(): string[] {
    return this.all.flatMap(({ fault }) => fault ?? []);
  }

  /** Answers that were the service's fault. */
  get serverErrors(): number {
    return this.all.filter(({ refused }) => refused !== null && (refused >= 500 || refused === 0)).length;
  }

  /** 99 of 100 submissions were acknowledged within this time, milliseconds. */
  get postP99(): number {
    return nearestRank(
      this.all.map(({ postMs }) => postMs),
      0.99,
    );
  }

  /** 99 of 100 results arrived within this time, milliseconds. */
  get resultP99(): number {
    return nearestRank(
      this.all.map(({ resultMs }) => resultMs),
      0.99,
    );
  }

  described(): string {
    const [post, result] = [this.postP99, this.resultP99].map(Math.round);
    return `${this.count} hellos, p99 ${post} ms to the acknowledgement, ${result} ms to the result`;
  }
}

/** A second tenant that keeps sending a small run, whatever the first one does. */
export class Neighbour {
  private readonly timer: NodeJS.Timeout;
  private readonly underWay = new Set<Promise<void>>();
  private seen: Hello[] = [];
  private sent = 0;

  /** Begins at once. @param name distinguishes its idempotency keys */
  constructor(
    private readonly api: Api,
    private readonly name: string,
    everyMs = EVERY_MS,
  ) {
    this.timer = setInterval(() => this.begin(), everyMs);
    this.begin();
  }

  /** What it has observed since the last call; pending hellos are not included. */
  take(): Hellos {
    const seen = this.seen;
    this.seen = [];
    return new Hellos(seen);
  }

  get ended(): number {
    return this.seen.length;
  }

  /** Waits for pending hellos, but not for those that begin meanwhile. */
  async settle(): Promise<void> {
    await Promise.all([...this.underWay]);
  }

  /** Stops sending, and waits for pending hellos. */
  async stop(): Promise<Hellos> {
    clearInterval(this.timer);
    await this.settle();
    return this.take();
  }

  private begin(): void {
    const hello = this.hello(this.sent++)
      .then((seen) => void this.seen.push(seen))
      .finally(() => this.underWay.delete(hello));
    this.underWay.add(hello);
  }

  private async hello(index: number): Promise<Hello> {
    const begun = performance.now();
    const after = (): number => performance.now() - begun;
    let postMs: number | null = null;
    try {
      const word = `hello ${index}`;
      const id = await this.api.submit({ source: `print(${JSON.stringify(word)})` }, `${this.name}-${index}`);
      postMs = after();
      while (after() < PATIENCE_MS) {
        const { state, result } = await this.api.run(id, 20);
        if (state !== 'done') continue;
        const right = result?.status === 'ok' && result.stdout === `${word}\n`;
        const fault = right
          ? null
          : `${word}: ${result?.status} ${result?.message} ${result?.stdout?.slice(0, 80)}`;
        return { postMs, resultMs: after(), fault, refused: null };
      }
      return { postMs, resultMs: after(), fault: `no result of ${word} after 60 s`, refused: null };
    } catch (error) {
      const refused = error instanceof Refusal ? error.status : null;
      const ms = after();
      return { postMs: postMs ?? ms, resultMs: ms, fault: (error as Error).message, refused };
    }
  }
}

/** What a tenant observes while nothing else runs, for comparison. */
export async function quietHellos(api: Api, name: string, seconds: number): Promise<Hellos> {
  const neighbour = new Neighbour(api, name);
  await sleep(seconds * 1000);
  return neighbour.stop();
}
