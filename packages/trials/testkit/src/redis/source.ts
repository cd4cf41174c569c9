import { engineAnswers } from '../container-engine.js';
import { ContainerRedis } from './container.js';

/**
 * The source of servers that tests start themselves: containers where an engine answers and has the image,
 * else the local redis-server. TEST_REDIS_SOURCE (`container` or `local`) forces one.
 */
export interface RedisSource {
  readonly kind: 'container' | 'local';
  /** A human-readable reason. */
  readonly why: string;
}

export const redisImage = (): string => process.env['TEST_REDIS_IMAGE'] ?? 'redis:7-bookworm';

let found: Promise<RedisSource> | null = null;

/** Determined once per process. */
export function findRedisSource(): Promise<RedisSource> {
  found ??= look();
  return found;
}

async function look(): Promise<RedisSource> {
  const wanted = process.env['TEST_REDIS_SOURCE'];
  if (wanted === 'local') return local('TEST_REDIS_SOURCE');
  if (wanted === 'container') return container();
  if (wanted) throw new Error('TEST_REDIS_SOURCE must be container or local');
  if (!(await engineAnswers())) return local('no container engine answers');
  const refusal = await reasonAgainstContainers();
  return refusal === null ? container() : local(refusal);
}

const local = (why: string): RedisSource => ({
  kind: 'local',
  why: `redis-server of this machine (${why})`,
});

const container = (): RedisSource => ({
  kind: 'container',
  why: `containers of the image ${redisImage()}, by testcontainers`,
});

/**
 * Starts one, as an engine that answers may lack the image and be unable to fetch it. @returns null if it
 * works
 */
async function reasonAgainstContainers(): Promise<string | null> {
  try {
    await (await ContainerRedis.start(redisImage())).stop();
    return null;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
    return `the container engine cannot run ${redisImage()}: ${reason}`;
  }
}
