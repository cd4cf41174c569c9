import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '@sandpiper/contracts';

import {
  connectFailFast,
  connectPatient,
  connectSubscriber,
  redisSettings,
  replicationOf,
  replicationOptions,
  type RedisConnection,
  type RedisSettings,
} from '@sandpiper/store';
import { createLogger, startTracing, superviseProcess, tellParent, type Logger } from '@sandpiper/telemetry';
import { type AppDeps, buildApp } from './app.js';
import {
  authOf,
  ceilingsOf,
  judgingOf,
  readSchedulerConfig,
  retentionOf,
  type SchedulerConfig,
} from './config.js';
import type { App } from './context.js';
import { adviseOnRedis } from './redis/redis-advice.js';

/** Connections for large values: results that are read, requests that are written. */
const BULK_CONNECTIONS = 3;

/** Timeout for large values, milliseconds: a large result takes time, and others may be ahead of it. */
const BULK_TIMEOUT_MS = 30_000;

async function main(): Promise<void> {
  const config = readSchedulerConfig(process.env);
  const log = createLogger({ service: 'scheduler', level: config.SANDPIPER_LOG_LEVEL });
  const auth = authOf(config);
  if (!auth.on) {
    log.warn(
      'API keys are off: any process on this host may use the service; SANDPIPER_AUTH=on requires keys',
    );
  }
  const tracing = await startTracing('sandpiper-scheduler', {}, log);
  const settings = redisSettings(config);
  const redis = connectFailFast(settings, config.SANDPIPER_REDIS_TIMEOUT_MS);
  const bulk = Array.from({ length: BULK_CONNECTIONS }, () =>
    connectFailFast(settings, Math.max(BULK_TIMEOUT_MS, config.SANDPIPER_REDIS_TIMEOUT_MS)),
  );
  const subscriber = connectSubscriber(settings);
  adviseOnRedis(redis, log);
  let leaving = false;
  const app = await buildApp({
    redis,
    bulk,
    subscriber,
    replication: replicationOf(settings, replicationOptions(config), (error) =>
      log.debug({ reason: error.message }, 'Redis connection'),
    ),
    log,
    bodyLimit: config.SANDPIPER_BODY_LIMIT,
    bodies: { all: config.SANDPIPER_BODIES_IN_FLIGHT },
    maxQueue: config.SANDPIPER_MAX_QUEUE,
    batchLimit: config.SANDPIPER_BATCH_LIMIT,
    retention: retentionOf(config, auth.on),
    auth,
    allowedHosts: config.SANDPIPER_ALLOWED_HOSTS,
    tracing,
    ...callbacksOf(config, settings),
    streams: {
      all: config.SANDPIPER_MAX_STREAMS,
      perTenant: auth.on ? Math.ceil(config.SANDPIPER_MAX_STREAMS / 2) : config.SANDPIPER_MAX_STREAMS,
    },
    judging: judgingOf(config, { redis: settings, redisTimeoutMs: config.SANDPIPER_REDIS_TIMEOUT_MS }),
    ceilings: ceilingsOf(config),
    engines: config.SANDPIPER_ENGINES,
    expectedRuntimes: config.SANDPIPER_EXPECTED_RUNTIMES,
    isLeaving: () => leaving,
  });
  // Installed before listening, so that no signal is lost in between.
  const close = async (): Promise<void> => {
    await app.close();
    await tracing.close();
  };
  const drain = async (): Promise<void> => {
    leaving = true;
    await sleep(config.SANDPIPER_STOP_DELAY_MS);
    await close();
  };
  superviseProcess({ drain, abandon: close }, log);
  await listen(app, redis, config, log);
}

function callbacksOf(config: SchedulerConfig, settings: RedisSettings): Pick<AppDeps, 'callbacks'> {
  const [current, ...earlier] = config.SANDPIPER_CALLBACK_SECRET ?? [];
  if (current === undefined) return {};
  return {
    callbacks: {
      secrets: [current, ...earlier],
      allow: config.SANDPIPER_CALLBACK_ALLOW,
      attempts: config.SANDPIPER_CALLBACK_ATTEMPTS,
      firstBackOffMs: config.SANDPIPER_CALLBACK_BACK_OFF_MS,
      timeoutMs: config.SANDPIPER_CALLBACK_TIMEOUT_MS,
      connection: connectPatient(settings),
    },
  };
}

async function listen(app: App, redis: RedisConnection, config: SchedulerConfig, log: Logger): Promise<void> {
  const url = await app.listen({ host: config.SANDPIPER_HOST, port: config.SANDPIPER_PORT });
  log.info({ url }, 'listening');
  tellParent({ type: 'listening', url });
  const ready = (): void => tellParent({ type: 'ready' });
  if (redis.status === 'ready') ready();
  else redis.once('ready', ready);
}

main().catch((error: unknown) => {
  // One line: the cause is the configuration or the port, and a stack trace would hide it.
  process.stderr.write(`sandpiper scheduler: ${messageOf(error).replaceAll('\n', '; ')}\n`);
  process.exit(1);
});
