import { connectFailFast } from '@sandpiper/store';
import { createLogger, superviseProcess, tellParent, type Logger } from '@sandpiper/telemetry';
import type { Redis } from 'ioredis';
import { buildApp } from './app.js';
import { authOf, readConfig, type Config } from './config.js';
import type { App } from './context.js';

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const log = createLogger({ service: 'scheduler', level: config.SANDPIPER_LOG_LEVEL });
  const auth = authOf(config);
  const redis = connectFailFast(config.SANDPIPER_REDIS_URL, config.SANDPIPER_REDIS_TIMEOUT_MS);
  const subscriber = connectFailFast(config.SANDPIPER_REDIS_URL, config.SANDPIPER_REDIS_TIMEOUT_MS);
  const app = await buildApp({
    redis,
    subscriber,
    log,
    bodyLimit: config.SANDPIPER_BODY_LIMIT,
    maxQueue: config.SANDPIPER_MAX_QUEUE,
    batchLimit: config.SANDPIPER_BATCH_LIMIT,
    retention: {
      retentionSeconds: config.SANDPIPER_RETENTION_SECONDS,
      keepEnded: config.SANDPIPER_KEEP_ENDED,
    },
    auth,
    streams: {
      all: config.SANDPIPER_MAX_STREAMS,
      perTenant: auth.on ? Math.ceil(config.SANDPIPER_MAX_STREAMS / 2) : config.SANDPIPER_MAX_STREAMS,
    },
    ceilings: ceilings(config),
    engines: config.SANDPIPER_ENGINES,
  });
  // Before listening, so that a signal in between finds somebody.
  superviseProcess({ drain: () => app.close(), abandon: () => app.close() }, log);
  await listen(app, redis, config, log);
}

function ceilings(config: Config) {
  const { SANDPIPER_MAX_CPU_MS, SANDPIPER_MAX_WALL_MS, SANDPIPER_MAX_MEMORY_BYTES } = config;
  return {
    ...(SANDPIPER_MAX_CPU_MS === undefined ? {} : { cpuMs: SANDPIPER_MAX_CPU_MS }),
    ...(SANDPIPER_MAX_WALL_MS === undefined ? {} : { wallMs: SANDPIPER_MAX_WALL_MS }),
    ...(SANDPIPER_MAX_MEMORY_BYTES === undefined ? {} : { memoryBytes: SANDPIPER_MAX_MEMORY_BYTES }),
  };
}

async function listen(app: App, redis: Redis, config: Config, log: Logger): Promise<void> {
  const url = await app.listen({ host: config.SANDPIPER_HOST, port: config.SANDPIPER_PORT });
  log.info({ url }, 'listening');
  tellParent({ type: 'listening', url });
  const ready = (): void => tellParent({ type: 'ready' });
  if (redis.status === 'ready') ready();
  else redis.once('ready', ready);
}

main().catch((error: unknown) => {
  // One line: what is wrong is the configuration or the port, and a stack would hide it.
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`sandpiper scheduler: ${message.replaceAll('\n', '; ')}\n`);
  process.exit(1);
});
