import type { KeepBounds } from './bounds.js';
import type { RedisConnection } from './connection.js';
import { ALL_TENANTS, batchKey, KEYS, LEFT_BEHIND, runKey } from './keys.js';
import { throwFirstError } from './pipelines.js';
import { PURGE_BATCH, PURGE_RUN, SWEEP } from './scripts/retention.js';

/** Tenants that a scrape shows at most, those with the most first. */
const SHOWN_TENANTS = 100;

/** `later`: something of it still runs; it is cancelled, and the rest leaves when it has ended. */
export type PurgeVerdict = 'gone' | 'later' | 'missing';

/** What the tenants have in Redis. */
export interface StoredFacts {
  readonly queuedBytes: number;
  readonly keptBytes: number;
  /** Ended runs and batches. */
  readonly kept: number;
  readonly tenants: readonly {
    readonly tenant: string;
    readonly queuedBytes: number;
    readonly keptBytes: number;
  }[];
  /** By why the sweep removed them, since this Redis began. */
  readonly removed: readonly { readonly reason: string; readonly count: number }[];
}

/** How what has ended leaves Redis: in time, for want of room, or because its owner says so. */
export class RetentionStore {
  constructor(private readonly redis: RedisConnection) {}

  /**
   * Removes what is above the bounds, a piece of it. Works while Redis is full.
   * @returns whether there is more to remove
   */
  async sweep(bounds: KeepBounds): Promise<boolean> {
    const { retentionSeconds, records, bytes, tenantRecords, tenantBytes } = bounds;
    const limits = [retentionSeconds * 1000, records, bytes, tenantRecords, tenantBytes];
    const [, more] = (await SWEEP.run(this.redis, KEYS.keeping, ...limits)) as [number, number];
    return more === 1;
  }

  /** Removes what an earlier version kept and this one does not: nothing else would. */
  async removeLeftBehind(): Promise<void> {
    await this.redis.unlink(...LEFT_BEHIND);
  }

  /**
   * Removes a run with its result, its streams and its idempotency key. One that has not ended is cancelled.
   */
  async purgeRun(id: string): Promise<PurgeVerdict> {
    return (await PURGE_RUN.run(this.redis, runKey(id), id)) as PurgeVerdict;
  }

  /**
   * Removes a batch with all of its runs. After the first step it is unknown, and {@link purging} names it.
   */
  async purgeBatch(id: string): Promise<PurgeVerdict> {
    for (;;) {
      const verdict = (await PURGE_BATCH.run(this.redis, batchKey(id), id)) as PurgeVerdict | 'more';
      if (verdict !== 'more') return verdict;
    }
  }

  /** Batches whose removal was begun before that time (milliseconds since the epoch) and is not over. */
  purging(before: number): Promise<string[]> {
    return this.redis.zrange(KEYS.purging, '-inf', before, 'BYSCORE', 'LIMIT', 0, 100);
  }

  /** It is gone already: nothing is left to go on with. */
  async forgetPurging(id: string): Promise<void> {
    await this.redis.zrem(KEYS.purging, id);
  }

  async facts(): Promise<StoredFacts> {
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
