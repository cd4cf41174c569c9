import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { batchRunId } from '@sandpiper/store';
import type { Redis } from 'ioredis';
import { type Api, untilAccepted } from '../api.js';
import { check, countEnded } from '../checker.js';
import type { Cluster } from '../cluster.js';
import { requirement, figure, type Observation } from '../observation.js';
import { cpuSeconds } from '../processes.js';
import { Service } from '../service.js';
import { seldom, type Stage, withCluster } from '../stage.js';
import { sleep, until } from '../wait.js';

export interface Simulation {
  readonly runs: number;
  readonly nodes: number;
  /** Spread over this many processes. */
  readonly processes: number;
  /** Runs in one batch. */
  readonly batch: number;
}

const DEMANDED_PER_SECOND = 2_000;

/** Concurrent batches. */
const LANES = 2;

const ENTRY = fileURLToPath(new URL('../simulated-nodes.js', import.meta.url));

/** A folder for CPU profiles of the scheduler and the nodes, or nothing. */
const PROFILES = process.env['FAULTS_PROFILES'] ?? '';

/** What one run costs each, microseconds of CPU time, and the total time. */
interface Cost {
  readonly seconds: number;
  readonly scheduler: number;
  readonly redis: number;
  readonly nodes: number;
  /** Runs in the best second. */
  readonly best: number;
  /** Until all were accepted, seconds. */
  readonly accepted: number;
}

/**
 * Guests that cost nothing: the capacity of scheduler, queue and Redis, and which of them saturates first.
 */
export function simulation(stage: Stage, options: Simulation): Promise<Observation[]> {
  return withCluster(stage, async (cluster, api) => {
    const redis = cluster.connect();
    const nodeOptions = PROFILES === '' ? [] : ['--cpu-prof', `--cpu-prof-dir=${PROFILES}`];
    const scheduler = await cluster.startScheduler({ nodeOptions, env: { SANDPIPER_LOG_LEVEL: 'warn' } });
    const farm = await startFarm(cluster, options, nodeOptions);
    try {
      await until('all nodes are known', 60_000, async () => (await api.nodes()).length === options.nodes);
      const ids = await submit(api, 'warm-up', 2 * options.batch, options.batch);
      await until('all is quiet', 60_000, async () => (await countEnded(redis)) === ids.length);
      await redis.config('RESETSTAT');
      const cost = await measure(stage, { cluster, api, redis, scheduler, farm, options, ids });
      const commands = await costliest(redis, options.runs);
      const { findings } = await check({ redis, acknowledged: ids, nothingDied: true });
      return [...costs(cost, options), figure('Redis, by command', commands), ...findings];
    } finally {
      for (const service of [scheduler, ...farm]) service.signal('SIGTERM');
      for (const service of [scheduler, ...farm]) await service.exit;
    }
  });
}

async function startFarm(
  cluster: Cluster,
  { nodes, processes }: Simulation,
  nodeOptions: readonly string[],
): Promise<Service[]> {
  const farm = Array.from({ length: processes }, (_, index) =>
    Service.spawn({
      name: `farm-${index}`,
      entry: ENTRY,
      env: {
        SANDPIPER_REDIS_URL: cluster.redis.socket,
        SIMULATED_NODES: String(Math.floor(nodes / processes)),
        SIMULATED_PREFIX: `farm-${index}`,
      },
      logFile: join(cluster.folder, `farm-${index}.log`),
      door: null,
      nodeOptions,
    }),
  );
  return Promise.all(farm.map((service) => service.ready()));
}

/** In batches, a few at a time. @returns ids of the runs */
async function submit(api: Api, name: string, runs: number, batch: number): Promise<string[]> {
  const body = JSON.stringify({ runs: Array.from({ length: batch }, () => ({ source: 'print(42)' })) });
  const ids: string[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next * batch < runs) {
      const key = `${name}-${next++}`;
      const call = { method: 'POST', type: 'application/json', timeoutMs: 120_000, body, key } as const;
      const { id } = await untilAccepted(() => api.call<{ id: string }>('/v1/batches', call));
      for (let index = 0; index < batch; index++) ids.push(batchRunId(id, index));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return ids;
}

interface Scene {
  readonly cluster: Cluster;
  readonly api: Api;
  readonly redis: Redis;
  readonly scheduler: Service;
  readonly farm: readonly Service[];
  readonly options: Simulation;
  /** Collects the ids of submitted runs. */
  readonly ids: string[];
}

async function measure(stage: Stage, scene: Scene): Promise<Cost> {
  const { cluster, api, redis, scheduler, farm, options, ids } = scene;
  const before = await countEnded(redis);
  const cpu = () => ({
    scheduler: cpuSeconds(scheduler.pid),
    redis: cpuSeconds(cluster.redis.pid),
    nodes: farm.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0),
  });
  const cpuBefore = cpu();
  const begun = performance.now();
  let accepted = 0;
  const submitting = submit(api, 'measured', options.runs, options.batch).then((found) => {
    accepted = (performance.now() - begun) / 1000;
    for (const id of found) ids.push(id);
  });
  const say = seldom(stage.say);
  let best = 0;
  for (let last = 0, at = begun; last < options.runs; ) {
    await sleep(100);
    const now = performance.now();
    const ended = (await countEnded(redis)) - before;
    if (now - at < 1_000 && ended < options.runs) continue;
    const rate = (1000 * (ended - last)) / (now - at);
    if (now - at >= 1_000) best = Math.max(best, rate);
    say(`${ended} of ${options.runs} runs ended, ${Math.round(rate)} a second`);
    [last, at] = [ended, now];
    if (now - begun > 600_000) throw new Error(`${ended} of ${options.runs} runs ended in ten minutes`);
  }
  const seconds = (performance.now() - begun) / 1000;
  await submitting;
  const cpuAfter = cpu();
  const perRun = (of: keyof typeof cpuAfter): number => (1e6 * (cpuAfter[of] - cpuBefore[of])) / options.runs;
  return {
    seconds,
    scheduler: perRun('scheduler'),
    redis: perRun('redis'),
    nodes: perRun('nodes'),
    best,
    accepted,
  };
}

function costs(cost: Cost, { runs, nodes, processes, batch }: Simulation): Observation[] {
  const perSecond = Math.round(runs / cost.seconds);
  const ceiling = (micros: number): string =>
    `${Math.round(micros)} µs; its own CPU is saturated at ${Math.round(1e6 / micros)} runs a second`;
  const had = (cost.scheduler + cost.redis + cost.nodes) * 1e-6 * (runs / cost.seconds);
  const first =
    cost.scheduler > cost.redis
      ? 'the scheduler, of which there may be several'
      : 'Redis, of which there is one';
  return [
    requirement(
      `runs a second from HTTP to the last result: ${runs} in batches of ${batch}, ${nodes} nodes`,
      perSecond,
      `at least ${DEMANDED_PER_SECOND}`,
      perSecond >= DEMANDED_PER_SECOND,
    ),
    figure('in the best second', String(Math.round(cost.best))),
    figure(
      'all were accepted after',
      `${cost.accepted.toFixed(1)} s, ended after ${cost.seconds.toFixed(1)} s`,
    ),
    figure('CPU time of the scheduler for a run', ceiling(cost.scheduler)),
    figure('CPU time of Redis for a run', ceiling(cost.redis)),
    figure('CPU time of the nodes for a run', `${Math.round(cost.nodes)} µs, in ${processes} processes`),
    figure('CPUs that these had, on average', had.toFixed(2)),
    figure('what saturates first', first),
  ];
}

/** Redis time by command, per run: `script` covers our scripts and the queue's. */
async function costliest(redis: Redis, runs: number): Promise<string> {
  const stats = await redis.info('commandstats');
  const rows = [...stats.matchAll(/^cmdstat_(\S+):calls=(\d+),usec=(\d+)/gm)].map(
    ([, name, calls, micros]) => ({
      name,
      calls: Number(calls) / runs,
      micros: Number(micros) / runs,
    }),
  );
  return rows
    .sort((a, b) => b.micros - a.micros)
    .slice(0, 12)
    .map(({ name, calls, micros }) => `${name} ${micros.toFixed(1)} µs (${calls.toFixed(2)} calls)`)
    .join(', ');
}
