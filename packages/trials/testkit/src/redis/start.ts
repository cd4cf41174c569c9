import { ContainerRedis } from './container.js';
import { ExternalRedis } from './external.js';
import { LocalRedis } from './local.js';
import type { RedisServer } from './redis-server.js';
import { findRedisSource, redisImage } from './source.js';

export interface TestRedisOptions {
  /** The test kills or freezes it: never the server of TEST_REDIS_URL, which is not ours. */
  readonly own?: boolean;
}

/**
 * An empty Redis with AOF, synced at every write, and without eviction, as the documentation requires. Its
 * source: TEST_REDIS_URL, else {@link findRedisSource}.
 */
export async function startRedis(options: TestRedisOptions = {}): Promise<RedisServer> {
  const url = process.env['TEST_REDIS_URL'];
  if (url && options.own !== true) return ExternalRedis.start(url);
  const { kind } = await findRedisSource();
  return kind === 'container' ? ContainerRedis.start(redisImage()) : LocalRedis.start();
}
