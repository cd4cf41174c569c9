import { NewerSchemaError, type RedisConnection } from '@sandpiper/store';
import type { Logger } from '@sandpiper/telemetry';
import { ApiProblem } from '../problems.js';

/** Errors of a Redis that is reachable but cannot serve: full, loading, failing over, unable to persist. */
const UNFIT = /^(OOM|LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|NOREPLICAS|MISCONF|BUSY|TRYAGAIN|UNKILLABLE)\b/;

/** Errors of ioredis for a command that was not sent. */
const UNSENT = /isn't writeable and enableOfflineQueue|isn't ready and enableOfflineQueue/;

const UNAVAILABLE = 'the store is unavailable; nothing was accepted; try again';
const UNREAD = 'the store is unavailable; try again';
const UNKNOWN =
  'the store did not answer, so the request may have been accepted: try again, for a submission with the same ' +
  'Idempotency-Key';
const LATER = { retryAfterSeconds: 2 };

/**
 * Runs work that needs Redis, and fails fast with 503: at once when the connection is down, after the command
 * timeout when Redis hangs. Needs a fail-fast connection.
 */
export class RedisGate {
  constructor(
    private readonly redis: RedisConnection,
    private readonly log: Logger,
  ) {}

  get up(): boolean {
    return this.redis.status === 'ready';
  }

  /** For reads. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    return this.attempt(work, () => new ApiProblem('store-unavailable', UNREAD, LATER));
  }

  /** For changes: a command that was sent and not answered may have been executed. */
  async change<T>(work: () => Promise<T>): Promise<T> {
    return this.attempt(work, (error) =>
      error === null || isRefusal(error)
        ? new ApiProblem('store-unavailable', UNAVAILABLE, LATER)
        : new ApiProblem('unknown-outcome', UNKNOWN, LATER),
    );
  }

  /** @param problem makes the problem for an error; null: no command was sent */
  private async attempt<T>(work: () => Promise<T>, problem: (error: Error | null) => ApiProblem): Promise<T> {
    if (!this.up) throw problem(null);
    try {
      return await work();
    } catch (error) {
      if (error instanceof NewerSchemaError) throw new ApiProblem('newer-version', error.message);
      if (error instanceof ApiProblem || !isUnavailability(error)) throw error;
      this.log.warn({ reason: error.message }, 'Redis is unavailable');
      throw problem(error);
    }
  }
}

/**
 * Redis has refused the command, or it was never sent. In a sequence of commands the earlier ones change
 * nothing by themselves.
 */
const isRefusal = (error: Error): boolean => error.name === 'ReplyError' || UNSENT.test(error.message);

function isUnavailability(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  if (error.name === 'ReplyError') return UNFIT.test(error.message);
  return !(error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError);
}
