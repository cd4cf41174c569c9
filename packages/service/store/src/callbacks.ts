import type { JobsOptions } from 'bullmq';
import type { RedisConnection } from './connection.js';
import { KEYS, runKey } from './keys.js';
import { throwFirstError } from './pipelines.js';
import { Script } from './script.js';
import { SETTLE_CALLBACK } from './scripts/retention.js';

/**
 * Leases what is due, the longest due first. Time is Redis's, as in the script that puts runs there, so that
 * no clocks need agree. KEYS: callbacks. ARGV: lease in milliseconds, how many at most. Returns ids.
 */
const TAKE_CALLBACKS = new Script(
  'sandpiperTakeCallbacks',
  1,
  `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now), 'LIMIT', 0, ARGV[2])
for _, id in ipairs(ids) do redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[1]), id) end
return ids
`,
);

/** Where the end of a run is to be told. */
export interface CallbackTarget {
  readonly tenant: string;
  readonly url: string;
  /** W3C trace context of the run, or ''. */
  readonly trace: string;
}

/**
 * Runs that have ended and whose callback no queue has yet. The script that ends a run puts it here in the
 * same step, so none is forgotten; whoever takes one holds it for the time of a lease and says so when the
 * queue has it. Between the two anybody may die: it is taken again then.
 */
export class CallbackOutbox {
  constructor(private readonly redis: RedisConnection) {}

  /** @param leaseMs so long they are the caller's; @param most how many to take at most */
  async take(leaseMs: number, most: number): Promise<string[]> {
    return (await TAKE_CALLBACKS.run(this.redis, KEYS.callbacks, leaseMs, most)) as string[];
  }

  /** The queue has them. */
  async handedOver(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.redis.zrem(KEYS.callbacks, ...ids);
  }

  /** It was sent, or given up: the run is kept no longer than others now. */
  async settled(id: string): Promise<void> {
    await SETTLE_CALLBACK.run(this.redis, runKey(id), id);
  }

  /** How many wait here. */
  count(): Promise<number> {
    return this.redis.zcard(KEYS.callbacks);
  }

  /** Of each run; null for one that is not kept any more, or has no callback. */
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
 * A delivered one is remembered so long that a lease of the outbox which ran out meanwhile finds it, seconds.
 */
const KEEP_DELIVERED_SECONDS = 10 * 60;
/** Those that were given up can be looked at, and tried again, for a week. */
const KEEP_GIVEN_UP_SECONDS = 7 * 24 * 60 * 60;
const KEEP_AT_MOST = 10_000;

/**
 * The id of the job is the id of the run, which ends once: adding it twice adds it once. The worker has the
 * back-off.
 */
export function callbackJobOptions(id: string, attempts: number): JobsOptions {
  return {
    jobId: id,
    attempts,
    backoff: { type: 'callback' },
    removeOnComplete: { age: KEEP_DELIVERED_SECONDS, count: KEEP_AT_MOST },
    removeOnFail: { age: KEEP_GIVEN_UP_SECONDS, count: KEEP_AT_MOST },
  };
}
