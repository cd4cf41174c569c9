import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchRequest, EndedRun } from '@sandpiper/contracts';
import type { GradingService } from '@sandpiper/grading';
import { type BatchFacts, type BatchStore, batchRunId, type RunStore } from '@sandpiper/store';
import type { Submitter } from '../admission.js';
import { followersOf } from '../batches/batch-follower.js';
import type { BatchIntake } from '../batches/batch-intake.js';
import { batchOf, type LimitCeilings } from '../bodies/prepared.js';
import { cancelBatch } from '../cancel.js';
import { ApiProblem } from '../problems.js';
import type { RedisGate } from '../redis/redis-gate.js';
import type { Waiters } from '../waiters.js';

/** What the runs of all judgings share. */
export interface RunServices {
  readonly intake: BatchIntake;
  readonly batches: BatchStore;
  readonly store: RunStore;
  readonly waiters: Waiters;
  readonly gate: RedisGate;
  readonly ceilings: LimitCeilings;
}

/** Whose runs they are, and what names them. */
export interface RunOwner {
  readonly who: Submitter;
  /** Runs with the same name and content run once: a scheduler that takes over a submission reuses their results. */
  readonly name: string;
  readonly signal: AbortSignal;
  /** Whether runs are left to the judge that takes over when the signal aborts. */
  readonly isHandedOver: () => boolean;
}

/** A full queue, or a store that is away: the same again later may succeed. */
const PASSING = new Set([429, 503]);
const USUAL_DELAY_SECONDS = 2;
/** Ended runs that are listed at once. */
const LOOK_AT_ONCE = 64;
/** Whether a batch is still there is looked at after each, without news. */
const LOOK_SECONDS = 5;

const isDone = (batch: BatchFacts | null): boolean => batch === null || batch.done === batch.total;

/** The service as grading needs it, within the process: its runs wait their turn beside all others of their tenant. */
export class RunService implements GradingService {
  /** How often each content was submitted. */
  private readonly times = new Map<string, number>();

  constructor(
    private readonly services: RunServices,
    private readonly owner: RunOwner,
  ) {}

  async submitBatch({ runs }: BatchRequest): Promise<string> {
    const { intake, gate, ceilings } = this.services;
    const prepared = batchOf({ runs }, ceilings);
    const key = this.keyOf(prepared.runs.map(({ fingerprint }) => fingerprint));
    const head = { name: null, key, count: prepared.runs.length };
    const send = () => gate.change(() => intake.take(prepared.runs, head, this.owner.who));
    return (await this.patiently(send)).id;
  }

  async *followBatch(
    id: string,
    { signal, from = 0 }: { readonly signal: AbortSignal; readonly from?: number },
  ): AsyncGenerator<EndedRun> {
    const { batches, gate, waiters } = this.services;
    const read = <T>(look: () => Promise<T>): Promise<T> => this.patiently(() => gate.run(look));
    for (let position = from; ; ) {
      const look = () => read(() => batches.ended(id, position, LOOK_AT_ONCE));
      const isNews = (found: readonly number[]): boolean => found.length > 0;
      const found = await waiters.until(followersOf(id), LOOK_SECONDS, signal, look, isNews);
      signal.throwIfAborted();
      for (const index of found) {
        position += 1;
        const name = batchRunId(id, index);
        const run = await read(() => this.services.store.runState(name));
        yield { position, index, run: run ?? { id: name, state: 'done', result: null } };
      }
      const batch = await read(() => batches.facts(id));
      if (batch === null) throw new Error(`batch ${id} has left the store before its results were read`);
      if (position >= batch.total) return;
    }
  }

  async cancelBatch(id: string): Promise<void> {
    if (this.owner.isHandedOver()) return;
    const { gate, batches, store } = this.services;
    const batch = await gate.run(() => batches.facts(id));
    if (batch !== null && !isDone(batch)) await gate.change(() => cancelBatch(store, batch));
  }

  /** Numbers runs with equal content in order. The order does not depend on the scheduler that judges. */
  private keyOf(fingerprints: readonly string[]): string {
    const content = createHash('sha256').update(fingerprints.join('\n')).digest('hex');
    const times = (this.times.get(content) ?? 0) + 1;
    this.times.set(content, times);
    return `${this.owner.name} ${times} ${content}`;
  }

  private async patiently<T>(work: () => Promise<T>): Promise<T> {
    const { signal } = this.owner;
    for (;;) {
      signal.throwIfAborted();
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof ApiProblem) || !PASSING.has(error.statusCode)) throw error;
        const seconds = error.details.retryAfterSeconds ?? USUAL_DELAY_SECONDS;
        await sleep(seconds * 1000, undefined, { signal });
      }
    }
  }
}
