import {
  engineSchema,
  isLoopbackHost,
  LIMIT_NAMES,
  type LimitRow,
  LIMITS,
  runtimeNameSchema,
} from '@sandpiper/contracts';
import {
  DEFAULT_KEEP_ENDED,
  DEFAULT_RETENTION_SECONDS,
  fileVariable,
  integer,
  readEnvironment,
  redisEnvShape,
  replicationEnvShape,
  withSecretFiles,
} from '@sandpiper/store';
import { LOG_LEVELS } from '@sandpiper/telemetry';
import { tmpdir } from 'node:os';
import { z } from 'zod';
import type { LimitCeilings } from './bodies/prepared.js';
import type { RetentionOptions } from './bounds.js';
import { type Network, parseNetworks } from './callbacks/address-policy.js';
import {
  DEFAULT_PACKAGE_LIMIT,
  DEFAULT_UNPACKED_LIMIT,
  type JudgeOfProcess,
  type JudgingOptions,
  MAX_PACKAGE_FILES,
  MAX_PACKAGE_TESTS,
} from './judging/judging-options.js';

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

/** The current secret, and while it is being replaced the earlier one. */
const secrets = z
  .string()
  .transform((list) => list.split(','))
  .pipe(z.array(secret).max(2, 'must be one secret, or two separated by a comma'));

type CeilingName = keyof LimitCeilings;
type CeilingSetting<Name extends CeilingName = CeilingName> = (typeof LIMITS)[Name]['ceiling']['setting'];

const CEILINGS = LIMIT_NAMES.filter((name) => name !== 'controllerCpuMs' && name !== 'stackBytes');

/** A request that asks for more of a limit gets this much; by default as much as any request may ask for. */
function ceiling(name: CeilingName) {
  const { min, max, description, ceiling }: LimitRow = LIMITS[name];
  return integer(min, max)
    .default(ceiling?.default ?? max)
    .describe(`ceiling of \`${name}\`: ${description}`);
}

const ceilingShape = Object.fromEntries(
  CEILINGS.map((name) => [LIMITS[name].ceiling.setting, ceiling(name)]),
) as Record<CeilingSetting, ReturnType<typeof ceiling>>;

/** @public The environment of the scheduler (docs/configuration.md). Everything has a default that is safe on a laptop. */
export const schedulerConfigSchema = z.object({
  SANDPIPER_HOST: z.string().min(1).default('127.0.0.1').describe('address to listen on'),
  SANDPIPER_PORT: integer(0, 65_535).default(8080).describe('port to listen on; 0 picks a free one'),
  ...redisEnvShape,
  SANDPIPER_REDIS_TIMEOUT_MS: integer(50, 60_000)
    .default(5_000)
    .describe('deadline of one Redis command; after it the answer is 503'),
  ...replicationEnvShape,
  SANDPIPER_AUTH: z
    .enum(['on', 'off'])
    .optional()
    .describe(
      'whether requests need an API key; by default `off` on a loopback address and `on` elsewhere, where it cannot be `off`',
    ),
  SANDPIPER_ALLOWED_HOSTS: z
    .string()
    .default('')
    .transform((list) => list.split(',').map((name) => name.trim().toLowerCase()))
    .transform((names) => names.filter((name) => name !== ''))
    .pipe(z.array(z.string().regex(/^[\w.:-]{1,253}$/, 'must be names or addresses without ports')))
    .describe(
      'host names of the service, separated by commas: without keys it answers requests for loopback names and these; with ' +
        'keys, pages from these may open WebSockets',
    ),
  SANDPIPER_ADMIN_KEY: secrets
    .optional()
    .describe(
      'key that creates the first API keys; not stored. Two keys, separated by a comma, are both accepted while one replaces the other',
    ),
  SANDPIPER_ADMIN_KEY_FILE: fileVariable.describe('file that holds SANDPIPER_ADMIN_KEY'),
  SANDPIPER_ENGINES: z
    .string()
    .transform((list) => list.split(','))
    .pipe(z.array(engineSchema).min(1))
    .prefault('seccomp')
    .describe(
      'engines of the nodes, separated by commas: `seccomp`, `rpython`; a request for any other is refused',
    ),
  SANDPIPER_EXPECTED_RUNTIMES: z
    .string()
    .default('')
    .transform((list) => list.split(',').filter((name) => name !== ''))
    .pipe(z.array(runtimeNameSchema).max(100))
    .describe(
      'runtimes that nodes will have, separated by commas: a run for one of them waits while no node has it; for any other ' +
        'that no node has it is refused',
    ),
  SANDPIPER_BODY_LIMIT: integer(1024, 1024 ** 3)
    .default(96 * MIB)
    .describe('largest request body, bytes'),
  SANDPIPER_BODIES_IN_FLIGHT: integer(1024 ** 2, 64 * 1024 ** 3)
    .default(256 * MIB)
    .describe(
      'bytes of all request bodies in flight; a tenant gets a quarter of them; above that the answer is 429',
    ),
  SANDPIPER_BATCH_LIMIT: integer(1024, 16 * 1024 ** 3)
    .default(512 * MIB)
    .describe('largest batch that is uploaded line by line, bytes'),
  SANDPIPER_MAX_QUEUE: integer(1, 10_000_000)
    .default(100_000)
    .describe('submissions are refused with 429 while this many runs wait'),
  SANDPIPER_MAX_STREAMS: integer(1, 100_000)
    .default(1_000)
    .describe(
      'connections that follow runs and batches; where keys are required, a tenant gets half of them',
    ),
  SANDPIPER_QUEUE_BYTES: integer(MIB, 2 ** 45)
    .optional()
    .describe(
      'submissions are refused with 429 while waiting and running runs take this many bytes of Redis; by default a quarter of its `maxmemory`, or 1 GiB without one',
    ),
  SANDPIPER_RETENTION_SECONDS: integer(1, 366 * 86_400)
    .default(DEFAULT_RETENTION_SECONDS)
    .describe('how long ended runs and batches are kept, with their idempotency keys, seconds'),
  SANDPIPER_KEEP_ENDED: integer(1, 100_000_000)
    .default(DEFAULT_KEEP_ENDED)
    .describe('how many ended runs and batches are kept; the oldest are removed first'),
  SANDPIPER_KEEP_BYTES: integer(MIB, 2 ** 45)
    .optional()
    .describe(
      'how many bytes of Redis ended runs and batches may take; the oldest are removed first; by default half of its `maxmemory`, or 4 GiB without one',
    ),
  SANDPIPER_TENANT_SHARE: integer(1, 100)
    .optional()
    .describe(
      'share of these bounds, in per cent, of a tenant without limits of its own; by default 25 where keys are required, else 100',
    ),
  SANDPIPER_PROBLEM_LIMIT: integer(1024, 4 * 1024 ** 3)
    .default(DEFAULT_PACKAGE_LIMIT)
    .describe('largest problem package that is uploaded, bytes'),
  SANDPIPER_UNPACKED_LIMIT: integer(1024, 64 * 1024 ** 3)
    .default(DEFAULT_UNPACKED_LIMIT)
    .describe('most bytes that a problem package may have when it is unpacked'),
  SANDPIPER_PROBLEM_BYTES: integer(MIB, 2 ** 45)
    .optional()
    .describe(
      'how many bytes of Redis problem packages may take; by default an eighth of its `maxmemory`, or 1 GiB without one',
    ),
  SANDPIPER_SUBMISSION_BYTES: integer(MIB, 2 ** 45)
    .optional()
    .describe(
      'how many bytes of Redis submissions may take; the oldest that were judged are removed first; by default a sixteenth ' +
        'of its `maxmemory`, or 512 MiB without one',
    ),
  SANDPIPER_MAX_SUBMISSIONS: integer(1, 1_000_000)
    .default(10_000)
    .describe('submissions are refused with 429 while this many wait to be judged'),
  SANDPIPER_COMPILE: z
    .enum(['0', '1'])
    .default('0')
    .describe(
      '1: validators in C and C++ of problem packages are compiled by the compiler of this host, outside of any sandbox; ' +
        'set it only where every tenant who uploads problems is trusted as much as you are',
    ),
  SANDPIPER_JUDGE_AT_ONCE: integer(0, 256)
    .default(8)
    .describe('submissions that this scheduler judges at once; 0: it leaves them to others'),
  SANDPIPER_JUDGE_FOLDER: z
    .string()
    .min(1)
    .optional()
    .describe(
      'folder in which problem packages are received and unpacked; by default that for temporary files',
    ),
  SANDPIPER_JUDGE_DISK_BYTES: integer(MIB, 2 ** 45)
    .default(2 * 1024 ** 3)
    .describe('bytes of unpacked packages that stay there for the next submissions'),
  SANDPIPER_JUDGE_LEASE_MS: integer(2_000, 600_000)
    .default(10_000)
    .describe('how long a submission stays with a scheduler that is silent, before another one judges it'),
  ...ceilingShape,
  SANDPIPER_CALLBACK_SECRET: secrets
    .optional()
    .describe(
      'secret from which the keys that sign callbacks are derived; without it requests with a callback are refused. Two, ' +
        'separated by a comma, both sign while the first replaces the second',
    ),
  SANDPIPER_CALLBACK_SECRET_FILE: fileVariable.describe('file that holds SANDPIPER_CALLBACK_SECRET'),
  SANDPIPER_CALLBACK_ALLOW: z
    .string()
    .default('')
    .transform(networks)
    .describe(
      'networks that callbacks may reach in addition to the public Internet, e.g. `10.1.0.0/16,fd00::/8`',
    ),
  SANDPIPER_CALLBACK_ATTEMPTS: integer(1, 50)
    .default(8)
    .describe('attempts to send a callback before it is given up'),
  SANDPIPER_CALLBACK_BACK_OFF_MS: integer(10, 3_600_000)
    .default(10_000)
    .describe('wait before the second attempt; each further wait is three times as long, an hour at most'),
  SANDPIPER_CALLBACK_TIMEOUT_MS: integer(100, 60_000).default(10_000).describe('deadline of one attempt'),
  SANDPIPER_STOP_DELAY_MS: integer(0, 300_000)
    .default(0)
    .describe(
      'how long it goes on serving after it was asked to stop, while `/readyz` answers 503, so that load balancers send their ' +
        'requests elsewhere before it closes',
    ),
  SANDPIPER_LOG_LEVEL: z.enum(LOG_LEVELS).default('info').describe('least severe level that is logged'),
});

export type SchedulerConfig = z.infer<typeof schedulerConfigSchema>;

/** @throws Error whose message names every variable that is wrong, one per line. */
export const readSchedulerConfig = (env: NodeJS.ProcessEnv): SchedulerConfig =>
  readEnvironment(
    schedulerConfigSchema,
    withSecretFiles(env, ['SANDPIPER_ADMIN_KEY', 'SANDPIPER_CALLBACK_SECRET']),
  );

/**
 * Whether keys are asked for. Off on the loopback address unless said otherwise; elsewhere always on.
 * @throws Error in one line, where it would be open to others, or no client could ever use it
 */
export function authOf(config: SchedulerConfig): { on: boolean; adminKeys: readonly string[] } {
  const { SANDPIPER_AUTH: wanted, SANDPIPER_HOST: host, SANDPIPER_ADMIN_KEY: adminKeys = [] } = config;
  const local = isLoopbackHost(host);
  if (wanted === 'off' && !local) {
    throw new Error(`SANDPIPER_AUTH: off is for a loopback SANDPIPER_HOST alone, and this is ${host}`);
  }
  const on = wanted === undefined ? !local : wanted === 'on';
  if (on && adminKeys.length === 0) {
    throw new Error(
      'SANDPIPER_ADMIN_KEY: must be set where API keys are asked for: the first keys are made with it',
    );
  }
  return { on, adminKeys };
}

/** Without keys there is one tenant, and it may use everything. */
export function retentionOf(config: SchedulerConfig, auth: boolean): RetentionOptions {
  const { SANDPIPER_QUEUE_BYTES: queueBytes, SANDPIPER_KEEP_BYTES: keepBytes } = config;
  const { SANDPIPER_PROBLEM_BYTES: problemBytes, SANDPIPER_SUBMISSION_BYTES: submissionBytes } = config;
  return {
    retentionSeconds: config.SANDPIPER_RETENTION_SECONDS,
    keepEnded: config.SANDPIPER_KEEP_ENDED,
    ...(queueBytes === undefined ? {} : { queueBytes }),
    ...(keepBytes === undefined ? {} : { keepBytes }),
    ...(problemBytes === undefined ? {} : { problemBytes }),
    ...(submissionBytes === undefined ? {} : { submissionBytes }),
    maxSubmissions: config.SANDPIPER_MAX_SUBMISSIONS,
    tenantShare: (config.SANDPIPER_TENANT_SHARE ?? (auth ? USUAL_SHARE : 100)) / 100,
  };
}

export function judgingOf(
  config: SchedulerConfig,
  redis: Pick<JudgeOfProcess, 'redis' | 'redisTimeoutMs'>,
): JudgingOptions {
  return {
    packages: {
      fileBytes: config.SANDPIPER_PROBLEM_LIMIT,
      unpackedBytes: config.SANDPIPER_UNPACKED_LIMIT,
      entries: MAX_PACKAGE_FILES,
      tests: MAX_PACKAGE_TESTS,
      mayCompile: config.SANDPIPER_COMPILE === '1',
    },
    folder: config.SANDPIPER_JUDGE_FOLDER ?? tmpdir(),
    judge:
      config.SANDPIPER_JUDGE_AT_ONCE === 0
        ? null
        : {
            ...redis,
            atOnce: config.SANDPIPER_JUDGE_AT_ONCE,
            diskBytes: config.SANDPIPER_JUDGE_DISK_BYTES,
            leaseMs: config.SANDPIPER_JUDGE_LEASE_MS,
          },
  };
}

export function ceilingsOf(config: SchedulerConfig): LimitCeilings {
  return Object.fromEntries(CEILINGS.map((name) => [name, config[LIMITS[name].ceiling.setting]]));
}
