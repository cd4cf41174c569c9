import { ApiError, ConnectionError } from './errors.js';

export interface ClientOptions {
  /** Time that a request may take beyond its requested wait, milliseconds. */
  readonly timeoutMs?: number;
  /** Sent as `Authorization: Bearer KEY`. */
  readonly apiKey?: string;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
}

const DEFAULT_TIMEOUT_MS = 60_000;

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  /** Requested wait of the server, seconds. */
  readonly waitSeconds?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Sends requests to one server, with its key, and interprets the answers. */
export class HttpTransport {
  readonly server: string;
  private readonly timeoutMs: number;
  private readonly apiKey: string | undefined;

  /** @throws TypeError for an invalid address */
  constructor(server: string, options: ClientOptions) {
    if (!/^https?:\/\/[^/]/.test(server) || !URL.canParse(server)) {
      throw new TypeError(`${server}: not an http:// or https:// URL`);
    }
    this.server = server.replace(/\/+$/, '');
    this.timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.apiKey = options.apiKey;
  }

  /** The authorization header, if there is a key. */
  get authorization(): Record<string, string> {
    return this.apiKey === undefined ? {} : { Authorization: `Bearer ${this.apiKey}` };
  }

  /** Sends a request with a JSON answer; undefined for an empty answer (204). */
  async call<T>(call: HttpRequest): Promise<T> {
    const stop = new Stop(call.signal);
    const late = setTimeout(
      () => stop.byTimeout('no answer'),
      this.timeoutMs + (call.waitSeconds ?? 0) * 1000,
    );
    const { signal } = stop;
    const json = call.body === undefined ? {} : { 'Content-Type': 'application/json' };
    const body = call.body === undefined ? {} : { body: JSON.stringify(call.body) };
    try {
      return await this.answered(call, async () => {
        const response = await this.fetch(call, { signal, headers: json, ...body });
        return this.parse(response, await response.text()) as T;
      });
    } finally {
      clearTimeout(late);
      stop.release();
    }
  }

  /** Sends streamed text. Its length is unknown, so only the caller's signal limits the time. */
  async upload<T>(call: HttpRequest, type: string, text: AsyncIterable<string>): Promise<T> {
    return this.answered(call, async () => {
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          const next = await iterator.next();
          if (next.done === true) controller.close();
          else controller.enqueue(encoder.encode(next.value));
        },
        async cancel() {
          await iterator.return?.();
        },
      });
      const encoder = new TextEncoder();
      const iterator = text[Symbol.asyncIterator]();
      const init: RequestInit & { duplex: 'half' } = {
        headers: { 'Content-Type': type },
        body,
        duplex: 'half',
        ...(call.signal === undefined ? {} : { signal: call.signal }),
      };
      const response = await this.fetch(call, init);
      return this.parse(response, await response.text()) as T;
    });
  }

  /** Sends bytes. Only the caller's signal limits the time. */
  async uploadBytes<T>(call: HttpRequest, type: string, bytes: Uint8Array<ArrayBuffer> | Blob): Promise<T> {
    return this.answered(call, async () => {
      const signal = call.signal === undefined ? {} : { signal: call.signal };
      const response = await this.fetch(call, { headers: { 'Content-Type': type }, body: bytes, ...signal });
      return this.parse(response, await response.text()) as T;
    });
  }

  /**
   * The lines of an answer as they arrive, without empty ones.
   * @param silentMs longest silence before the connection counts as dead; keep-alives come more often.
   */
  async *lines(call: HttpRequest, silentMs: number): AsyncGenerator<string> {
    const stop = new Stop(call.signal);
    const { signal } = stop;
    const silent = setTimeout(() => stop.byTimeout('no answer from the server'), silentMs);
    try {
      const response = await this.answered(call, () => this.fetch(call, { signal }));
      if (!response.ok) this.parse(response, await this.answered(call, () => response.text()));
      const reader = (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader();
      // Node 20 leaves the stream of an answer open for ever that is aborted when its end has come but was not read.
      signal.addEventListener('abort', () => void reader.cancel().catch(() => undefined));
      let rest = '';
      for (;;) {
        const { done, value } = await this.answered(call, async () => {
          const part = await reader.read();
          signal.throwIfAborted();
          return part;
        });
        if (done) return;
        silent.refresh();
        const lines = (rest + value).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) if (line !== '') yield line;
      }
    } finally {
      clearTimeout(silent);
      stop.release();
      stop.byTimeout('the reader has left');
    }
  }

  private fetch(call: HttpRequest, init: RequestInit): Promise<Response> {
    const given = init.headers as Record<string, string> | undefined;
    const headers = { ...given, ...this.authorization, ...call.headers };
    return fetch(this.server + call.path, { ...init, method: call.method, headers });
  }

  /** A missing answer is a ConnectionError, unless the caller has aborted. */
  private async answered<T>(call: HttpRequest, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ApiError) throw error;
      call.signal?.throwIfAborted();
      throw new ConnectionError(this.server, error);
    }
  }

  /** The JSON of a successful answer. */
  private parse(response: Response, text: string): unknown {
    if (response.status === 204) return undefined;
    const body = parseJson(text);
    if (!response.ok) throw toApiError(response, body);
    if (body !== undefined) return body;
    const message = `${this.server} is not a Sandpiper server`;
    throw new ApiError(response.status, 'bad-answer', message, null, null);
  }
}

/**
 * Aborts one request, by its deadline or by the caller's signal. The signal may live as long as the process,
 * so its listener is removed when the request is over; `AbortSignal.any` would leak a reference per request
 * (Node 20).
 */
class Stop {
  private readonly controller = new AbortController();
  private readonly follow = (): void => this.controller.abort(this.caller?.reason);

  constructor(private readonly caller: AbortSignal | undefined) {
    if (caller?.aborted === true) this.follow();
    else caller?.addEventListener('abort', this.follow);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  byTimeout(why: string): void {
    this.controller.abort(new DOMException(why, 'TimeoutError'));
  }

  release(): void {
    this.caller?.removeEventListener('abort', this.follow);
  }
}

export function query(parameters: Record<string, string | number | boolean | undefined>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  if (given.length === 0) return '';
  return `?${given.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&')}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Proxies answer in other shapes; those become `http-STATUS`. */
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
