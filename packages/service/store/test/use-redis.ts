import { type RedisServer, startRedis } from '@sandpiper/testkit';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { connectFailFast, type RedisConnection } from '../src/index.js';

interface Options {
  /** See startRedis. */
  readonly own?: boolean;
  /** Keeps what a test has left for the next one; otherwise each begins with an empty Redis. */
  readonly keep?: boolean;
}

/** A Redis for the tests of a file. `prepare` gets it with a connection that is ready. */
export function useRedis(
  prepare: (redis: RedisConnection, server: RedisServer) => void,
  { own = false, keep = false }: Options = {},
): void {
  let server: RedisServer;
  let redis: RedisConnection;

  beforeAll(async () => {
    server = await startRedis({ own });
    redis = connectFailFast(server.url);
    redis.on('error', () => undefined);
    await new Promise<void>((resolve) => redis.once('ready', () => resolve()));
    prepare(redis, server);
  });

  beforeEach(async () => {
    if (!keep) await server.flush();
  });

  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });
}
