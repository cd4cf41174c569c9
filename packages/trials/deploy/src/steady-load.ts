import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

interface View {
  readonly id: string;
  readonly state: string;
  readonly result: {
    readonly status: string;
    readonly stdout: string;
    readonly attempt: number;
    readonly node: string;
  };
}

/** A run that has ended, and how many were submitted before it. */
export interface End extends View {
  readonly number: number;
}

/** Between two submissions, milliseconds. */
const PAUSE_MS = 100;
/** How long a request goes on being sent again, milliseconds. */
const PATIENCE_MS = 60_000;

/**
 * Submits a run ten times a second and waits for each, as a client with several schedulers does it: a request that one
 * refuses with 503, or does not answer, goes to the next one with the same idempotency key.
 */
export class SteadyLoad {
  readonly ended: End[] = [];
  /** Requests that were sent again. */
  again = 0;
  /** The first request that failed for good; it ends the load. */
  failure: unknown = null;
  private readonly pending: Promise<void>[] = [];
  private stopped = false;
  private readonly loop: Promise<void>;

  /** @param schedulers addresses; the caller may change the list at any time */
  constructor(private readonly schedulers: readonly string[]) {
    this.loop = this.submitAll();
  }

  /** How many runs have been submitted so far. */
  get submitted(): number {
    return this.pending.length;
  }

  /** Stops, and waits for everything that was submitted. @returns how many runs that were */
  async stop(): Promise<number> {
    this.stopped = true;
    await this.loop;
    await Promise.all(this.pending);
    return this.pending.length;
  }

  private async submitAll(): Promise<void> {
    while (!this.stopped) {
      const end = this.runOne(this.pending.length);
      end.catch((error: unknown) => {
        this.failure ??= error;
        this.stopped = true;
      });
      this.pending.push(end);
      await sleep(PAUSE_MS);
    }
  }

  private async runOne(number: number): Promise<void> {
    const { id } = (await this.ask(number, '/v1/runs', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
      body: JSON.stringify({ source: `print(${number})` }),
    })) as { id: string };
    for (;;) {
      const view = (await this.ask(number, `/v1/runs/${id}?wait=20`)) as View;
      if (view.state !== 'done') continue;
      if (view.result.stdout !== `${number}\n`) throw new Error(`run ${id} printed ${view.result.stdout}`);
      this.ended.push({ ...view, number });
      return;
    }
  }

  private async ask(number: number, path: string, init: RequestInit = {}): Promise<unknown> {
    const deadline = Date.now() + PATIENCE_MS;
    for (let attempt = number; ; attempt++) {
      const outcome = await this.askOne(this.schedulers[attempt % this.schedulers.length] ?? '', path, init);
      if (outcome.answer !== null) return outcome.answer;
      if (Date.now() > deadline) throw new Error(`${path}: ${outcome.refusal}`);
      this.again++;
      await sleep(PAUSE_MS);
    }
  }

  private async askOne(
    scheduler: string,
    path: string,
    init: RequestInit,
  ): Promise<{ answer: unknown; refusal: string }> {
    const reply = await fetch(scheduler + path, init).catch((error: unknown) => String(error));
    if (typeof reply === 'string') return { answer: null, refusal: reply };
    const text = await reply.text().catch(() => null);
    if (text === null) return { answer: null, refusal: 'the answer broke off' };
    if (reply.ok) return { answer: JSON.parse(text), refusal: '' };
    if (reply.status !== 503) throw new Error(`${path}: ${reply.status} ${text}`);
    return { answer: null, refusal: text };
  }
}
