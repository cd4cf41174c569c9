import type { RunResult } from '@sandpiper/contracts';
import type { ResultReader, RunHead, ShortRun } from '@sandpiper/store';
import type { ByteBudget } from './byte-budget.js';
import { ApiProblem } from '../problems.js';
import type { RedisGate } from '../redis/redis-gate.js';

const MIB = 1024 * 1024;

/** Budget for results being sent to clients; a client that does not read uses only its tenant's share. */
export const REPLIES_IN_FLIGHT = { all: 128 * MIB, perTenant: 32 * MIB } as const;

/** Bytes read in one step, or one larger result. */
const SLICE_BYTES = 4 * MIB;
const SLICE_RUNS = 250;

/** A result up to this size is read together with the state of its run. */
const SHORT_BYTES = 16 * 1024;

/** Size of a run beside its result. */
const RUN_BYTES = 256;

/** A parsed result is held three times: as bytes, as text, and as a value. */
const TIMES_PARSED = 3;

/** How long an answer waits for room, milliseconds. */
const PATIENCE_MS = 30_000;

/** Results that were read together. Their holder calls `release` when they have left this process. */
export interface Slice<T> {
  readonly runs: readonly { readonly head: T; readonly result: Buffer | null }[];
  readonly bytes: number;
  release(): void;
}

const weightOf = (heads: readonly { readonly bytes: number }[]): number =>
  heads.reduce((sum, { bytes }) => sum + bytes + RUN_BYTES, 0);

/** Results for clients: read in slices of bytes, no faster than the clients read. */
export class Replies {
  constructor(
    private readonly reader: ResultReader,
    private readonly budget: ByteBudget,
    private readonly gate: RedisGate,
  ) {}

  /** A run, with its result if that is short. */
  run(id: string): Promise<ShortRun | null> {
    return this.gate.run(() => this.reader.run(id, SHORT_BYTES));
  }

  heads(ids: readonly string[]): Promise<(RunHead | null)[]> {
    return this.gate.run(() => this.reader.heads(ids));
  }

  /** Splits runs into steps that may be read at once. */
  *steps<T extends { readonly bytes: number }>(heads: readonly T[]): Generator<readonly T[]> {
    let step: T[] = [];
    let bytes = 0;
    for (const head of heads) {
      const next = bytes + head.bytes + RUN_BYTES;
      if (step.length > 0 && (next > SLICE_BYTES || step.length >= SLICE_RUNS)) {
        yield step;
        step = [];
        bytes = 0;
      }
      step.push(head);
      bytes += head.bytes + RUN_BYTES;
    }
    if (step.length > 0) yield step;
  }

  /**
   * Reads one step when there is room for it.
   * @returns null when there was no room in time, or the client has left
   */
  async slice<T extends RunHead>(
    tenant: string,
    step: readonly T[],
    signal: AbortSignal,
    ms: number,
  ): Promise<Slice<T> | null> {
    const bytes = weightOf(step);
    const lease = await this.budget.take(tenant, bytes, signal, ms);
    if (lease === null) return null;
    try {
      const results = await this.gate.run(() =>
        this.reader.results(
          step.map(({ id }) => id),
          bytes,
        ),
      );
      const runs = step.map((head, i) => ({ head, result: results[i] ?? null }));
      return { runs, bytes, release: () => lease.release() };
    } catch (error) {
      lease.release();
      throw error;
    }
  }

  /** The same for an answer with a deadline. @throws ApiProblem when there is no room in time */
  async sliceSoon<T extends RunHead>(
    tenant: string,
    step: readonly T[],
    signal: AbortSignal,
  ): Promise<Slice<T>> {
    const slice = await this.slice(tenant, step, signal, PATIENCE_MS);
    if (slice !== null) return slice;
    throw tooMuchInFlight();
  }

  /**
   * The parsed result of a run. Its holder calls `release`.
   * @returns null where there is none; @throws ApiProblem when there is no room in time
   */
  async whole(
    id: string,
    tenant: string,
    signal: AbortSignal,
  ): Promise<{ readonly result: RunResult; release(): void } | null> {
    const run = await this.run(id);
    if (run === null || run.bytes === 0) return null;
    const lease = await this.budget.take(tenant, TIMES_PARSED * run.bytes, signal, PATIENCE_MS);
    if (lease === null) throw tooMuchInFlight();
    try {
      const text = run.result ?? (await this.gate.run(() => this.reader.results([id], run.bytes)))[0];
      if (text !== null && text !== undefined) {
        const result = JSON.parse(text.toString()) as RunResult;
        return { result, release: () => lease.release() };
      }
    } catch (error) {
      lease.release();
      throw error;
    }
    lease.release();
    return null;
  }
}

const tooMuchInFlight = (): ApiProblem =>
  new ApiProblem('too-much-in-flight', 'too many large results are being fetched; try again later', {
    retryAfterSeconds: 5,
  });
