import { errorCode, firstLine } from '@sandpiper/contracts';

/** The server answered, and refused. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    /** HTTP status. */
    readonly status: number,
    /** Stable code of the API, e.g. `invalid-request`; `http-STATUS` where the answer was not the API's. */
    readonly code: string,
    message: string,
    /** The wrong field, e.g. `runs.3.limits.cpuMs`. */
    readonly path: string | null,
    /** From Retry-After. */
    readonly retryAfterSeconds: number | null,
  ) {
    super(path === null ? message : `${path}: ${message}`);
  }
}

/**
 * No answer: no server listens there, or the connection broke. The message is one line that names the server.
 */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';

  /** False when the server certainly got nothing of the request. */
  readonly mayHaveArrived: boolean;

  constructor(server: string, cause: unknown) {
    super(`${server}: ${explain(cause)}`, { cause });
    this.mayHaveArrived = !codesOf(cause).some((code) => NEVER_SENT.has(code));
  }
}

/** Codes of errors that happen before a byte of the request is sent. */
const NEVER_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function codesOf(cause: unknown): string[] {
  const codes: string[] = [];
  for (let error = cause; error instanceof Error && codes.length < 5; error = error.cause) {
    codes.push(errorCode(error) ?? '');
  }
  return codes;
}

const EXPLANATIONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused: no Sandpiper server listens there',
  ENOTFOUND: 'unknown host name',
  EAI_AGAIN: 'the host name lookup failed; try again later',
  ECONNRESET: 'the server closed the connection',
  UND_ERR_SOCKET: 'the server closed the connection',
  ETIMEDOUT: 'the server does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'the server does not answer',
  UND_ERR_HEADERS_TIMEOUT: 'the server does not answer',
};

/** fetch reports only "fetch failed"; the reason is in the chain of causes. */
function explain(cause: unknown): string {
  for (
    let error: unknown = cause, depth = 0;
    error instanceof Error && depth < 5;
    error = error.cause, depth += 1
  ) {
    if (error.name === 'TimeoutError') return 'the server does not answer';
    const code = errorCode(error);
    const explanation = code === undefined ? undefined : EXPLANATIONS[code];
    if (explanation !== undefined) return explanation;
    if (error.cause === undefined) return firstLine(error.message);
  }
  return 'the request failed';
}
