import { Redis } from 'ioredis';
import { ask } from './ask.js';
import type { RedisServer, RedisVariables } from './redis-server.js';

/**
 * An externally started server, given by TEST_REDIS_URL (any URL that ioredis accepts). It is emptied, so it
 * must have been empty; tests must not kill it.
 */
export class ExternalRedis implements RedisServer {
  readonly variables: RedisVariables;

  private constructor(readonly url: string) {
    this.variables = { SANDPIPER_REDIS_URL: url };
  }

  /** @throws Error when it is not empty. */
  static async start(url: string): Promise<ExternalRedis> {
    const redis = new ExternalRedis(url);
    const keys = await redis.admin((connection) => connection.dbsize());
    if (keys > 0) throw new Error(`TEST_REDIS_URL: ${keys} keys are there, and tests would delete them`);
    return redis;
  }

  freeze(): Promise<void> {
    return Promise.reject(notOurs());
  }

  kill(): Promise<void> {
    return Promise.reject(notOurs());
  }

  boot(): Promise<void> {
    return Promise.reject(notOurs());
  }

  async flush(): Promise<void> {
    await this.admin((redis) => redis.flushdb());
  }

  admin<T>(what: (redis: Redis) => Promise<T>): Promise<T> {
    return ask(new Redis(this.url, { maxRetriesPerRequest: 20 }), what);
  }

  stop(): Promise<void> {
    return this.flush();
  }
}

const notOurs = (): Error =>
  new Error('the server of TEST_REDIS_URL must not be killed: use startRedis({ own: true })');
