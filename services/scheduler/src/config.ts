import { engineSchema, isLoopbackHost } from '@sandpiper/contracts';
import { DEFAULT_KEEP_ENDED, DEFAULT_RETENTION_SECONDS, redisEnvShape } from '@sandpiper/store';
import { LOG_LEVELS } from '@sandpiper/telemetry';
import { z } from 'zod';
import { type Network, parseNetworks } from './callbacks/address-policy.js';

const networks = (list: string, check: z.RefinementCtx): Network[] => {
  try {
    return parseNetworks(list);
  } catch (error) {
    check.addIssue({ code: 'custom', message: (error as Error).message });
    return [];
  }
};

const integer = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

/** The environment of the scheduler. Everything has a default that is safe on a laptop. */
const configSchema = z.object({
  ...redisEnvShape,
  SANDPIPER_HOST: z.string().min(1).default('127.0.0.1'),
  SANDPIPER_PORT: integer(0, 65_535).default(8080),
  /** Largest body of a request, bytes. */
  SANDPIPER_BODY_LIMIT: integer(1024, 1024 ** 3).default(96 * 1024 * 1024),
  /** Largest batch that comes line by line, bytes. */
  SANDPIPER_BATCH_LIMIT: integer(1024, 16 * 1024 ** 3).default(512 * 1024 * 1024),
  /** Connections that follow runs at most; where keys are asked for, one tenant gets half of them. */
  SANDPIPER_MAX_STREAMS: integer(1, 100_000).default(1_000),
  /** Submissions are refused with 429 while this many runs wait. */
  SANDPIPER_MAX_QUEUE: integer(1, 10_000_000).default(100_000),
  /** How long ended runs are kept, seconds. */
  SANDPIPER_RETENTION_SECONDS: integer(1, 366 * 86_400).default(DEFAULT_RETENTION_SECONDS),
  /** How many ended runs are kept at most; the oldest leave first. */
  SANDPIPER_KEEP_ENDED: integer(1, 100_000_000).default(DEFAULT_KEEP_ENDED),
  /** Whether an API key is needed. Always, but where only this host can reach the service. */
  SANDPIPER_AUTH: z.enum(['on', 'off']).optional(),
  /** The key with which the first keys are made; not stored. */
  SANDPIPER_ADMIN_KEY: z
    .string()
    .regex(/^[\w-]{32,256}$/, 'must be 32 to 256 letters, digits, "_" and "-", e.g. of: openssl rand -hex 32')
    .optional(),
  /** What the secrets are made of that callbacks are signed with; without it requests with a callback are refused. */
  SANDPIPER_CALLBACK_SECRET: z
    .string()
    .regex(/^[\w-]{32,256}$/, 'must be 32 to 256 letters, digits, "_" and "-", e.g. of: openssl rand -hex 32')
    .optional(),
  /** Networks that callbacks may go to besides the public Internet, e.g. `10.1.0.0/16,fd00::/8`. */
  SANDPIPER_CALLBACK_ALLOW: z.string().default('').transform(networks),
  SANDPIPER_CALLBACK_ATTEMPTS: integer(1, 50).default(8),
  /** Before the second attempt; three times as long before each that follows, an hour at most. Milliseconds. */
  SANDPIPER_CALLBACK_BACK_OFF_MS: integer(10, 3_600_000).default(10_000),
  SANDPIPER_CALLBACK_TIMEOUT_MS: integer(100, 60_000).default(10_000),
  /** Deadline of one Redis command, milliseconds; then 503. */
  SANDPIPER_REDIS_TIMEOUT_MS: integer(50, 60_000).default(5_000),
  /** Ceilings: a request that asks for more gets this much, and its result says so. */
  SANDPIPER_MAX_CPU_MS: integer(1, 3_600_000).optional(),
  SANDPIPER_MAX_WALL_MS: integer(1, 7_200_000).optional(),
  SANDPIPER_MAX_MEMORY_BYTES: integer(1, 64 * 1024 ** 3).optional(),
  /** What the nodes have; a request for another engine is refused. E.g. `seccomp,rpython`. */
  SANDPIPER_ENGINES: z
    .string()
    .transform((list) => list.split(','))
    .pipe(z.array(engineSchema).min(1))
    .default(['seccomp']),
  SANDPIPER_LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
});

export type Config = z.infer<typeof configSchema>;

/** @throws Error whose message names every variable that is wrong, one per line. */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const parsed = configSchema.safeParse(env);
  if (parsed.success) return parsed.data;
  throw new Error(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'));
}

/**
 * Whether keys are asked for. Off on the loopback address unless said otherwise; elsewhere always on.
 * @throws Error in one line, where it would be open to others, or nobody could ever use it
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
