import { Redis, type RedisOptions } from 'ioredis';
import { z } from 'zod';

/** Where Redis is: a URL (`redis://`, `rediss://`) or the path of a Unix socket. */
export const redisLocationSchema = z
  .string()
  .min(1)
  .refine(
    (value) => value.startsWith('/') || /^rediss?:\/\/[^/]/.test(value),
    'must be a redis:// or rediss:// URL or the absolute path of a Unix socket',
  );

/** Environment of every service that talks to Redis. */
export const redisEnvShape = {
  SANDPIPER_REDIS_URL: redisLocationSchema.default('redis://127.0.0.1:6379'),
} as const;

/** Reconnects for ever: quickly at first, then once in two seconds. */
const retryStrategy = (times: number): number => Math.min(50 * 2 ** Math.min(times, 6), 2_000);

function connect(location: string, options: RedisOptions): Redis {
  const common: RedisOptions = { retryStrategy, connectTimeout: 5_000, ...options };
  return location.startsWith('/') ? new Redis({ ...common, path: location }) : new Redis(location, common);
}

/**
 * For callers that must answer soon: a command fails at once while Redis is away, and after `commandTimeoutMs` when
 * it hangs. The caller owns the connection and must listen to `error`.
 */
export function connectFailFast(location: string, commandTimeoutMs = 5_000): Redis {
  return connect(location, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandTimeoutMs,
  });
}

/** For consumers: commands wait until Redis is back. BullMQ's workers insist on it. */
export function connectPatient(location: string): Redis {
  return connect(location, { maxRetriesPerRequest: null });
}
