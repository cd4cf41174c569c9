import { setPriority } from 'node:os';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { NewKey, TenantSettings } from '@sandpiper/contracts';
import type { Api } from '../api.js';
import type { Cluster } from '../cluster.js';
import { requirement, type Observation, none } from '../observation.js';
import type { Hellos } from '../neighbour.js';
import { peakResidentBytes } from '../processes.js';
import type { Service } from '../service.js';
import { type Stage, withCluster } from '../stage.js';
import type { ClientJob, ClientReport } from './client.js';

const ADMIN_KEY = 'admin-key-of-the-trials-0123456789abcdef';

const MIB = 1024 * 1024;

export interface HouseOptions {
  readonly scheduler?: Readonly<Record<string, string>>;
  readonly node?: Readonly<Record<string, string>>;
  /** Options of Node.js itself, for both. */
  readonly nodeOptions?: readonly string[];
}

/** One service for several tenants: a scheduler that asks for keys, and a node of two cells. */
export interface House {
  readonly cluster: Cluster;
  readonly scheduler: Service;
  readonly node: Service;
  readonly admin: Api;
  /** Makes a tenant with a key. */
  tenant(name: string, settings?: Partial<TenantSettings>): Promise<TenantAccess>;
}

export interface TenantAccess {
  readonly api: Api;
  readonly key: string;
}

/** The house is removed afterwards, whatever happens. */
export function withHouse(
  stage: Stage,
  options: HouseOptions,
  play: (house: House) => Promise<Observation[]>,
): Promise<Observation[]> {
  return withCluster(stage, async (cluster, anyone) => play(await openHouse(cluster, anyone, options)));
}

export async function openHouse(cluster: Cluster, anyone: Api, options: HouseOptions = {}): Promise<House> {
  const auth = { SANDPIPER_AUTH: 'on', SANDPIPER_ADMIN_KEY: ADMIN_KEY };
  const nodeOptions = options.nodeOptions ?? [];
  const [scheduler, node] = await Promise.all([
    cluster.startScheduler({ env: { ...auth, ...options.scheduler }, nodeOptions }),
    cluster.startNode({ env: { SANDPIPER_CELLS: '2', ...options.node }, nodeOptions }),
  ]);
  const admin = anyone.as(ADMIN_KEY);
  const put = (path: string, method: 'PUT' | 'POST', body: object): Promise<unknown> =>
    admin.call(path, { method, type: 'application/json', body: JSON.stringify(body) });
  return {
    cluster,
    scheduler,
    node,
    admin,
    async tenant(name, settings) {
      if (settings !== undefined) await put(`/v1/tenants/${name}`, 'PUT', settings);
      const { key } = (await put('/v1/keys', 'POST', { tenant: name })) as NewKey;
      return { api: anyone.as(key), key };
    },
  };
}

/**
 * Runs it in a separate process, like a client elsewhere: a flood's cost to its sender is not measured here.
 * It yields to the service, because a real client does not share the CPUs with it.
 */
export async function inClient(job: ClientJob): Promise<ClientReport> {
  // The built file, even where this file is run from its source.
  const child = fork(fileURLToPath(new URL('../../dist/tenants/client.js', import.meta.url)));
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  try {
    if (child.pid !== undefined) setPriority(child.pid, 10);
    const ended = once(child, 'exit').then(([code]) =>
      Promise.reject(new Error(`a client ended with ${code}`)),
    );
    child.send(job);
    const [report] = (await Promise.race([once(child, 'message'), ended])) as [ClientReport];
    return report;
  } finally {
    process.off('exit', kill);
    kill();
  }
}

export const mebibytes = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`;

/** What the neighbour must see in every trial. */
export function rightAnswers(seen: Hellos): Observation[] {
  return [
    none(
      `hellos of another tenant without the right result, of ${seen.count}`,
      seen.faults.length,
      seen.faults,
    ),
    none('of which answered with 5xx or not at all', seen.serverErrors),
  ];
}

/** @param most in ms; null where no clock is judged */
export function within(what: string, ms: number, most: number | null): Observation {
  const measured = `${Math.round(ms)} ms`;
  if (most === null) return { what, measured, required: '', met: null };
  return requirement(what, measured, `at most ${most} ms`, ms <= most);
}

/** The peak of its memory, against a bound in MiB. */
export function memoryBelow(service: Service, most: number): Observation {
  const peak = peakResidentBytes(service.pid);
  return requirement(
    'most resident memory of the scheduler',
    mebibytes(peak),
    `below ${most} MiB`,
    peak < most * MIB,
  );
}

/** Nothing was restarted: the processes are the original ones. */
export function stillAlive(house: House): Observation {
  const gone = [house.scheduler, house.node].filter(({ isAlive }) => !isAlive).map(({ name }) => name);
  return none('services that ended', gone.length, gone);
}
