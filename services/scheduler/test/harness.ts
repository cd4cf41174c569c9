import { connectFailFast, connectSubscriber, type RedisConnection, type RedisTarget } from '@sandpiper/store';
import { createLogger } from '@sandpiper/telemetry';
import type { AppDeps } from '../src/app.js';
import { buildApp } from '../src/index.js';

export type TestApp = Awaited<ReturnType<typeof buildApp>>;

type Options = Partial<Omit<AppDeps, 'redis' | 'bulk' | 'subscriber'>> & {
  /** How long a command to Redis may take, milliseconds. */
  readonly redisTimeoutMs?: number;
};

const becomesReady = (redis: RedisConnection): Promise<void> =>
  redis.status === 'ready'
    ? Promise.resolve()
    : new Promise((resolve) => redis.once('ready', () => resolve()));

/** The API against a Redis of the test's; ready when it resolves. */
export async function startApp(
  target: RedisTarget,
  { redisTimeoutMs = 1_000, ...options }: Options = {},
): Promise<{ app: TestApp; redis: RedisConnection; bulk: readonly RedisConnection[] }> {
  const redis = connectFailFast(target, redisTimeoutMs);
  const bulk = [connectFailFast(target, 5_000), connectFailFast(target, 5_000)];
  const subscriber = connectSubscriber(target);
  const limits = {
    bodyLimit: 1024 * 1024,
    batchLimit: 16 * 1024 * 1024,
    maxQueue: 1000,
    retention: { retentionSeconds: 1000 },
    auth: { on: false, adminKeys: [] },
    log: createLogger({ service: 'test', level: 'silent' }),
    ...options,
  };
  const app = await buildApp({ redis, bulk, subscriber, ...limits });
  await app.ready();
  await Promise.all([redis, subscriber, ...bulk].map(becomesReady));
  return { app, redis, bulk };
}
