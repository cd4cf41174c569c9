import { hostname } from 'node:os';
import {
  cellsFor,
  type CpuShare,
  DEFAULT_PROFILE,
  DEFAULT_RUNTIME,
  type Runtime,
  type TranslatedInterpreter,
} from '@sandpiper/controller';
import { type NodeLabels, nodeLabelsSchema, runtimeNameSchema } from '@sandpiper/contracts';
import { integer, readEnvironment, redisEnvShape, replicationEnvShape } from '@sandpiper/store';
import { LOG_LEVELS } from '@sandpiper/telemetry';
import { z } from 'zod';

const MAX_LABELS = 16;

/** NAME=VALUE, separated by commas. */
function labelsOf(text: string, context: z.RefinementCtx): NodeLabels {
  const pairs = text === '' ? [] : text.split(',').map((pair) => pair.split('='));
  const labels = Object.fromEntries(pairs) as NodeLabels;
  const arePairs = pairs.length <= MAX_LABELS && pairs.every(({ length }) => length === 2);
  const checked = nodeLabelsSchema.safeParse(labels);
  if (arePairs && checked.success && Object.keys(labels).length === pairs.length) return checked.data;
  context.addIssue({
    code: 'custom',
    message:
      `must be NAME=VALUE, separated by commas, at most ${MAX_LABELS} and no name twice; names of letters, digits and "_", ` +
      'values of letters, digits, "_", ".", "-", ":" and "/", each at most 63',
  });
  return z.NEVER;
}

/** @public The environment of a node (docs/configuration.md). Everything has a default. */
export const workerConfigSchema = z
  .object({
    SANDPIPER_HOST: z.string().min(1).default('127.0.0.1').describe('address that serves health and metrics'),
    SANDPIPER_PORT: integer(0, 65_535)
      .default(0)
      .describe('port that serves health and metrics; 0 picks a free one'),
    SANDPIPER_ADVERTISE: z
      .string()
      .regex(/^[\w.:-]{1,255}$/, 'must be a host name or an address')
      .optional()
      .describe(
        'name or address under which other hosts reach this node, for the list of the metrics of all nodes ' +
          '(`GET /v1/nodes/targets`); by default SANDPIPER_HOST, and the host name where that is every address',
      ),
    ...redisEnvShape,
    ...replicationEnvShape,
    SANDPIPER_NODE_NAME: z
      .string()
      .regex(/^[\w.-]{1,100}$/, 'must be letters, digits, "_", "." and "-", at most 100')
      .optional()
      .describe('name of the node; by default host name and process id'),
    SANDPIPER_LABELS: z
      .string()
      .default('')
      .transform(labelsOf)
      .describe(
        'what operators want to know of the node, e.g. `zone=north,disk=ssd`: shown in the list of nodes, used to choose ' +
          'nodes that are cordoned (`sandpiper nodes --label`), and labels of its metrics; at most 16',
      ),
    SANDPIPER_CELLS: integer(1, 1024)
      .optional()
      .describe(
        'number of cells; by default one for each CPU of the node, and no more than its CPU quota pays for',
      ),
    SANDPIPER_CELL_CPUS: z
      .string()
      .regex(/^\d{1,4}(,\d{1,4})*$/, 'must be CPU numbers, separated by commas')
      .transform((list) => list.split(',').map(Number))
      .optional()
      .describe(
        'CPUs of the cells, assigned in turn, e.g. `0,2,3`; by default those that the process may use',
      ),
    SANDPIPER_PIN: z
      .enum(['auto', 'on', 'off'])
      .default('auto')
      .describe(
        'whether each cell is pinned to one CPU. `auto` pins only where no other process uses the CPUs (SANDPIPER_CELL_CPUS ' +
          'names them, or fewer are allowed than the host has and no quota is below that). On a host that runs one node ' +
          'and nothing else, `on` makes system calls cheaper',
      ),
    SANDPIPER_MEMORY_BYTES: integer(1, Number.MAX_SAFE_INTEGER)
      .optional()
      .describe(
        'memory of the node; by default the least limit of its control groups, or the memory of the host. What the node ' +
          'does not need itself is divided among the cells, and a memory limit can be as large as one such part',
      ),
    SANDPIPER_PROFILE: z
      .string()
      .regex(
        /^\w+(\.\w+)*(,\w+(\.\w+)*)*$/,
        'must be `default`, `cold`, or names of modules, separated by commas',
      )
      .default('default')
      .describe(
        'modules that the parent of each cell imports before guests are forked from it: `default`, or names separated by ' +
          'commas. With `cold` there is no parent, and every run starts an interpreter',
      ),
    SANDPIPER_RUNTIMES: z
      .string()
      .regex(/^(\/.*)?$/s, 'must be an absolute path, or empty for none')
      .optional()
      .describe('file that describes runtimes ([runtimes.md](runtimes.md))'),
    SANDPIPER_RUNTIME: z
      .string()
      .min(1)
      .optional()
      .describe(
        'runtime of programs that name none: a name of that file, or the path of an interpreter; by default `pypy3`',
      ),
    SANDPIPER_SERVES: z
      .string()
      .transform((list) => list.split(',').filter((name) => name !== ''))
      .pipe(z.array(runtimeNameSchema).min(1, 'must name a runtime'))
      .optional()
      .describe(
        'runtimes of which this node takes runs, names of that file separated by commas; `default` stands for runs that name ' +
          'none. By default all that it has',
      ),
    SANDPIPER_LIBRARIES: z
      .string()
      .regex(/^\/[^:]*(:\/[^:]*)*$/, 'must be absolute paths, separated by ":"')
      .transform((list) => list.split(':'))
      .optional()
      .describe('folders of modules that all programs find, read-only, separated by `:`'),
    SANDPIPER_RPYTHON_PYPY: z
      .string()
      .startsWith('/', 'must be an absolute path')
      .optional()
      .describe('path of a PyPy translated with `--sandbox`; enables the engine `rpython`'),
    SANDPIPER_RPYTHON_LIB: z
      .string()
      .startsWith('/', 'must be an absolute path')
      .optional()
      .describe('folder that holds its lib-python and lib_pypy'),
    SANDPIPER_GRACE_MS: integer(0, 3_600_000)
      .default(20_000)
      .describe('how long a draining node lets its runs continue'),
    SANDPIPER_ORPHAN_MS: integer(100, 7_200_000)
      .default(60_000)
      .describe(
        'how long a live run waits for input while no client is connected that can send it; then its input ends',
      ),
    SANDPIPER_LOCK_MS: integer(500, 600_000)
      .default(10_000)
      .describe('how long a silent node keeps its runs before other nodes get them'),
    SANDPIPER_LOG_LEVEL: z.enum(LOG_LEVELS).default('info').describe('least severe level that is logged'),
  })
  .refine((c) => (c.SANDPIPER_RPYTHON_PYPY === undefined) === (c.SANDPIPER_RPYTHON_LIB === undefined), {
    message: 'must be given together with SANDPIPER_RPYTHON_LIB',
    path: ['SANDPIPER_RPYTHON_PYPY'],
  });

export type WorkerConfig = z.infer<typeof workerConfigSchema>;

/** @throws Error whose message names every variable that is wrong, one per line. */
export const readWorkerConfig = (env: NodeJS.ProcessEnv): WorkerConfig =>
  readEnvironment(workerConfigSchema, env);

export function nodeNameOf(config: WorkerConfig): string {
  return config.SANDPIPER_NODE_NAME ?? `${hostname().slice(0, 80)}-${process.pid}`;
}

/** Host and port of the node's metrics, as other hosts reach them. */
export function advertised({ SANDPIPER_ADVERTISE, SANDPIPER_HOST }: WorkerConfig, port: number): string {
  const everywhere = SANDPIPER_HOST === '0.0.0.0' || SANDPIPER_HOST === '::';
  const host = SANDPIPER_ADVERTISE ?? (everywhere ? hostname() : SANDPIPER_HOST);
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The translated interpreter of this node, if it has one. */
export function rpythonOf(config: WorkerConfig): TranslatedInterpreter | null {
  const { SANDPIPER_RPYTHON_PYPY: executable, SANDPIPER_RPYTHON_LIB: library } = config;
  if (executable === undefined || library === undefined) return null;
  return { engine: 'rpython', executable, library };
}

/** What programs may run by; the first is that of runs that name none. @throws Error of one line when a part of it is not right */
export async function nodeRuntimes(config: WorkerConfig): Promise<readonly Runtime[]> {
  const {
    SANDPIPER_RUNTIMES: file = '',
    SANDPIPER_RUNTIME: name,
    SANDPIPER_LIBRARIES: libraries = [],
  } = config;
  if (file === '' && name === undefined && libraries.length === 0) return [DEFAULT_RUNTIME];
  const { offeredRuntimes } = await import('@sandpiper/controller/runtimes');
  return offeredRuntimes({ file: file === '' ? null : file, name, libraries });
}

/** The runtimes of which a node takes runs. @throws Error of one line for one that it has not */
export function servedRuntimes(config: WorkerConfig, runtimes: readonly Runtime[]): readonly string[] {
  const names = runtimes.map(({ name }) => name);
  const { SANDPIPER_SERVES: served = names } = config;
  const missing = served.find((name) => !names.includes(name));
  if (missing === undefined) return served;
  throw new Error(
    `SANDPIPER_SERVES: this node has no runtime ${JSON.stringify(missing)}, only ${names.join(', ')}`,
  );
}

/** The modules of the profile, or null for cold starts. */
export function profileOf(config: WorkerConfig): readonly string[] | null {
  const { SANDPIPER_PROFILE: profile } = config;
  if (profile === 'cold') return null;
  return profile === 'default' ? DEFAULT_PROFILE : profile.split(',');
}

/** How the cells of a node are laid on its CPUs. */
export interface CellPlan {
  /** The CPU that each cell keeps to, in turn when there are more cells than CPUs; null for none. */
  readonly cpus: readonly (number | null)[];
  /** What is amiss with it, for people. */
  readonly warnings: readonly string[];
}

export function planCells(config: WorkerConfig, share: CpuShare): CellPlan {
  const named = config.SANDPIPER_CELL_CPUS;
  const most = cellsFor(share);
  const cells = config.SANDPIPER_CELLS ?? (named === undefined ? most : Math.min(named.length, most));
  const pin = config.SANDPIPER_PIN;
  const pinned = pin === 'on' || (pin === 'auto' && (named !== undefined || share.exclusive));
  const cpus = named ?? share.allowed;
  return {
    cpus: Array.from({ length: cells }, (_, index) => (pinned ? (cpus[index % cpus.length] ?? null) : null)),
    warnings:
      cells > most
        ? [
            `SANDPIPER_CELLS is ${cells}, but ${most} can work at the same time (${share.allowed.length} CPUs allowed, ` +
              `${share.quota === null ? 'no quota' : `a quota of ${share.quota}`}): times are not to be trusted`,
          ]
        : [],
  };
}
