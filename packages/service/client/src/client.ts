import { randomUUID } from 'node:crypto';
import {
  type ApiKey,
  backOff,
  type BatchRequest,
  type BatchState,
  type BatchSummary,
  type DeadLetters,
  type DeadLetterSummary,
  type EndedRun,
  type KeyRequest,
  type NewKey,
  type NodeView,
  type RunRequest,
  type RunResult,
  type RunState,
  type Runtimes,
  type Tenant,
  type TenantSettings,
} from '@sandpiper/contracts';
import { ApiError, ConnectionError } from './errors.js';
import { ProblemsClient } from './problems.js';
import { feedFrom, type FollowOptions, RunStream } from './run-stream.js';
import { SubmissionsClient } from './submissions.js';
import { keyHeader, pause, untilKnown } from './until-known.js';
import { type CallOptions, type ClientOptions, query, HttpTransport } from './transport.js';

export interface WaitOptions extends CallOptions {
  /** Called after each answer, for a progress bar. */
  readonly onProgress?: (batch: BatchSummary) => void;
  /** Longest time between two calls of `onProgress`, seconds. */
  readonly progressSeconds?: number;
}

/** Longest wait of the server in one request, seconds; longer waits take several requests. */
const SERVER_WAIT_SECONDS = 30;

/** The server sends a keep-alive every 15 seconds. */
const SILENT_MS = 45_000;

/** How often a broken stream is resumed before the error is thrown, and the delays in between. */
const FOLLOW_TRIES = 5;
const FOLLOW_BACK_OFF = { firstMs: 500, maxMs: 2_000 };

const DEAD_LETTERS_AT_ONCE = 500;

/**
 * The HTTP API of a scheduler. Every method rejects with {@link ApiError} when the server refuses, with
 * {@link ConnectionError} when there is no answer, and with the signal's reason when the caller aborts.
 */
export class SandpiperClient {
  /** Problem packages that the service judges by. */
  readonly problems: ProblemsClient;
  /** Programs that the service judges. */
  readonly submissions: SubmissionsClient;
  private readonly transport: HttpTransport;

  /** @param server e.g. `http://127.0.0.1:8080` */
  constructor(server: string, options: ClientOptions = {}) {
    this.transport = new HttpTransport(server, options);
    this.problems = new ProblemsClient(this.transport);
    this.submissions = new SubmissionsClient(this.transport);
  }

  get server(): string {
    return this.transport.server;
  }

  /**
   * Sends the run with an idempotency key (the request's, or a new one) and retries with that key while the
   * outcome is unknown. To repeat it later, give the request a key.
   * @returns the id of the run
   */
  async submitRun(request: RunRequest, options: CallOptions = {}): Promise<string> {
    const headers = keyHeader(request.idempotencyKey);
    const call = { method: 'POST', path: '/v1/runs', body: request, headers, ...options } as const;
    return (await untilKnown(() => this.transport.call<{ id: string }>(call), options.signal)).id;
  }

  /** @param options.waitSeconds longest wait for the end of the run; 0, the default, answers at once. */
  getRun(id: string, options: CallOptions & { readonly waitSeconds?: number } = {}): Promise<RunState> {
    const { waitSeconds, signal } = options;
    const path = `/v1/runs/${encodeURIComponent(id)}${query({ wait: waitSeconds })}`;
    return this.transport.call({ method: 'GET', path, waitSeconds, signal });
  }

  /** Waits until the run has ended. */
  async waitRun(id: string, options: CallOptions = {}): Promise<RunResult> {
    for (;;) {
      const run = await this.getRun(id, { ...options, waitSeconds: SERVER_WAIT_SECONDS });
      if (run.result !== null) return run.result;
      if (run.state === 'done') throw new ApiError(404, 'not-found', 'the result has expired', null, null);
    }
  }

  /**
   * @returns the state afterwards; a running run takes a moment to end. A submit-only key gets only the
   *   state.
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
   * Removes a run with its result, its streams and its idempotency key; a run that has not ended is
   * cancelled. The run is unknown from then on: a second call rejects with 404.
   * @returns false when it still runs; it is removed when it ends
   */
  purgeRun(id: string, options: CallOptions = {}): Promise<boolean> {
    return this.purge(`/v1/runs/${encodeURIComponent(id)}`, options);
  }

  /** Follows a run while it runs; {@link RunStream} can also feed it. */
  followRun(id: string, options: FollowOptions = {}): RunStream {
    return new RunStream({ transport: this.transport, id }, options);
  }

  /** Follows a live run and feeds it from a stream, on demand of the program. */
  feedRun(id: string, source: AsyncIterable<Uint8Array>, options: FollowOptions = {}): RunStream {
    const stream = this.followRun(id, { ...options, feed: true });
    // A source that fails counts as ended.
    feedFrom(stream, source).catch(() => stream.end());
    return stream;
  }

  /** Like {@link submitRun}. */
  async submitBatch(request: BatchRequest, options: CallOptions = {}): Promise<string> {
    const headers = keyHeader(request.idempotencyKey);
    const call = { method: 'POST', path: '/v1/batches', body: request, headers, ...options } as const;
    return (await untilKnown(() => this.transport.call<{ id: string }>(call), options.signal)).id;
  }

  /**
   * Streams runs to the server; neither side holds all of them. Either all are accepted or none. Runs in an
   * array are sent again with the same key while the outcome is unknown.
   * @param options.idempotencyKey makes it safe to repeat with the same runs; the default is a new key.
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

  /** @param options.results false omits the results, which keeps the progress of a big batch small. */
  getBatch(
    id: string,
    options: CallOptions & { readonly waitSeconds?: number; readonly results?: boolean } = {},
  ): Promise<BatchState> {
    const { waitSeconds, results, signal } = options;
    const path = `${batchPath(id)}${query({ wait: waitSeconds, results })}`;
    return this.transport.call({ method: 'GET', path, waitSeconds, signal });
  }

  /** Counts the ended runs by status. */
  getBatchSummary(
    id: string,
    options: CallOptions & { readonly waitSeconds?: number } = {},
  ): Promise<BatchSummary> {
    const { waitSeconds, signal } = options;
    const path = `${batchPath(id)}/summary${query({ wait: waitSeconds })}`;
    return this.transport.call({ method: 'GET', path, waitSeconds, signal });
  }

  /** Waits until all runs have ended, and returns the results. */
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
   * The runs of a batch in the order in which they end, until the last. A broken stream is resumed.
   * @param options.from number of runs that the caller already has
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
        // A server that stops also ends its streams.
        const { total } = await this.getBatchSummary(id, options);
        if (position >= total) return;
      } catch (error) {
        failures += 1;
        if (!isPassing(error) || failures >= FOLLOW_TRIES) throw error;
      }
      if (failures > 0) await pause(backOff(failures, FOLLOW_BACK_OFF), signal);
    }
  }

  /** @returns the state afterwards; a submit-only key gets only the state. */
  cancelBatch(
    id: string,
    options: CallOptions = {},
  ): Promise<Pick<BatchState, 'id' | 'state'> & Partial<BatchState>> {
    return this.transport.call({ method: 'DELETE', path: batchPath(id), ...options });
  }

  /** Removes a batch with all of its runs, like {@link purgeRun}. */
  purgeBatch(id: string, options: CallOptions = {}): Promise<boolean> {
    return this.purge(batchPath(id), options);
  }

  /** The runtimes that a run may name; the first is that of runs that name none. */
  async listRuntimes(options: CallOptions = {}): Promise<Runtimes['runtimes']> {
    const { runtimes } = await this.transport.call<Runtimes>({
      method: 'GET',
      path: '/v1/runtimes',
      ...options,
    });
    return runtimes;
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

  /** Only this answer contains the key itself. */
  createKey(request: Partial<KeyRequest>, options: CallOptions = {}): Promise<NewKey> {
    return this.transport.call({ method: 'POST', path: '/v1/keys', body: request, ...options });
  }

  /**
   * Lets a node take no more runs. @param drain also hands back the runs that have not ended after its grace period
   */
  cordonNode(name: string, drain = false, options: CallOptions = {}): Promise<void> {
    const path = `/v1/nodes/${encodeURIComponent(name)}/cordon`;
    return this.transport.call({ method: 'PUT', path, body: { drain }, ...options });
  }

  uncordonNode(name: string, options: CallOptions = {}): Promise<void> {
    return this.transport.call({
      method: 'DELETE',
      path: `/v1/nodes/${encodeURIComponent(name)}/cordon`,
      ...options,
    });
  }

  revokeKey(id: string, options: CallOptions = {}): Promise<void> {
    return this.transport.call({
      method: 'DELETE',
      path: `/v1/keys/${encodeURIComponent(id)}`,
      ...options,
    });
  }

  /** The dead letters of the caller's tenant, or of all tenants for an admin key, the latest first. */
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

  /** Resolves when the server is up and connected to Redis. */
  async health(options: CallOptions = {}): Promise<void> {
    await this.transport.call({ method: 'GET', path: '/readyz', ...options });
  }
}

const batchPath = (id: string): string => `/v1/batches/${encodeURIComponent(id)}`;

/** Whether the error may be temporary. */
const isPassing = (error: unknown): boolean =>
  error instanceof ConnectionError || (error instanceof ApiError && error.status >= 500);
