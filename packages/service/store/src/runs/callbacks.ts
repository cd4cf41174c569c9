import type { JobsOptions } from 'bullmq';
import type { RedisConnection } from '../redis/connection.js';
import { KEYS, runKey } from '../keys.js';
import { throwFirstError } from '../redis/pipelines.js';
import { Script } from '../redis/script.js';
import { SETTLE_CALLBACK } from '../scripts/retention.js';

const TAKE_CALLBACKS = new Script('sandpiperTakeCallbacks', 1, 'retention/take-callbacks');

/** The destination of a callback. */
export interface CallbackTarget {
  readonly tenant: string;
  readonly url: string;
  /** W3C trace context of the run, or ''. */
  readonly trace: string;
}

/**
 * Ended runs whose callback is not yet in the queue. The script that ends a run adds it here in the same
 * step, so none is forgotten. A scheduler takes entries under a lease and confirms them when the queue has
 * them; if it dies in between, another takes them again.
 */
export class CallbackOutbox {
  constructor(private readonly redis: RedisConnection) {}

  /** @param leaseMs duration of the caller's lease; @param most maximum number to take */
  async take(leaseMs: number, most: number): Promise<string[]> {
    return (await TAKE_CALLBACKS.run(this.redis, KEYS.callbacks, leaseMs, most)) as string[];
  }

  /** Confirms that the queue has them. */
  async handedOver(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.redis.zrem(KEYS.callbacks, ...ids);
  }

  /** The callback was sent or given up: from now on the run is kept no longer than others. */
  async settled(id: string): Promise<void> {
    await SETTLE_CALLBACK.run(this.redis, runKey(id), id);
  }

  /** Number of waiting entries. */
  count(): Promise<number> {
    return this.redis.zcard(KEYS.callbacks);
  }

  /** The callback of each run; null for a run that is no longer stored or has none. */
  async targets(ids: readonly string[]): Promise<(CallbackTarget | null)[]> {
    const pipeline = this.redis.pipeline();
    for (const id of ids) pipeline.hmget(runKey(id), 'tenant', 'callback', 'trace');
    return throwFirstError(await pipeline.exec()).map((reply) => {
      const [tenant, url, trace] = reply as (string | null)[];
      return tenant && url ? { tenant, url, trace: trace ?? '' } : null;
    });
  }
}

export const CALLBACK_JOB_NAME = 'callback';

/**
 * How long a delivered callback is remembered, seconds: longer than a lease of the outbox, to prevent
 * duplicates.
 */
const KEEP_DELIVERED_SECONDS = 10 * 60;
/** Failed callbacks can be listed and retried for a week. */
const KEEP_GIVEN_UP_SECONDS = 7 * 24 * 60 * 60;
const KEEP_AT_MOST = 10_000;

/** The job id is the run id, so adding it twice adds it once. The worker computes the back-off. */
export function callbackJobOptions(id: string, attempts: number): JobsOptions {
  return {
    jobId: id,
    attempts,
    backoff: { type: 'callback' },
    removeOnComplete: { age: KEEP_DELIVERED_SECONDS, count: KEEP_AT_MOST },
    removeOnFail: { age: KEEP_GIVEN_UP_SECONDS, count: KEEP_AT_MOST },
  };
}
