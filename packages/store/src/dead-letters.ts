import type { DeadLetter, RunRequest, RunResult } from '@sandpiper/contracts';
import type { RedisConnection } from './connection.js';
import { KEYS, runKey } from './keys.js';
import { throwFirstError } from './pipelines.js';

/** A run on the list of the dead, with all that it takes to make it anew. */
export interface DeadRun extends DeadLetter {
  readonly request: RunRequest;
}

/** Runs that killed, or lost, what ran them too often. Their requests are kept as long as their results. */
export class DeadLetterStore {
  constructor(private readonly redis: RedisConnection) {}

  /** The latest first. @param most how many at most */
  async list(most: number): Promise<DeadRun[]> {
    const ids = await this.redis.zrevrange(KEYS.dead, 0, most - 1);
    const pipeline = this.redis.pipeline();
    for (const id of ids) pipeline.zscore(KEYS.dead, id).hmget(runKey(id), ...FIELDS);
    const replies = throwFirstError(await pipeline.exec());
    return ids.flatMap((id, i) => {
      const found = toDeadRun(id, replies[2 * i] as string | null, replies[2 * i + 1] as Fields);
      return found === null ? [] : [found];
    });
  }

  async get(id: string): Promise<DeadRun | null> {
    const [score, fields] = await Promise.all([
      this.redis.zscore(KEYS.dead, id),
      this.redis.hmget(runKey(id), ...FIELDS),
    ]);
    return toDeadRun(id, score, fields);
  }

  /** A new run was made of it. */
  async markRequeued(id: string, newId: string): Promise<void> {
    await this.redis.hset(runKey(id), 'requeued', newId);
  }

  /** Takes it off the list; its result stays. @returns false when it was not on it. */
  async dismiss(id: string): Promise<boolean> {
    const [removed] = throwFirstError(
      await this.redis.multi().zrem(KEYS.dead, id).hdel(runKey(id), 'request').exec(),
    );
    return removed === 1;
  }

  count(): Promise<number> {
    return this.redis.zcard(KEYS.dead);
  }
}

const FIELDS = ['tenant', 'request', 'result', 'requeued'] as const;
type Fields = (string | null)[];

/** Null for one that has left the list, or has expired. */
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
