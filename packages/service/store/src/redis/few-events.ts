import type { RedisConnection } from './connection.js';
import type { Queue } from 'bullmq';

/** Redis drops events in blocks of a hundred (stream-node-max-entries), so there are a few more. */
const MOST_EVENTS = 100;

/**
 * Bounds the stream into which BullMQ writes several events for each job. Sandpiper has its own events and reads none of
 * these; BullMQ would keep ten thousand. Set again when Redis is back, which may have lost the setting.
 */
export function keepFewEvents(redis: RedisConnection, queue: Pick<Queue, 'toKey'>): void {
  const set = (): void => {
    // Redis went away: it is set after its return.
    redis.hset(queue.toKey('meta'), 'opts.maxLenEvents', MOST_EVENTS).catch(() => undefined);
  };
  redis.on('ready', set);
  if (redis.status === 'ready') set();
}
