import { connectFailFast, type RedisConnection, type RedisTarget } from './connection.js';
import { batchKey, KEYS, runKey } from './keys.js';
import { throwFirstError } from './pipelines.js';
import { STAND } from './scripts/replicated.js';
import { integer } from './service-env.js';

/** Environment of every service that may wait for replicas (docs/redis.md). */
export const replicationEnvShape = {
  SANDPIPER_REDIS_WAIT_REPLICAS: integer(0, 10)
    .default(0)
    .describe(
      'how many replicas must have a submission before its 202, and a result before the queue is told; 0: none',
    ),
  SANDPIPER_REDIS_WAIT_MS: integer(10, 60_000)
    .default(1_000)
    .describe(
      'how long they are waited for; then the answer is 503 `unknown-outcome`, and a result stands with a warning',
    ),
} as const;

export interface ReplicationOptions {
  /** 0: nothing is waited for. */
  readonly replicas: number;
  readonly timeoutMs: number;
}

/** What has changed: a run or batch was taken in, or a run has ended. */
export type Change = 'run' | 'batch' | 'end';

/** Waits until replicas have what Redis has acknowledged. */
export interface Replication {
  readonly replicas: number;
  /** @returns true when so many replicas have the change; never rejects */
  reached(change: Change, id: string): Promise<boolean>;
  close(): void;
}

/** Redis's own word is enough. */
export const NO_REPLICATION: Replication = {
  replicas: 0,
  reached: () => Promise.resolve(true),
  close: () => undefined,
};

/** Above the time that WAIT itself may take: for the way there and back, milliseconds. */
const ANSWER_MS = 5_000;

/** Changes that are looked for in one step. */
const MAX_AT_ONCE = 500;

interface Pending {
  readonly key: string;
  readonly change: Change;
  readonly tell: (reached: boolean) => void;
}

export function replicationOf(
  target: RedisTarget,
  options: ReplicationOptions,
  onError: (error: Error) => void,
): Replication {
  if (options.replicas === 0) return NO_REPLICATION;
  const redis = connectFailFast(target, options.timeoutMs + ANSWER_MS);
  redis.on('error', onError);
  return new WaitingReplication(redis, options);
}

export const replicationOptions = (env: {
  readonly SANDPIPER_REDIS_WAIT_REPLICAS: number;
  readonly SANDPIPER_REDIS_WAIT_MS: number;
}): ReplicationOptions => ({
  replicas: env.SANDPIPER_REDIS_WAIT_REPLICAS,
  timeoutMs: env.SANDPIPER_REDIS_WAIT_MS,
});

/**
 * WAIT blocks the connection that sends it, so it has one of its own; and it speaks only of what its
 * connection has written, and says nothing of a master that was replaced meanwhile. Therefore it comes behind
 * a script that looks whether the change stands on this master and writes a mark. One WAIT is under way at a
 * time and serves all that came before it.
 */
class WaitingReplication implements Replication {
  private pending: Pending[] = [];
  private busy = false;

  constructor(
    private readonly redis: RedisConnection,
    private readonly options: ReplicationOptions,
  ) {}

  get replicas(): number {
    return this.options.replicas;
  }

  reached(change: Change, id: string): Promise<boolean> {
    return new Promise((tell) => {
      this.pending.push({ change, key: change === 'batch' ? batchKey(id) : runKey(id), tell });
      if (!this.busy) void this.serve();
    });
  }

  close(): void {
    this.redis.disconnect();
  }

  private async serve(): Promise<void> {
    this.busy = true;
    while (this.pending.length > 0) {
      const group = this.pending.splice(0, MAX_AT_ONCE);
      const reached = await this.look(group).catch(() => []);
      for (const [i, { tell }] of group.entries()) tell(reached[i] === 1);
    }
    this.busy = false;
  }

  /** @returns 1 for each change that enough replicas have */
  private async look(group: readonly Pending[]): Promise<readonly number[]> {
    const { replicas, timeoutMs } = this.options;
    // The script's key leads all of it to the node of our slot, on a cluster.
    const pipeline = this.redis.pipeline();
    STAND.queue(pipeline, KEYS.replicated, ...group.flatMap(({ key, change }) => [key, change]));
    pipeline.wait(replicas, timeoutMs);
    const [stand, have] = throwFirstError(await pipeline.exec()) as [number[], number];
    return have >= replicas ? stand : [];
  }
}
