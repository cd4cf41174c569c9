import type { DeadLetterSummary, NodeView, RunRequest, RunState } from '@sandpiper/contracts';
import { sleep } from './wait.js';

/** An answer that was not a success, or none at all (`status` 0). */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly retryAfter: number | null,
    /** From the request to the answer, milliseconds. */
    readonly afterMs: number,
  ) {
    super(status === 0 ? message : `${status}: ${message}`);
    this.name = 'Refusal';
  }
}

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly body?: string | ReadableStream<Uint8Array>;
  readonly type?: string;
  readonly key?: string;
  readonly timeoutMs?: number;
}

/** The HTTP API for a client that knows several schedulers, some of which may be dead. */
export class Api {
  private turn = 0;

  constructor(
    private readonly targets: () => readonly string[],
    /** An API key, where the schedulers ask for one. */
    private readonly token: string | null = null,
  ) {}

  as(token: string): Api {
    return new Api(this.targets, token);
  }

  /** @throws Refusal */
  async call<T>(path: string, call: ApiRequest = {}): Promise<T> {
    const begun = performance.now();
    const after = (): number => Math.round(performance.now() - begun);
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.target() + path, this.init(call));
      text = await response.text();
    } catch (error) {
      const { message, cause } = error as Error;
      throw new Refusal(0, cause instanceof Error ? cause.message : message, null, after());
    }
    if (!response.ok) {
      const wait = response.headers.get('Retry-After');
      throw new Refusal(response.status, text.slice(0, 300), wait === null ? null : Number(wait), after());
    }
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  async submit(request: RunRequest, key: string, timeoutMs?: number): Promise<string> {
    const call: ApiRequest = { method: 'POST', body: JSON.stringify(request), type: 'application/json', key };
    return (
      await this.call<{ id: string }>('/v1/runs', timeoutMs === undefined ? call : { ...call, timeoutMs })
    ).id;
  }

  run(id: string, waitSeconds = 0): Promise<RunState> {
    const wait = waitSeconds === 0 ? '' : `?wait=${waitSeconds}`;
    return this.call(`/v1/runs/${id}${wait}`, { timeoutMs: 20_000 + 1000 * waitSeconds });
  }

  async nodes(): Promise<NodeView[]> {
    return (await this.call<{ nodes: NodeView[] }>('/v1/nodes')).nodes;
  }

  async deadLetters(): Promise<DeadLetterSummary[]> {
    return (await this.call<{ deadLetters: DeadLetterSummary[] }>('/v1/dead-letters')).deadLetters;
  }

  private target(): string {
    const targets = this.targets();
    const target = targets[this.turn++ % Math.max(1, targets.length)];
    if (target === undefined) throw new Error('no scheduler is running');
    return target;
  }

  private init({ method = 'GET', body, type, key, timeoutMs = 20_000 }: ApiRequest): RequestInit {
    const headers: Record<string, string> = {};
    if (type !== undefined) headers['Content-Type'] = type;
    if (key !== undefined) headers['Idempotency-Key'] = key;
    if (this.token !== null) headers['Authorization'] = `Bearer ${this.token}`;
    const init: RequestInit = { method, headers, signal: AbortSignal.timeout(timeoutMs) };
    if (body === undefined) return init;
    // A body that is a stream goes out while the answer is awaited
    // (https://fetch.spec.whatwg.org/#requestinit).
    return typeof body === 'string' ? { ...init, body } : { ...init, body, duplex: 'half' };
  }
}

const MAX_ATTEMPTS = 20;
const RETRY_MS = 500;

/** Submits again and again under its key, as a client does that got no answer, or 503. @throws Refusal at last */
export async function untilAccepted<T>(submit: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await submit();
    } catch (error) {
      const mayPass = error instanceof Refusal && (error.status === 0 || error.status === 503);
      if (!mayPass || attempt >= MAX_ATTEMPTS) throw error;
      await sleep(RETRY_MS);
    }
  }
}
