import { NewerSchemaError, type RedisConnection } from '@sandpiper/store';
import type { Logger } from '@sandpiper/telemetry';
import { Problem } from './problems.js';

/** Errors of a Redis that is there but cannot serve: full, loading, failing over, unable to persist. */
const UNFIT = /^(OOM|LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|NOREPLICAS|MISCONF|BUSY|TRYAGAIN|UNKILLABLE)\b/;

const UNAVAILABLE = 'the store is not available, nothing was accepted; try again';
const RETRY_AFTER_SECONDS = 2;

/**
 * Runs what needs Redis, or answers 503 soon: at once when the connection is down, after the command timeout when
 * Redis hangs. The connection must be a fail-fast one.
 */
export class RedisGate {
  constructor(
    private readonly redis: RedisConnection,
    private readonly log: Logger,
  ) {}

  get up(): boolean {
    return this.redis.status === 'ready';
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (!this.up) throw unavailable();
    try {
      return await work();
    } catch (error) {
      if (error instanceof NewerSchemaError) throw new Problem('newer-version', error.message);
      if (error instanceof Problem || !isUnavailability(error)) throw error;
      this.log.warn(
        { reason: error instanceof Error ? error.message : String(error) },
        'Redis did not serve',
      );
      throw unavailable();
    }
  }
}

function isUnavailability(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.name === 'ReplyError') return UNFIT.test(error.message);
  return !(error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError);
}

const unavailable = (): Problem =>
  new Problem('store-unavailable', UNAVAILABLE, { retryAfterSeconds: RETRY_AFTER_SECONDS });
