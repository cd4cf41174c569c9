import type {
  SubmissionPhase,
  SubmissionRequest,
  Submissions,
  SubmissionState,
  SubmissionSummary,
} from '@sandpiper/contracts';
import { type CallOptions, type HttpTransport, query } from './transport.js';
import { keyHeader, untilKnown } from './until-known.js';

/** Longest wait of the server in one request, seconds. */
const SERVER_WAIT_SECONDS = 30;
const AT_ONCE = 100;

export interface JudgedOptions extends CallOptions {
  /** Called after each change. */
  readonly onProgress?: (submission: SubmissionSummary) => void;
}

/** Programs that are judged. Methods reject as those of the client do. */
export class SubmissionsClient {
  constructor(private readonly transport: HttpTransport) {}

  /** Sends it with an idempotency key, and again while the outcome is unknown. @returns its id */
  async submit(request: SubmissionRequest, options: CallOptions = {}): Promise<string> {
    const headers = keyHeader(request.idempotencyKey);
    const call = { method: 'POST', path: '/v1/submissions', body: request, headers, ...options } as const;
    return (await untilKnown(() => this.transport.call<{ id: string }>(call), options.signal)).id;
  }

  /**
   * @param options.waitSeconds longest wait for the verdict
   * @param options.cursor that of an earlier answer: the wait ends at any change since
   */
  get(
    id: string,
    options: CallOptions & { readonly waitSeconds?: number; readonly cursor?: number } = {},
  ): Promise<SubmissionState> {
    const { waitSeconds, cursor, signal } = options;
    const path = `${submissionPath(id)}${query({ wait: waitSeconds, cursor })}`;
    return this.transport.call({ method: 'GET', path, waitSeconds, signal });
  }

  /** Waits until it was judged or cancelled. */
  async judged(id: string, options: JudgedOptions = {}): Promise<SubmissionState> {
    const { onProgress, signal } = options;
    let cursor: number | undefined;
    for (;;) {
      const state = await this.get(id, {
        waitSeconds: SERVER_WAIT_SECONDS,
        ...(cursor === undefined || onProgress === undefined ? {} : { cursor }),
        ...(signal === undefined ? {} : { signal }),
      });
      if (state.cursor !== cursor) onProgress?.(state);
      if (state.state === 'done' || state.state === 'cancelled') return state;
      cursor = state.cursor;
    }
  }

  /** The latest first. @param options.problem only those for this problem */
  async *list(options: CallOptions & { readonly problem?: string } = {}): AsyncGenerator<SubmissionSummary> {
    const { problem, signal } = options;
    let after: string | undefined;
    do {
      const path = `/v1/submissions${query({ problem, limit: AT_ONCE, after })}`;
      const page: Submissions = await this.transport.call({ method: 'GET', path, signal });
      yield* page.submissions;
      after = page.next;
    } while (after !== undefined);
  }

  /** @returns its state afterwards; a submit-only key gets only the state */
  cancel(
    id: string,
    options: CallOptions = {},
  ): Promise<{ readonly id: string; readonly state: SubmissionPhase } & Partial<SubmissionState>> {
    return this.transport.call({ method: 'DELETE', path: submissionPath(id), ...options });
  }

  /** Removes it with its program and its verdicts. */
  purge(id: string, options: CallOptions = {}): Promise<void> {
    const path = `${submissionPath(id)}${query({ purge: true })}`;
    return this.transport.call({ method: 'DELETE', path, ...options });
  }

  /** @param options.version that of the problem to judge by; by default the latest */
  async rejudge(id: string, options: CallOptions & { readonly version?: string } = {}): Promise<void> {
    const { version, signal } = options;
    const path = `${submissionPath(id)}/rejudge${query({ version })}`;
    await this.transport.call({ method: 'POST', path, signal });
  }
}

const submissionPath = (id: string): string => `/v1/submissions/${encodeURIComponent(id)}`;
