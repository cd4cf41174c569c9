import { evictionPolicy, type RedisConnection } from '@sandpiper/store';
import type { Logger } from '@sandpiper/telemetry';

/**
 * Warns once when Redis is configured so that it may lose runs. Silent when the server does not allow the
 * query. After an outage of Redis it checks again.
 */
export function adviseOnRedis(redis: RedisConnection, log: Logger): void {
  const look = (): void => {
    evictionPolicy(redis).then(
      (policy) => {
        redis.off('ready', look);
        if (policy === null || policy === 'noeviction') return;
        log.warn(
          { policy },
          'Redis evicts runs when it is full: set its maxmemory-policy to noeviction (docs/redis.md)',
        );
      },
      () => undefined,
    );
  };
  redis.on('ready', look);
  if (redis.status === 'ready') look();
}
