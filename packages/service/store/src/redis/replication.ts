import { connectFailFast, type RedisConnection, type RedisTarget } from './connection.js';
import { batchKey, KEYS, runKey, submissionRedisKey } from '../keys.js';
import { throwFirstError } from './pipelines.js';
import { STAND } from '../scripts/replicated.js';
import { integer } from '../service-env.js';

/** Environment of every service that may wait for replicas (docs/redis.md). */
export const replicationEnvShape = {
  SANDPIPER_REDIS_WAIT_REPLICAS: integer(0, 10)
    .default(0)
    .describe(
      'how many replicas must acknowledge a submission before its 202, and a result before its job completes',
    ),
  SANDPIPER_REDIS_WAIT_MS: integer(10, 60_000)
    .default(1_000)
    .describe(
      'how long to wait for replicas; after it a submission gets 503 `unknown-outcome`, and a result is kept with a warning',
    ),
} as const;

export interface ReplicationOptions {
  /** 0: do not wait. */
  readonly replicas: number;
  readonly timeoutMs: number;
}

/** The kind of change: a run, batch or submission was admitted, or a run has ended. */
export type Change = 'run' | 'batch' | 'submission' | 'end';

/** Waits until replicas have a change that Redis has acknowledged. */
export interface Replication {
  readonly replicas: number;
  /** @returns true when enough replicas have the change; never rejects */
  reached(change: Change, id: string): Promise<boolean>;
  close(): void;
}

/** For a service that needs no replicas. */
export const NO_REPLICATION: Replication = {
  replicas: 0,
  reached: () => Promise.resolve(true),
  close: () => undefined,
};

/** Added to the timeout of WAIT for the round trip, milliseconds. */
const ANSWER_MS = 5_000;

/** Number of changes checked in one step. */
const MAX_AT_ONCE = 500;

interface Pending {
  readonly key: string;
  readonly change: Change;
  readonly tell: (reached: boolean) => void;
}

const KEY_OF: Readonly<Record<Change, (id: string) => string>> = {
  run: runKey,
  batch: batchKey,
  submission: submissionRedisKey,
  end: runKey,
};

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
 * WAIT blocks its connection, so it uses a dedicated one. It covers only writes of that connection, and does
 * not notice that the master was replaced. Therefore a script runs first on the connection: it checks that
 * the change is on this master, and writes a mark. One WAIT is in flight at a time and serves all earlier
 * requests.
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
      this.pending.push({ change, key: KEY_OF[change](id), tell });
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

  /** @returns for each change 1 when enough replicas have it */
  private async look(group: readonly Pending[]): Promise<readonly number[]> {
    const { replicas, timeoutMs } = this.options;
    // On a cluster the script's key routes the whole pipeline to the node of our slot.
    const pipeline = this.redis.pipeline();
    STAND.queue(pipeline, KEYS.replicated, ...group.flatMap(({ key, change }) => [key, change]));
    pipeline.wait(replicas, timeoutMs);
    const [stand, have] = throwFirstError(await pipeline.exec()) as [number[], number];
    return have >= replicas ? stand : [];
  }
}
