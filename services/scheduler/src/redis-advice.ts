import { evictionPolicy, type RedisConnection } from '@sandpiper/store';
import type { Logger } from '@sandpiper/telemetry';

/**
 * Says once, when Redis is there, that it is set up to lose runs. It says nothing of servers that may not be
 * asked. Redis going away meanwhile is not its affair: it looks again when that is back.
 */
export function adviseOnRedis(redis: RedisConnection, log: Logger): void {
  const look = (): void => {
    evictionPolicy(redis).then(
      (policy) => {
        redis.off('ready', look);
        if (policy === null || policy === 'noeviction') return;
        log.warn(
          { policy },
          'Redis drops runs when it is full: its maxmemory-policy must be noeviction (docs/redis.md)',
        );
      },
      () => undefined,
    );
  };
  redis.on('ready', look);
  if (redis.status === 'ready') look();
}
