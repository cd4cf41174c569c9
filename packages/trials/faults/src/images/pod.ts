import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Api } from '../api.js';
import { check, countEnded, type Ended, untilEnded } from '../checker.js';
import { Load } from '../load.js';
import { figure, type Observation, requirement } from '../observation.js';
import { expectNumbers, mixedProgram } from '../programs.js';
import { seldom, type Stage } from '../stage.js';
import { until } from '../wait.js';
import { Witness } from '../witness.js';
import { type EngineContainer, attempt } from './docker.js';
import { type Departure, type Farm, IMAGE, POD_SECURITY, podMemory, withFarm } from './farm.js';

export interface PodTrial {
  /** Of each of the two loads. */
  readonly runs: number;
}

/** A pod of the chart as a container: the command, cells by quota, a load, and a drain in the middle of one. */
export async function pod(stage: Stage, trial: PodTrial): Promise<Observation[]> {
  const alone = await doctor();
  return [...alone, ...(await withFarm((farm) => inFarm(stage, trial, farm)))];
}

async function doctor(): Promise<Observation[]> {
  const container = [
    'run',
    '--rm',
    ...POD_SECURITY,
    '--network',
    'none',
    '--cpus',
    '1',
    '--memory',
    `${podMemory(1)}m`,
  ];
  const { output } = await attempt('docker', [...container, IMAGE, 'sandpiper', 'doctor']);
  const selfTest = /self-test\s+(.*)/.exec(output)?.[1] ?? 'missing';
  return [
    requirement(
      '`sandpiper doctor` in the container',
      output.split('\n').at(-1) ?? '',
      'all requirements are met',
      output.includes('All requirements are met.'),
    ),
    requirement('its self-test', selfTest, 'passed', /passed in [\d.]+ s/.test(selfTest)),
    figure('how it holds memory', /memory\s+(.*)/.exec(output)?.[1] ?? 'unknown'),
  ];
}

async function inFarm({ say }: Stage, { runs }: PodTrial, farm: Farm): Promise<Observation[]> {
  const tell = seldom(say);
  const redis = farm.connect();
  const witness = await Witness.begin(farm.connect());
  const scheduler = await farm.scheduler('scheduler');
  const one = await farm.worker('worker-1', { cpus: 1 });
  const two = await farm.worker('worker-2', { cpus: 2 });
  const cells = [await cellsOf(farm, one), await cellsOf(farm, two)];
  say(`${cells.join(' and ')} cells with quotas of 1 and 2 CPUs`);

  const steady = await new Load({ api: farm.api, count: runs, request: mixedProgram, name: 'steady' }).run();
  await untilEnded(redis, runs, (ended) => tell(`${ended} of ${runs} runs ended`));
  const { load, longRuns, left } = await drainOne(farm, redis, one, runs);
  say(`${left.name} left in ${left.ms} ms`);
  const all = [...steady.ids, ...load.ids, ...longRuns];
  await untilEnded(redis, all.length, (ended) => tell(`${ended} of ${all.length} runs ended`));

  const stopped = [await farm.retire(two), await farm.retire(scheduler)];
  const { findings, ended } = await check({
    redis,
    witness,
    acknowledged: all,
    nothingDied: true,
    expect: numbersOf(steady, load),
  });
  const begunTwice = ended.filter(({ result }) => result.attempt !== 1);
  return [
    requirement('cells with --cpus 1 and with --cpus 2', cells.join(', '), '1, 2', cells.join() === '1,2'),
    ...[left, ...stopped].map(leftInOrder),
    requirement(
      'runs that began twice, though they would have ended within the grace',
      begunTwice.length,
      '0',
      begunTwice.length === 0,
    ),
    ...findings,
  ];
}

const cellsOf = ({ api }: Farm, { name }: EngineContainer): Promise<number> =>
  until(`${name} reports its cells`, 60_000, async () => {
    const node = (await api.nodes()).find((one) => one.name === name);
    return node?.state === 'ready' ? node.cells.length : null;
  });

interface Drained {
  readonly load: Load;
  /** Runs of 4 seconds; the last of them was on the worker when it was told to leave. */
  readonly longRuns: readonly string[];
  readonly left: Departure;
}

async function drainOne(farm: Farm, redis: Redis, worker: EngineContainer, runs: number): Promise<Drained> {
  const before = await countEnded(redis);
  const load = new Load({ api: farm.api, count: runs, request: mixedProgram, name: 'drain' });
  const submitting = load.run();
  await until('the load is under way', 60_000, async () => (await countEnded(redis)) > before + runs / 10);
  const longRuns = await longRunsUntilOn(farm.api, worker.name);
  const left = await farm.retire(worker);
  await submitting;
  return { load, longRuns, left };
}

/** Nodes take what comes, so it is tried until the run is where it should be. */
async function longRunsUntilOn(api: Api, node: string): Promise<string[]> {
  const source = 'import time; time.sleep(4)\nprint("long")\n';
  const id = await api.submit({ source, priority: 0 }, `long-${randomUUID()}`);
  const has = await until('a node has the long run', 60_000, async () =>
    (await api.nodes()).find(({ cells }) => cells.some(({ run }) => run === id)),
  );
  return has.name === node ? [id] : [id, ...(await longRunsUntilOn(api, node))];
}

export const leftInOrder = ({ name, code, ms }: Departure): Observation =>
  requirement(`exit code of ${name} after SIGTERM`, `${code}, after ${ms} ms`, '0', code === 0);

function numbersOf(...loads: readonly Load[]): (ended: Ended) => string | null {
  const judges = loads.map(({ ids, acknowledged }) => ({
    ids: new Set(ids),
    judge: expectNumbers(acknowledged),
  }));
  return (one) => {
    const judge = judges.find(({ ids }) => ids.has(one.id))?.judge;
    if (judge !== undefined) return judge(one);
    return one.result.stdout === 'long\n' ? null : `printed ${JSON.stringify(one.result.stdout)}`;
  };
}
