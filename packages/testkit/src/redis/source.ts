import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ContainerRedis } from './container.js';

/**
 * Where the servers come from that tests start for themselves: containers where an engine answers and has the image,
 * else this machine's own redis-server. TEST_REDIS_SOURCE (`container` or `local`) leaves no choice.
 */
export interface RedisSource {
  readonly kind: 'container' | 'local';
  /** For people. */
  readonly why: string;
}

/** How long an engine may take to say that it is there, milliseconds. */
const ENGINE_MS = 5_000;

export const redisImage = (): string => process.env['TEST_REDIS_IMAGE'] ?? 'redis:7-bookworm';

let found: Promise<RedisSource> | null = null;

/** Looks once in a process. */
export function findRedisSource(): Promise<RedisSource> {
  found ??= look();
  return found;
}

async function look(): Promise<RedisSource> {
  const wanted = process.env['TEST_REDIS_SOURCE'];
  if (wanted === 'local') return local('TEST_REDIS_SOURCE');
  if (wanted === 'container') return container();
  if (wanted) throw new Error('TEST_REDIS_SOURCE must be container or local');
  if (!mayHaveEngine()) return local('no container engine here');
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

/** A client without an engine leaves none of these behind, and then nobody need be asked. */
function mayHaveEngine(): boolean {
  if (process.env['DOCKER_HOST']) return true;
  const runtime = process.env['XDG_RUNTIME_DIR'] ?? '/run/user/0';
  const home = homedir();
  return [
    '/var/run/docker.sock',
    join(runtime, 'docker.sock'),
    join(runtime, 'podman/podman.sock'),
    join(home, '.docker/run/docker.sock'),
    join(home, '.docker/desktop/docker.sock'),
    join(home, '.testcontainers.properties'),
  ].some((path) => existsSync(path));
}

/** Starts one, for an engine that answers need not have the image or be able to fetch it. @returns null if it can. */
async function reasonAgainstContainers(): Promise<string | null> {
  const { getContainerRuntimeClient } = await import('testcontainers');
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('too late')), ENGINE_MS);
  });
  try {
    await Promise.race([getContainerRuntimeClient(), late]);
  } catch {
    return 'no container engine answers';
  } finally {
    clearTimeout(timer);
  }
  try {
    await (await ContainerRedis.start(redisImage())).stop();
    return null;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
    return `the container engine cannot run ${redisImage()}: ${reason}`;
  }
}
