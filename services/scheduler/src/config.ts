import { engineSchema, isLoopbackHost, limitsSchema } from '@sandpiper/contracts';
import {
  DEFAULT_KEEP_ENDED,
  DEFAULT_RETENTION_SECONDS,
  integer,
  readEnvironment,
  redisEnvShape,
  replicationEnvShape,
} from '@sandpiper/store';
import { LOG_LEVELS } from '@sandpiper/telemetry';
import { z } from 'zod';
import type { LimitCeilings } from './bodies/prepared.js';
import type { RetentionOptions } from './bounds.js';
import { type Network, parseNetworks } from './callbacks/address-policy.js';

const networks = (list: string, check: z.RefinementCtx): Network[] => {
  try {
    return parseNetworks(list);
  } catch (error) {
    check.addIssue({ code: 'custom', message: (error as Error).message });
    return [];
  }
};

const MIB = 1024 * 1024;

/** Default share of one of several tenants, per cent. */
const USUAL_SHARE = 25;

const secret = z
  .string()
  .regex(/^[\w-]{32,256}$/, 'must be 32 to 256 letters, digits, "_" and "-", e.g. of: openssl rand -hex 32');

/** A request that asks for more of a limit gets this much; by default as much as any request may ask for. */
function ceiling(name: keyof LimitCeilings, usual?: number) {
  const { minValue, maxValue, description } = limitsSchema.shape[name];
  const most = maxValue ?? Number.MAX_SAFE_INTEGER;
  return integer(Math.max(1, minValue ?? 1), most)
    .default(usual ?? most)
    .describe(`the most that a request gets of \`${name}\`: ${description}`);
}

/** @public The environment of the scheduler (docs/configuration.md). Everything has a default that is safe on a laptop. */
export const configSchema = z.object({
  SANDPIPER_HOST: z.string().min(1).default('127.0.0.1').describe('where it listens'),
  SANDPIPER_PORT: integer(0, 65_535).default(8080).describe('0: any free port'),
  ...redisEnvShape,
  SANDPIPER_REDIS_TIMEOUT_MS: integer(50, 60_000)
    .default(5_000)
    .describe('deadline of one command of Redis; then the answer is 503'),
  ...replicationEnvShape,
  SANDPIPER_AUTH: z
    .enum(['on', 'off'])
    .optional()
    .describe('whether an API key is needed; always, but where only this host can reach the service'),
  SANDPIPER_ALLOWED_HOSTS: z
    .string()
    .default('')
    .transform((list) => list.split(',').map((name) => name.trim().toLowerCase()))
    .transform((names) => names.filter((name) => name !== ''))
    .pipe(z.array(z.string().regex(/^[\w.:-]{1,253}$/, 'must be names or addresses without ports')))
    .describe(
      'names under which the service is reached, with commas between: without keys it answers to loopback names and to ' +
        'these; with keys, pages of these may open WebSockets',
    ),
  SANDPIPER_ADMIN_KEY: secret.optional().describe('the key with which the first keys are made; not stored'),
  SANDPIPER_ENGINES: z
    .string()
    .transform((list) => list.split(','))
    .pipe(z.array(engineSchema).min(1))
    .prefault('seccomp')
    .describe(
      'what the nodes have, with commas between: `seccomp`, `rpython`; a request for another is refused',
    ),
  SANDPIPER_BODY_LIMIT: integer(1024, 1024 ** 3)
    .default(96 * MIB)
    .describe('largest body of a request, bytes'),
  SANDPIPER_BODIES_IN_FLIGHT: integer(1024 ** 2, 64 * 1024 ** 3)
    .default(256 * MIB)
    .describe('bodies that come in at once, all together, bytes; a tenant gets a quarter; above it 429'),
  SANDPIPER_BATCH_LIMIT: integer(1024, 16 * 1024 ** 3)
    .default(512 * MIB)
    .describe('largest batch that comes line by line, bytes'),
  SANDPIPER_MAX_QUEUE: integer(1, 10_000_000)
    .default(100_000)
    .describe('submissions are refused with 429 while this many runs wait'),
  SANDPIPER_MAX_STREAMS: integer(1, 100_000)
    .default(1_000)
    .describe(
      'connections that follow runs and batches; where keys are asked for, one tenant gets half of them',
    ),
  SANDPIPER_QUEUE_BYTES: integer(MIB, 2 ** 45)
    .optional()
    .describe(
      'submissions are refused with 429 while runs that wait or run take so many bytes of Redis; a quarter of its `maxmemory`, 1 GiB where it has none',
    ),
  SANDPIPER_RETENTION_SECONDS: integer(1, 366 * 86_400)
    .default(DEFAULT_RETENTION_SECONDS)
    .describe('how long ended runs and batches are kept, and with them their idempotency keys'),
  SANDPIPER_KEEP_ENDED: integer(1, 100_000_000)
    .default(DEFAULT_KEEP_ENDED)
    .describe('how many ended runs and batches are kept at most, the oldest leave first'),
  SANDPIPER_KEEP_BYTES: integer(MIB, 2 ** 45)
    .optional()
    .describe(
      'bytes of Redis that ended runs and batches take at most, the oldest leave first; half of its `maxmemory`, 4 GiB where it has none',
    ),
  SANDPIPER_TENANT_SHARE: integer(1, 100)
    .optional()
    .describe(
      'per cent of what may wait and of what is kept that a tenant gets which has no limit of its own; 25 where keys are asked for, else 100',
    ),
  SANDPIPER_MAX_CPU_MS: ceiling('cpuMs'),
  SANDPIPER_MAX_WALL_MS: ceiling('wallMs'),
  SANDPIPER_MAX_MEMORY_BYTES: ceiling('memoryBytes'),
  SANDPIPER_MAX_OUTPUT_BYTES: ceiling('outputBytes', 16 * MIB),
  SANDPIPER_MAX_DISK_BYTES: ceiling('diskBytes', 512 * MIB),
  SANDPIPER_MAX_FILES: ceiling('files', 100_000),
  SANDPIPER_MAX_OPEN_FILES: ceiling('openFiles'),
  SANDPIPER_MAX_SYSCALLS: ceiling('syscalls'),
  SANDPIPER_CALLBACK_SECRET: secret
    .optional()
    .describe(
      'what the secrets are made of that callbacks are signed with; without it requests with a callback are refused',
    ),
  SANDPIPER_CALLBACK_ALLOW: z
    .string()
    .default('')
    .transform(networks)
    .describe('networks that callbacks may go to besides the public Internet, e.g. `10.1.0.0/16,fd00::/8`'),
  SANDPIPER_CALLBACK_ATTEMPTS: integer(1, 50).default(8).describe('then a callback is given up'),
  SANDPIPER_CALLBACK_BACK_OFF_MS: integer(10, 3_600_000)
    .default(10_000)
    .describe('before the second attempt; three times as long before each that follows, an hour at most'),
  SANDPIPER_CALLBACK_TIMEOUT_MS: integer(100, 60_000).default(10_000).describe('of one attempt'),
  SANDPIPER_LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
});

export type Config = z.infer<typeof configSchema>;

/** @throws Error whose message names every variable that is wrong, one per line. */
export const readConfig = (env: NodeJS.ProcessEnv): Config => readEnvironment(configSchema, env);

/**
 * Whether keys are asked for. Off on the loopback address unless said otherwise; elsewhere always on.
 * @throws Error in one line, where it would be open to others, or no client could ever use it
 */
export function authOf(config: Config): { on: boolean; adminKey: string | null } {
  const { SANDPIPER_AUTH: wanted, SANDPIPER_HOST: host, SANDPIPER_ADMIN_KEY: adminKey = null } = config;
  const local = isLoopbackHost(host);
  if (wanted === 'off' && !local) {
    throw new Error(`SANDPIPER_AUTH: off is for a loopback SANDPIPER_HOST alone, and this is ${host}`);
  }
  const on = wanted === undefined ? !local : wanted === 'on';
  if (on && adminKey === null) {
    throw new Error(
      'SANDPIPER_ADMIN_KEY: must be set where API keys are asked for: the first keys are made with it',
    );
  }
  return { on, adminKey };
}

/** Without keys there is one tenant, and it may use everything. */
export function retentionOf(config: Config, auth: boolean): RetentionOptions {
  const { SANDPIPER_QUEUE_BYTES: queueBytes, SANDPIPER_KEEP_BYTES: keepBytes } = config;
  return {
    retentionSeconds: config.SANDPIPER_RETENTION_SECONDS,
    keepEnded: config.SANDPIPER_KEEP_ENDED,
    ...(queueBytes === undefined ? {} : { queueBytes }),
    ...(keepBytes === undefined ? {} : { keepBytes }),
    tenantShare: (config.SANDPIPER_TENANT_SHARE ?? (auth ? USUAL_SHARE : 100)) / 100,
  };
}

export function ceilingsOf(config: Config): LimitCeilings {
  return {
    cpuMs: config.SANDPIPER_MAX_CPU_MS,
    wallMs: config.SANDPIPER_MAX_WALL_MS,
    memoryBytes: config.SANDPIPER_MAX_MEMORY_BYTES,
    outputBytes: config.SANDPIPER_MAX_OUTPUT_BYTES,
    diskBytes: config.SANDPIPER_MAX_DISK_BYTES,
    files: config.SANDPIPER_MAX_FILES,
    openFiles: config.SANDPIPER_MAX_OPEN_FILES,
    syscalls: config.SANDPIPER_MAX_SYSCALLS,
  };
}
