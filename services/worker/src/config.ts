import { hostname } from 'node:os';
import { DEFAULT_PROFILE, type TranslatedInterpreter } from '@sandpiper/controller';
import { DEFAULT_KEEP_ENDED, DEFAULT_RETENTION_SECONDS, redisEnvShape } from '@sandpiper/store';
import { LOG_LEVELS } from '@sandpiper/telemetry';
import { z } from 'zod';

const integer = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

/** The environment of a node. Everything has a default. */
const configSchema = z
  .object({
    ...redisEnvShape,
    /** How many cells; default one per CPU given. */
    SANDPIPER_CELLS: integer(1, 1024).optional(),
    /** CPUs that the cells are pinned to, in turn, e.g. `0,2,3`; default those that this process may use. */
    SANDPIPER_CELL_CPUS: z
      .string()
      .regex(/^\d{1,4}(,\d{1,4})*$/, 'must be CPU numbers with commas between them')
      .transform((list) => list.split(',').map(Number))
      .optional(),
    SANDPIPER_NODE_NAME: z
      .string()
      .regex(/^[\w.-]{1,100}$/, 'must be letters, digits, "_", "." and "-", at most 100')
      .default(() => `${hostname().slice(0, 80)}-${process.pid}`),
    /** A PyPy translated with `--sandbox`, and the folder of its lib-python and lib_pypy: the engine `rpython`. */
    SANDPIPER_RPYTHON_PYPY: z.string().startsWith('/', 'must be an absolute path').optional(),
    SANDPIPER_RPYTHON_LIB: z.string().startsWith('/', 'must be an absolute path').optional(),
    /**
     * What each cell's parked parent imports before guests are forked of it: `default`, names of modules with commas
     * between them, or `cold`: no parent, every run starts an interpreter.
     */
    SANDPIPER_PROFILE: z
      .string()
      .regex(
        /^\w+(\.\w+)*(,\w+(\.\w+)*)*$/,
        'must be `default`, `cold`, or names of modules with commas between them',
      )
      .default('default'),
    /** Where health and metrics are served. 0: any free port. */
    SANDPIPER_HOST: z.string().min(1).default('127.0.0.1'),
    SANDPIPER_PORT: integer(0, 65_535).default(0),
    /** How long a drain lets runs go on, milliseconds. */
    SANDPIPER_GRACE_MS: integer(0, 3_600_000).default(20_000),
    /** How long a live run waits for input while nobody is there who could give it some, milliseconds; then it ends. */
    SANDPIPER_ORPHAN_MS: integer(100, 7_200_000).default(60_000),
    SANDPIPER_LOCK_MS: integer(500, 600_000).default(10_000),
    SANDPIPER_STALLED_INTERVAL_MS: integer(100, 600_000).default(3_000),
    SANDPIPER_RETENTION_SECONDS: integer(1, 366 * 86_400).default(DEFAULT_RETENTION_SECONDS),
    /** How many ended runs are kept at most, of all nodes; the oldest leave first. The same on the scheduler. */
    SANDPIPER_KEEP_ENDED: integer(1, 100_000_000).default(DEFAULT_KEEP_ENDED),
    SANDPIPER_LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  })
  .refine((c) => (c.SANDPIPER_RPYTHON_PYPY === undefined) === (c.SANDPIPER_RPYTHON_LIB === undefined), {
    message: 'must be given together with SANDPIPER_RPYTHON_LIB',
    path: ['SANDPIPER_RPYTHON_PYPY'],
  });

export type Config = z.infer<typeof configSchema>;

/** @throws Error whose message names every variable that is wrong, one per line. */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const parsed = configSchema.safeParse(env);
  if (parsed.success) return parsed.data;
  throw new Error(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'));
}

/** The translated interpreter of this node, if it has one. */
export function rpythonOf(config: Config): TranslatedInterpreter | null {
  const { SANDPIPER_RPYTHON_PYPY: executable, SANDPIPER_RPYTHON_LIB: library } = config;
  if (executable === undefined || library === undefined) return null;
  return { engine: 'rpython', executable, library };
}

/** The modules of the profile, or null for cold starts. */
export function profileOf(config: Config): readonly string[] | null {
  const { SANDPIPER_PROFILE: profile } = config;
  if (profile === 'cold') return null;
  return profile === 'default' ? DEFAULT_PROFILE : profile.split(',');
}

/** The CPU of each cell, in turn when there are more cells than CPUs. */
export function cellCpus(config: Config, available: readonly number[]): (number | null)[] {
  const cpus = config.SANDPIPER_CELL_CPUS ?? available;
  const cells = config.SANDPIPER_CELLS ?? Math.max(1, cpus.length);
  return Array.from({ length: cells }, (_, index) => cpus[index % cpus.length] ?? null);
}
