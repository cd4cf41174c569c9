import { LocalRedis } from './local.js';
import type { RedisServer } from './redis-server.js';

/** An empty Redis with AOF, synced at every write, and without eviction: as the documentation asks for. */
export function startRedis(): Promise<RedisServer> {
  return LocalRedis.start();
}
