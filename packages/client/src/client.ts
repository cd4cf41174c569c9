import type { BatchRequest, BatchState, RunRequest, RunResult, RunState } from '@sandpiper/contracts';
import { ApiError, ConnectionError } from './errors.js';
import { feedFrom, type FollowOptions, RunStream } from './run-stream.js';

export interface ClientOptions {
  /** Milliseconds that a request may take beyond the wait that it asks for. */
  readonly timeoutMs?: number;
  /** Sent with every request, where the server wants one. */
  readonly apiKey?: string | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface WaitOptions extends CallOptions {
  /** Called after each answer, for a progress bar. */
  readonly onProgress?: (batch: BatchState) => void;
  /** Longest time between two calls of it, seconds. */
  readonly progressSeconds?: number;
}

/** What the server waits at most in one request, seconds; longer waits are several requests. */
const SERVER_WAIT_SECONDS = 30;
const DEFAULT_TIMEOUT_MS = 60_000;

interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: object;
  readonly waitSeconds?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The HTTP API of a scheduler. Every method rejects with {@link ApiError} when the server refuses, with
 * {@link ConnectionError} when there is no answer, and with the signal's reason when the caller aborts.
 */
export class SandpiperClient {
  readonly server: string;
  private readonly timeoutMs: number;
  private readonly apiKey: string | null;

  /** @param server e.g. `http://127.0.0.1:8080` */
  constructor(server: string, options: ClientOptions = {}) {
    if (!/^https?:\/\/[^/]/.test(server) || !URL.canParse(server)) {
      throw new TypeError(`${server}: not an http:// or https:// URL`);
    }
    this.server = server.replace(/\/+$/, '');
    this.timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.apiKey = options.apiKey ?? null;
  }

  /** @returns the id of the run. Safe to repeat when the request has an idempotency key. */
  async submitRun(request: RunRequest, options: CallOptions = {}): Promise<string> {
    const { id } = await this.call<{ id: string }>({
      method: 'POST',
      path: '/v1/runs',
      body: request,
      ...options,
    });
    return id;
  }

  /** @param options.waitSeconds answers sooner when the run ends; 0, the default, answers at once. */
  getRun(id: string, options: CallOptions & { readonly waitSeconds?: number } = {}): Promise<RunState> {
    const { waitSeconds, signal } = options;
    const path = `/v1/runs/${encodeURIComponent(id)}${query({ wait: waitSeconds })}`;
    return this.call({ method: 'GET', path, waitSeconds, signal });
  }

  /** Waits as long as it takes. */
  async waitRun(id: string, options: CallOptions = {}): Promise<RunResult> {
    for (;;) {
      const run = await this.getRun(id, { ...options, waitSeconds: SERVER_WAIT_SECONDS });
      if (run.result !== null) return run.result;
      if (run.state === 'done') throw new ApiError(404, 'not-found', 'the result has expired', null, null);
    }
  }

  /** @returns the state afterwards; a running run is not over yet. */
  cancelRun(id: string, options: CallOptions = {}): Promise<RunState> {
    return this.call({ method: 'DELETE', path: `/v1/runs/${encodeURIComponent(id)}`, ...options });
  }

  /** Follows a run while it runs; see {@link RunStream} for how to feed it as well. */
  followRun(id: string, options: FollowOptions = {}): RunStream {
    return new RunStream({ server: this.server, apiKey: this.apiKey, id }, options);
  }

  /** Follows a live run and feeds it from a stream, as the program asks. */
  feedRun(id: string, source: AsyncIterable<Uint8Array>, options: FollowOptions = {}): RunStream {
    const stream = this.followRun(id, { ...options, feed: true });
    // What cannot be read any more has come to its end.
    feedFrom(stream, source).catch(() => stream.end());
    return stream;
  }

  async submitBatch(request: BatchRequest, options: CallOptions = {}): Promise<string> {
    const { id } = await this.call<{ id: string }>({
      method: 'POST',
      path: '/v1/batches',
      body: request,
      ...options,
    });
    return id;
  }

  /** @param options.results false leaves the results out: progress of a big batch is small then. */
  getBatch(
    id: string,
    options: CallOptions & { readonly waitSeconds?: number; readonly results?: boolean } = {},
  ): Promise<BatchState> {
    const { waitSeconds, results, signal } = options;
    const path = `/v1/batches/${encodeURIComponent(id)}${query({ wait: waitSeconds, results })}`;
    return this.call({ method: 'GET', path, waitSeconds, signal });
  }

  /** Waits for every run, as long as it takes, and answers with the results. */
  async waitBatch(id: string, options: WaitOptions = {}): Promise<BatchState> {
    const { signal, onProgress, progressSeconds = 1 } = options;
    const waitSeconds = onProgress === undefined ? SERVER_WAIT_SECONDS : progressSeconds;
    const call = signal === undefined ? {} : { signal };
    for (;;) {
      const batch = await this.getBatch(id, { ...call, waitSeconds, results: false });
      onProgress?.(batch);
      if (batch.state === 'done') return this.getBatch(id, call);
    }
  }

  cancelBatch(id: string, options: CallOptions = {}): Promise<BatchState> {
    return this.call({ method: 'DELETE', path: `/v1/batches/${encodeURIComponent(id)}`, ...options });
  }

  /** Resolves when the server is there and has its Redis. */
  async health(options: CallOptions = {}): Promise<void> {
    await this.call({ method: 'GET', path: '/readyz', ...options });
  }

  private async call<T>(call: Call): Promise<T> {
    const deadline = AbortSignal.timeout(this.timeoutMs + (call.waitSeconds ?? 0) * 1000);
    const signal = call.signal === undefined ? deadline : AbortSignal.any([deadline, call.signal]);
    const headers: Record<string, string> = {};
    const init: RequestInit = { method: call.method, signal, headers };
    if (this.apiKey !== null) headers['Authorization'] = `Bearer ${this.apiKey}`;
    if (call.body !== undefined) {
      init.body = JSON.stringify(call.body);
      headers['Content-Type'] = 'application/json';
    }
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.server + call.path, init);
      text = await response.text();
    } catch (error) {
      call.signal?.throwIfAborted();
      throw new ConnectionError(this.server, error);
    }
    const body = parse(text);
    if (!response.ok) throw toApiError(response, body);
    if (body === undefined) {
      throw new ApiError(
        response.status,
        'bad-answer',
        `${this.server} is not a Sandpiper server`,
        null,
        null,
      );
    }
    return body as T;
  }
}

function query(parameters: Record<string, number | boolean | undefined>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return given.length === 0 ? '' : `?${given.map(([name, value]) => `${name}=${String(value)}`).join('&')}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Servers in between answer in shapes of their own; those become `http-STATUS`. */
function toApiError(response: Response, body: unknown): ApiError {
  const retryAfter = Number(response.headers.get('Retry-After') ?? Number.NaN);
  const retryAfterSeconds = Number.isFinite(retryAfter) ? retryAfter : null;
  const error = (body as { error?: { code?: unknown; message?: unknown; path?: unknown } } | null | undefined)
    ?.error;
  if (typeof error?.code !== 'string' || typeof error.message !== 'string') {
    const message = `the server answered ${response.status} ${response.statusText}`.trim();
    return new ApiError(response.status, `http-${response.status}`, message, null, retryAfterSeconds);
  }
  const path = typeof error.path === 'string' ? error.path : null;
  return new ApiError(response.status, error.code, error.message, path, retryAfterSeconds);
}
