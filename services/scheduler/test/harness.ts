import { connectFailFast } from '@sandpiper/store';
import { createLogger } from '@sandpiper/telemetry';
import type { Redis } from 'ioredis';
import type { AppDeps } from '../src/app.js';
import { buildApp } from '../src/index.js';

export type TestApp = Awaited<ReturnType<typeof buildApp>>;

const becomesReady = (redis: Redis): Promise<void> =>
  redis.status === 'ready'
    ? Promise.resolve()
    : new Promise((resolve) => redis.once('ready', () => resolve()));

/** The API against a Redis of the test's; ready when it resolves. */
export async function startApp(
  url: string,
  options: Partial<Pick<AppDeps, 'maxQueue' | 'bodyLimit' | 'ceilings'>> = {},
): Promise<{ app: TestApp; redis: Redis }> {
  const redis = connectFailFast(url, 1_000);
  const subscriber = connectFailFast(url, 1_000);
  const log = createLogger({ service: 'test', level: 'silent' });
  const limits = { bodyLimit: 1024 * 1024, maxQueue: 1000, retentionSeconds: 1000, ...options };
  const app = await buildApp({ redis, subscriber, log, ...limits });
  await app.ready();
  await Promise.all([becomesReady(redis), becomesReady(subscriber)]);
  return { app, redis };
}
