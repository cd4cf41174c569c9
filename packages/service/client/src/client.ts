import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  ApiKey,
  BatchRequest,
  BatchState,
  BatchSummary,
  DeadLetters,
  DeadLetterSummary,
  KeyRequest,
  NewKey,
  NodeView,
  RunRequest,
  RunResult,
  RunState,
  Tenant,
  TenantSettings,
} from '@sandpiper/contracts';
import { ApiError, ConnectionError } from './errors.js';
import { feedFrom, type FollowOptions, RunStream } from './run-stream.js';
import { type ClientOptions, query, Transport } from './transport.js';

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface WaitOptions extends CallOptions {
  /** Called after each answer, for a progress bar. */
  readonly onProgress?: (batch: BatchSummary) => void;
  /** Longest time between two calls of it, seconds. */
  readonly progressSeconds?: number;
}

/** A run of a batch that has ended. */
export interface EndedRun {
  /** How many had ended with it. */
  readonly position: number;
  /** Its place in the batch. */
  readonly index: number;
  readonly run: RunState;
}

/** What the server waits at most in one request, seconds; longer waits are several requests. */
const SERVER_WAIT_SECONDS = 30;

/** A stream shows a sign of life every 15 seconds. */
const SILENT_MS = 45_000;

/**
 * How often a stream that broke off is taken up again before the error is the caller's, and how long before
 * each.
 */
const FOLLOW_TRIES = 5;
const FOLLOW_PAUSE_MS = 500;

/**
 * How often a submission of unknown outcome is sent before the error is the caller's, and how long before the
 * second.
 */
const SUBMIT_TRIES = 4;
const SUBMIT_PAUSE_MS = 500;

const DEAD_LETTERS_AT_ONCE = 500;

/**
 * The HTTP API of a scheduler. Every method rejects with {@link ApiError} when the server refuses, with
 * {@link ConnectionError} when there is no answer, and with the signal's reason when the caller aborts.
 */
export class SandpiperClient {
  private readonly transport: Transport;

  /** @param server e.g. `http://127.0.0.1:8080` */
  constructor(server: string, options: ClientOptions = {}) {
    this.transport = new Transport(server, options);
  }

  get server(): string {
    return this.transport.server;
  }

  /**
   * Sent with an idempotency key, the request's or one of its own, and again with it while nobody knows
   * whether it was accepted. To repeat it beyond that, give the request a key.
   * @returns the id of the run
   */
  async submitRun(request: RunRequest, options: CallOptions = {}): Promise<string> {
    const headers = keyHeader(request.idempotencyKey);
    const call = { method: 'POST', path: '/v1/runs', body: request, headers, ...options } as const;
    return (await untilKnown(() => this.transport.call<{ id: string }>(call), options.signal)).id;
  }

  /** @param options.waitSeconds answers sooner when the run ends; 0, the default, answers at once. */
  getRun(id: string, options: CallOptions & { readonly waitSeconds?: number } = {}): Promise<RunState> {
    const { waitSeconds, signal } = options;
    const path = `/v1/runs/${encodeURIComponent(id)}${query({ wait: waitSeconds })}`;
    return this.transport.call({ method: 'GET', path, waitSeconds, signal });
  }

  /** Waits as long as it takes. */
  async waitRun(id: string, options: CallOptions = {}): Promise<RunResult> {
    for (;;) {
      const run = await this.getRun(id, { ...options, waitSeconds: SERVER_WAIT_SECONDS });
      if (run.result !== null) return run.result;
      if (run.state === 'done') throw new ApiError(404, 'not-found', 'the result has expired', null, null);
    }
  }

  /**
   * @returns the state afterwards; a running run is not over yet. A key that may only submit is told no more.
   */
  cancelRun(
    id: string,
    options: CallOptions = {},
  ): Promise<Pick<RunState, 'id' | 'state'> & Partial<RunState>> {
    return this.transport.call({
      method: 'DELETE',
      path: `/v1/runs/${encodeURIComponent(id)}`,
      ...options,
    });
  }

  /**
   * Removes a run with its result, its streams and its idempotency key; one that has not ended is cancelled.
   * It is unknown from then on: a second call rejects with 404.
   * @returns false when it still runs and leaves as soon as it has ended
   */
  purgeRun(id: string, options: CallOptions = {}): Promise<boolean> {
    return this.purge(`/v1/runs/${encodeURIComponent(id)}`, options);
  }

  /** Follows a run while it runs; see {@link RunStream} for how to feed it as well. */
  followRun(id: string, options: FollowOptions = {}): RunStream {
    return new RunStream({ transport: this.transport, id }, options);
  }

  /** Follows a live run and feeds it from a stream, as the program asks. */
  feedRun(id: string, source: AsyncIterable<Uint8Array>, options: FollowOptions = {}): RunStream {
    const stream = this.followRun(id, { ...options, feed: true });
    // What cannot be read any more has come to its end.
    feedFrom(stream, source).catch(() => stream.end());
    return stream;
  }

  /** As {@link submitRun}. */
  async submitBatch(request: BatchRequest, options: CallOptions = {}): Promise<string> {
    const headers = keyHeader(request.idempotencyKey);
    const call = { method: 'POST', path: '/v1/batches', body: request, headers, ...options } as const;
    return (await untilKnown(() => this.transport.call<{ id: string }>(call), options.signal)).id;
  }

  /**
   * Sends runs as they are made; neither side holds all of them. All or none are accepted. Runs in an array
   * are sent again with the same key while nobody knows whether they were accepted.
   * @param options.idempotencyKey makes it safe to repeat with the same runs; without one it has one of its
   *   own.
   */
  async streamBatch(
    runs: AsyncIterable<RunRequest> | Iterable<RunRequest>,
    options: CallOptions & { readonly idempotencyKey?: string; readonly name?: string } = {},
  ): Promise<string> {
    const { signal, idempotencyKey, name } = options;
    const headers = { 'Idempotency-Key': idempotencyKey ?? randomUUID() };
    const path = `/v1/batches/stream${query({ name })}`;
    const call = { method: 'POST', path, headers, signal } as const;
    const lines = async function* (): AsyncGenerator<string> {
      for await (const run of runs) yield `${JSON.stringify(run)}\n`;
    };
    const send = () => this.transport.upload<{ id: string }>(call, 'application/x-ndjson', lines());
    return (await (Array.isArray(runs) ? untilKnown(send, signal) : send())).id;
  }

  /** @param options.results false leaves the results out: progress of a big batch is small then. */
  getBatch(
    id: string,
    options: CallOptions & { readonly waitSeconds?: number; readonly results?: boolean } = {},
  ): Promise<BatchState> {
    const { waitSeconds, results, signal } = options;
    const path = `${batchPath(id)}${query({ wait: waitSeconds, results })}`;
    return this.transport.call({ method: 'GET', path, waitSeconds, signal });
  }

  /** How many runs have ended, and how. */
  getBatchSummary(
    id: string,
    options: CallOptions & { readonly waitSeconds?: number } = {},
  ): Promise<BatchSummary> {
    const { waitSeconds, signal } = options;
    const path = `${batchPath(id)}/summary${query({ wait: waitSeconds })}`;
    return this.transport.call({ method: 'GET', path, waitSeconds, signal });
  }

  /** Waits for every run, as long as it takes, and answers with the results. */
  async waitBatch(id: string, options: WaitOptions = {}): Promise<BatchState> {
    const { signal, onProgress, progressSeconds = 1 } = options;
    const waitSeconds = onProgress === undefined ? SERVER_WAIT_SECONDS : progressSeconds;
    const call = signal === undefined ? {} : { signal };
    for (;;) {
      const batch = await this.getBatchSummary(id, { ...call, waitSeconds });
      onProgress?.(batch);
      if (batch.state === 'done') return this.getBatch(id, call);
    }
  }

  /**
   * The runs of a batch in the order in which they end, until the last. A stream that breaks off is taken up
   * again.
   * @param options.from how many the caller has already
   */
  async *followBatch(
    id: string,
    options: CallOptions & { readonly from?: number } = {},
  ): AsyncGenerator<EndedRun> {
    const { signal } = options;
    let position = options.from ?? 0;
    let failures = 0;
    for (;;) {
      const path = `${batchPath(id)}/results${query({ from: position })}`;
      try {
        for await (const line of this.transport.lines({ method: 'GET', path, signal }, SILENT_MS)) {
          const ended = JSON.parse(line) as EndedRun;
          position = ended.position;
          failures = 0;
          yield ended;
        }
        // A server that stops ends its streams too.
        const { total } = await this.getBatchSummary(id, options);
        if (position >= total) return;
      } catch (error) {
        failures += 1;
        if (!isPassing(error) || failures >= FOLLOW_TRIES) throw error;
      }
      await pause(FOLLOW_PAUSE_MS * failures, signal);
    }
  }

  /** @returns the state afterwards; a key that may only submit is told no more. */
  cancelBatch(
    id: string,
    options: CallOptions = {},
  ): Promise<Pick<BatchState, 'id' | 'state'> & Partial<BatchState>> {
    return this.transport.call({ method: 'DELETE', path: batchPath(id), ...options });
  }

  /** Removes a batch with all of its runs, as {@link purgeRun} does. */
  purgeBatch(id: string, options: CallOptions = {}): Promise<boolean> {
    return this.purge(batchPath(id), options);
  }

  async listNodes(options: CallOptions = {}): Promise<NodeView[]> {
    const call = { method: 'GET', path: '/v1/nodes', ...options } as const;
    return (await this.transport.call<{ nodes: NodeView[] }>(call)).nodes;
  }

  async listTenants(options: CallOptions = {}): Promise<Tenant[]> {
    const call = { method: 'GET', path: '/v1/tenants', ...options } as const;
    return (await this.transport.call<{ tenants: Tenant[] }>(call)).tenants;
  }

  setTenant(name: string, settings: Partial<TenantSettings>, options: CallOptions = {}): Promise<Tenant> {
    const path = `/v1/tenants/${encodeURIComponent(name)}`;
    return this.transport.call({ method: 'PUT', path, body: settings, ...options });
  }

  async listKeys(options: CallOptions = {}): Promise<ApiKey[]> {
    const call = { method: 'GET', path: '/v1/keys', ...options } as const;
    return (await this.transport.call<{ keys: ApiKey[] }>(call)).keys;
  }

  /** The answer holds the key itself, for the only time. */
  createKey(request: Partial<KeyRequest>, options: CallOptions = {}): Promise<NewKey> {
    return this.transport.call({ method: 'POST', path: '/v1/keys', body: request, ...options });
  }

  revokeKey(id: string, options: CallOptions = {}): Promise<void> {
    return this.transport.call({
      method: 'DELETE',
      path: `/v1/keys/${encodeURIComponent(id)}`,
      ...options,
    });
  }

  /** Of the caller's tenant, the latest first; of all for an admin's key. */
  async listDeadLetters(options: CallOptions = {}): Promise<DeadLetterSummary[]> {
    const all: DeadLetterSummary[] = [];
    let after: string | undefined;
    do {
      const path = `/v1/dead-letters${query({ limit: DEAD_LETTERS_AT_ONCE, after })}`;
      const page: DeadLetters = await this.transport.call({ method: 'GET', path, ...options });
      all.push(...page.deadLetters);
      after = page.next;
    } while (after !== undefined);
    return all;
  }

  /** @returns the id of the new run. */
  async requeueDeadLetter(id: string, options: CallOptions = {}): Promise<string> {
    const path = `/v1/dead-letters/${encodeURIComponent(id)}/requeue`;
    return (await this.transport.call<{ id: string }>({ method: 'POST', path, ...options })).id;
  }

  private async purge(path: string, options: CallOptions): Promise<boolean> {
    const call = { method: 'DELETE', path: `${path}${query({ purge: true })}`, ...options } as const;
    const left = await this.transport.call<{ id: string } | undefined>(call);
    return left === undefined;
  }

  /** Resolves when the server is there and has its Redis. */
  async health(options: CallOptions = {}): Promise<void> {
    await this.transport.call({ method: 'GET', path: '/readyz', ...options });
  }
}

/** A key in the body is as good as one in the header. */
const keyHeader = (own: string | undefined): Record<string, string> =>
  own === undefined ? { 'Idempotency-Key': randomUUID() } : {};

/** Nobody knows what came of it: the connection broke, or the store of the server did not answer. */
const isUnknown = (error: unknown): boolean =>
  (error instanceof ConnectionError && error.mayHaveArrived) ||
  (error instanceof ApiError && error.code === 'unknown-outcome');

/** Sends a submission, which has an idempotency key, again while nobody knows what came of it. */
async function untilKnown<T>(send: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await send();
    } catch (error) {
      if (!isUnknown(error) || tries >= SUBMIT_TRIES) throw error;
    }
    await pause(SUBMIT_PAUSE_MS * 2 ** (tries - 1), signal);
  }
}

const batchPath = (id: string): string => `/v1/batches/${encodeURIComponent(id)}`;

/** Whether it may be otherwise in a moment. */
const isPassing = (error: unknown): boolean =>
  error instanceof ConnectionError || (error instanceof ApiError && error.status >= 500);

/** Rejects with the signal's reason. */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => signal?.throwIfAborted());
}
