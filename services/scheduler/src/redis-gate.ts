import { NewerSchemaError, type RedisConnection } from '@sandpiper/store';
import type { Logger } from '@sandpiper/telemetry';
import { Problem } from './problems.js';

/** Errors of a Redis that is there but cannot serve: full, loading, failing over, unable to persist. */
const UNFIT = /^(OOM|LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|NOREPLICAS|MISCONF|BUSY|TRYAGAIN|UNKILLABLE)\b/;

/** What the client of ioredis says of a command that it has not sent. */
const UNSENT = /isn't writeable and enableOfflineQueue|isn't ready and enableOfflineQueue/;

const UNAVAILABLE = 'the store is not available, nothing was accepted; try again';
const UNREAD = 'the store is not available; try again';
const UNKNOWN =
  'the store did not answer, and the request may have been accepted: ask again, with the same Idempotency-Key where it ' +
  'was a submission';
const LATER = { retryAfterSeconds: 2 };

/**
 * Runs what needs Redis, or answers 503 soon: at once when the connection is down, after the command timeout
 * when Redis hangs. The connection must be a fail-fast one.
 */
export class RedisGate {
  constructor(
    private readonly redis: RedisConnection,
    private readonly log: Logger,
  ) {}

  get up(): boolean {
    return this.redis.status === 'ready';
  }

  /** For what only reads. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    return this.attempt(work, () => new Problem('store-unavailable', UNREAD, LATER));
  }

  /** For what changes something: a command that was sent and not answered may have been carried out. */
  async change<T>(work: () => Promise<T>): Promise<T> {
    return this.attempt(work, (error) =>
      error === null || isRefusal(error)
        ? new Problem('store-unavailable', UNAVAILABLE, LATER)
        : new Problem('unknown-outcome', UNKNOWN, LATER),
    );
  }

  /** @param problem of an error; null: nothing was begun */
  private async attempt<T>(work: () => Promise<T>, problem: (error: Error | null) => Problem): Promise<T> {
    if (!this.up) throw problem(null);
    try {
      return await work();
    } catch (error) {
      if (error instanceof NewerSchemaError) throw new Problem('newer-version', error.message);
      if (error instanceof Problem || !isUnavailability(error)) throw error;
      this.log.warn({ reason: error.message }, 'Redis did not serve');
      throw problem(error);
    }
  }
}

/**
 * Redis has refused it, or it was never sent. Of several commands in a row the earlier ones change nothing by
 * themselves.
 */
const isRefusal = (error: Error): boolean => error.name === 'ReplyError' || UNSENT.test(error.message);

function isUnavailability(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  if (error.name === 'ReplyError') return UNFIT.test(error.message);
  return !(error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError);
}
