import type { Redis } from 'ioredis';

/** Variables of a service that is to use a server of the testkit: what docs/redis.md says of them. */
export interface RedisVariables {
  readonly SANDPIPER_REDIS_URL: string;
  readonly SANDPIPER_REDIS_USERNAME?: string;
  readonly SANDPIPER_REDIS_PASSWORD_FILE?: string;
  readonly SANDPIPER_REDIS_SENTINEL_USERNAME?: string;
  readonly SANDPIPER_REDIS_SENTINEL_PASSWORD_FILE?: string;
  readonly SANDPIPER_REDIS_CA?: string;
  readonly SANDPIPER_REDIS_CERT?: string;
  readonly SANDPIPER_REDIS_KEY?: string;
}

/** A Redis that belongs to one test file, with handles to hurt it. */
export interface RedisServer {
  /** What `SANDPIPER_REDIS_URL` takes; stays the same over {@link kill} and {@link boot}. */
  readonly url: string;
  /** Everything that it takes to connect; more than the URL where there are users or certificates. */
  readonly variables: RedisVariables;
  /** It holds its connections and answers nothing, until {@link kill}. */
  freeze(): Promise<void>;
  /** As a power cut of the process: no goodbye, nothing written that was not written yet. */
  kill(): Promise<void>;
  /** After {@link kill}: the same server, with the data that it had synced (every write is). */
  boot(): Promise<void>;
  /** Empties it. */
  flush(): Promise<void>;
  /** Asks it something as an administrator, who may do more than the users of the variables. */
  admin<T>(ask: (redis: Redis) => Promise<T>): Promise<T>;
  /** Ends it. @throws Error when something was tried that docs/redis.md does not allow the services. */
  stop(): Promise<void>;
}
