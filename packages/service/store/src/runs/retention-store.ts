import type { KeepBounds } from '../bounds.js';
import type { RedisConnection } from '../redis/connection.js';
import { ALL_TENANTS, batchKey, KEYS, LEFT_BEHIND, runKey } from '../keys.js';
import { throwFirstError } from '../redis/pipelines.js';
import { redisTime } from '../redis/time.js';
import { PURGE_BATCH, PURGE_RUN, SWEEP } from '../scripts/retention.js';

/** Maximum number of tenants in a scrape, those with the most bytes first. */
const SHOWN_TENANTS = 100;

/** `later`: a part still runs; it is cancelled, and the rest is removed when it has ended. */
export type PurgeOutcome = 'gone' | 'later' | 'missing';

/** Usage of Redis by tenant. */
export interface StorageUsage {
  readonly queuedBytes: number;
  readonly keptBytes: number;
  /** Number of ended runs and batches. */
  readonly kept: number;
  readonly tenants: readonly {
    readonly tenant: string;
    readonly queuedBytes: number;
    readonly keptBytes: number;
  }[];
  /** Records removed by the sweep, by reason, since this Redis began. */
  readonly removed: readonly { readonly reason: string; readonly count: number }[];
}

/** Removes ended records from Redis: by age, for lack of room, or on request of the owner. */
export class RetentionStore {
  constructor(private readonly redis: RedisConnection) {}

  /**
   * Removes some of the records above the bounds. Works while Redis is full.
   * @returns whether there is more to remove
   */
  async sweep(bounds: KeepBounds): Promise<boolean> {
    const { retentionSeconds, records, bytes, tenantRecords, tenantBytes } = bounds;
    const limits = [retentionSeconds * 1000, records, bytes, tenantRecords, tenantBytes];
    const [, more] = (await SWEEP.run(this.redis, KEYS.keeping, ...limits)) as [number, number];
    return more === 1;
  }

  /** Removes keys of earlier versions, which nothing else would. */
  async removeLeftBehind(): Promise<void> {
    await this.redis.unlink(...LEFT_BEHIND);
  }

  /** Removes a run with its result, its streams and its idempotency key. An unfinished run is cancelled. */
  async purgeRun(id: string): Promise<PurgeOutcome> {
    return (await PURGE_RUN.run(this.redis, runKey(id), id)) as PurgeOutcome;
  }

  /**
   * Removes a batch with all of its runs. After the first step it is unknown, and {@link purging} lists it.
   */
  async purgeBatch(id: string): Promise<PurgeOutcome> {
    for (;;) {
      const outcome = (await PURGE_BATCH.run(this.redis, batchKey(id), id)) as PurgeOutcome | 'more';
      if (outcome !== 'more') return outcome;
    }
  }

  /** Ids of batches whose removal began longer ago than the given time and is unfinished. */
  async purging(olderThanMs: number): Promise<string[]> {
    const before = (await redisTime(this.redis)) - olderThanMs;
    return this.redis.zrange(KEYS.purging, '-inf', before, 'BYSCORE', 'LIMIT', 0, 100);
  }

  /** Forgets a removal that has already finished. */
  async forgetPurging(id: string): Promise<void> {
    await this.redis.zrem(KEYS.purging, id);
  }

  async facts(): Promise<StorageUsage> {
    const pipeline = this.redis.pipeline();
    for (const key of [KEYS.queuedBytes, KEYS.keptBytes, KEYS.removed]) pipeline.hgetall(key);
    pipeline.hget(KEYS.kept, ALL_TENANTS);
    const replies = throwFirstError(await pipeline.exec());
    const [queued, kept, removed] = replies as Record<string, string>[];
    const bytesOf = (counts: Record<string, string> | undefined, name: string): number =>
      Number(counts?.[name] ?? 0);
    const names = new Set([...Object.keys(queued ?? {}), ...Object.keys(kept ?? {})]);
    names.delete(ALL_TENANTS);
    const tenants = [...names]
      .map((tenant) => ({
        tenant,
        queuedBytes: bytesOf(queued, tenant),
        keptBytes: bytesOf(kept, tenant),
      }))
      .sort((a, b) => b.queuedBytes + b.keptBytes - a.queuedBytes - a.keptBytes)
      .slice(0, SHOWN_TENANTS);
    return {
      queuedBytes: bytesOf(queued, ALL_TENANTS),
      keptBytes: bytesOf(kept, ALL_TENANTS),
      kept: Number(replies[3] ?? 0),
      tenants,
      removed: Object.entries(removed ?? {}).map(([reason, count]) => ({ reason, count: Number(count) })),
    };
  }
}
