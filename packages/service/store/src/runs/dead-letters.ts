import type { DeadLetter, DeadLetterSummary, RunRequest, RunResult } from '@sandpiper/contracts';
import type { RedisConnection } from '../redis/connection.js';
import { deadKey, KEYS, runKey } from '../keys.js';
import { throwFirstError } from '../redis/pipelines.js';
import { DISMISS_DEAD, MARK_REQUEUED } from '../scripts/retention.js';

/** A dead letter with all data to submit it again. */
export interface DeadRun extends DeadLetter {
  readonly request: RunRequest;
}

export interface DeadPage {
  readonly deadLetters: DeadLetterSummary[];
  /** The id after which the next page begins; null on the last page. */
  readonly next: string | null;
}

/** Runs that crashed or lost their worker too often. Their requests are kept as long as their results. */
export class DeadLetterStore {
  constructor(private readonly redis: RedisConnection) {}

  /**
   * A page of the list, the latest first, without requests and results.
   * @param tenant null for all tenants
   * @param after the last entry that the caller has seen; null for the beginning. An entry that has left the
   *   list ends the paging.
   */
  async list(tenant: string | null, after: string | null, most: number): Promise<DeadPage> {
    const key = tenant === null ? KEYS.dead : deadKey(tenant);
    const rank = after === null ? -1 : await this.redis.zrevrank(key, after);
    if (rank === null) return { deadLetters: [], next: null };
    const rows = await this.redis.zrevrange(key, rank + 1, rank + 1 + most, 'WITHSCORES');
    const found = rows.flatMap((id, i) => (i % 2 === 0 ? [{ id, diedAt: Number(rows[i + 1]) }] : []));
    const shown = found.slice(0, most);
    const pipeline = this.redis.pipeline();
    for (const { id } of shown) pipeline.hmget(runKey(id), 'tenant', 'message', 'requeued');
    const replies = throwFirstError(await pipeline.exec()) as (string | null)[][];
    const deadLetters = shown.map(({ id, diedAt }, i) => {
      const [owner, message, requeued] = replies[i] ?? [];
      return {
        id,
        tenant: owner ?? tenant ?? '',
        diedAt: new Date(diedAt).toISOString(),
        message: message ?? '',
        requeuedAs: requeued ?? null,
      };
    });
    return { deadLetters, next: found.length > most ? (shown.at(-1)?.id ?? null) : null };
  }

  async get(id: string): Promise<DeadRun | null> {
    const [score, fields] = await Promise.all([
      this.redis.zscore(KEYS.dead, id),
      this.redis.hmget(runKey(id), ...FIELDS),
    ]);
    return toDeadRun(id, score, fields);
  }

  /** @returns null for a run that is not a dead letter */
  async tenantOf(id: string): Promise<string | null> {
    const [tenant, dead] = await this.redis.hmget(runKey(id), 'tenant', 'dead');
    return dead ? (tenant ?? null) : null;
  }

  /** Records the id of the new run. */
  async markRequeued(id: string, newId: string): Promise<void> {
    await MARK_REQUEUED.run(this.redis, runKey(id), newId);
  }

  /** Removes it from the list; its result stays. @returns false when it was not on the list. */
  async dismiss(id: string): Promise<boolean> {
    return (await DISMISS_DEAD.run(this.redis, runKey(id), id)) === 1;
  }

  count(): Promise<number> {
    return this.redis.zcard(KEYS.dead);
  }
}

const FIELDS = ['tenant', 'request', 'result', 'requeued'] as const;
type Fields = (string | null)[];

/** Null for an entry that has left the list or is no longer stored. */
function toDeadRun(id: string, diedAt: string | null, fields: Fields): DeadRun | null {
  const [tenant, request, result, requeued] = fields;
  if (diedAt === null || !tenant || !request) return null;
  return {
    id,
    tenant,
    diedAt: new Date(Number(diedAt)).toISOString(),
    request: JSON.parse(request) as RunRequest,
    result: result ? (JSON.parse(result) as RunResult) : null,
    requeuedAs: requeued ?? null,
  };
}
