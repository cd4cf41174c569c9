import type { Redis } from 'ioredis';

/** Environment variables of a service that uses a server of the testkit, as docs/redis.md describes them. */
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

/** A Redis that belongs to one test file, with methods to disturb it. */
export interface RedisServer {
  /** A value for `SANDPIPER_REDIS_URL`; unchanged by {@link kill} and {@link boot}. */
  readonly url: string;
  /** Everything needed to connect; more than the URL where there are users or certificates. */
  readonly variables: RedisVariables;
  /** It keeps its connections but answers nothing, until {@link kill}. */
  freeze(): Promise<void>;
  /** Like a power cut of the process: no goodbye, nothing further written. */
  kill(): Promise<void>;
  /** After {@link kill}: the same server, with its synced data (every write is synced). */
  boot(): Promise<void>;
  /** Empties it. */
  flush(): Promise<void>;
  /** Sends a command as an administrator, who may do more than the users of the variables. */
  admin<T>(ask: (redis: Redis) => Promise<T>): Promise<T>;
  /** Ends it. @throws Error when a client tried something that docs/redis.md does not allow the services. */
  stop(): Promise<void>;
}
