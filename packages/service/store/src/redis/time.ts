import type { RedisConnection } from './connection.js';

/**
 * The clock for all stored times, milliseconds since the epoch: clocks of nodes and schedulers need not
 * agree.
 */
export async function redisTime(redis: RedisConnection): Promise<number> {
  const [seconds, microseconds] = (await redis.time()) as unknown as [string, string];
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}
