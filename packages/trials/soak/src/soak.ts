import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SandpiperClient } from '@sandpiper/client';
import {
  type Api,
  type Cluster,
  requirement,
  figure,
  type Observation,
  none,
  openHouse,
  type House,
  seldom,
  withCluster,
  Witness,
} from '@sandpiper/faults';
import type { Plant } from './heap-report.js';
import { isEnough, judge, type Judgement } from './judge.js';
import { Rounds, type SoakTenant } from './round.js';
import { Sampler, type Series } from './sampler.js';

/** Ended runs that are kept: one round's worth, so that as many leave as arrive from the second round on. */
const KEPT = 60;

/**
 * On a slow machine it continues until there are enough samples, up to this multiple of the requested time.
 */
const MAX_TIMES_LONGER = 3;

/**
 * In a long soak rounds begin this often at most, so that their rate does not change with what else the machine does:
 * heaps and allocators keep more memory in reserve for a higher rate. Milliseconds; as a part of the whole in a short one.
 */
const ROUND_MS = 12_000;
const ROUND_PART = 1 / 150;

const TENANTS = ['first', 'second', 'third'];

export interface SoakOptions {
  readonly seconds: number;
  /** A leak in the nodes, to check that it is found. */
  readonly plant: Plant | null;
  /** Keeps the folder with the logs after a failure. */
  readonly keep: boolean;
  /** One line of progress. */
  readonly say: (line: string) => void;
  /** Ends it early; the samples until then are judged. */
  readonly signal: AbortSignal;
}

export interface Soaked {
  readonly findings: readonly Observation[];
  readonly judgements: readonly Judgement[];
  readonly series: readonly Series[];
}

/** A real service under the same repeated load: what it holds after each round must not grow. */
export async function soak(options: SoakOptions): Promise<Soaked> {
  let soaked: Soaked | null = null;
  await withCluster({ say: options.say, keep: options.keep }, async (cluster, anyone) => {
    soaked = await soakOn(cluster, anyone, options);
    return [...soaked.findings];
  });
  if (soaked === null) throw new Error('the service did not start');
  return soaked;
}

async function soakOn(cluster: Cluster, anyone: Api, options: SoakOptions): Promise<Soaked> {
  const { seconds, say, signal } = options;
  const folder = join(cluster.folder, 'heaps');
  mkdirSync(folder);
  const house = await openHouse(cluster, anyone, settings(folder, options.plant));
  const redis = cluster.connect();
  const witness = await Witness.begin(cluster.connect());
  const rounds = new Rounds(await tenantsOf(house), await hasPurge(house), signal);
  const sampler = new Sampler(cluster, redis, folder);
  const tell = seldom(say, 10_000);
  const enough = (): boolean => isEnough(sampler.series[0]?.points ?? [], seconds);
  const goesOn = (): boolean =>
    sampler.seconds < seconds || (!enough() && sampler.seconds < MAX_TIMES_LONGER * seconds);
  const roundMs = Math.min(ROUND_MS, seconds * 1000 * ROUND_PART);
  while (goesOn() && !signal.aborted) {
    const begun = performance.now();
    await rounds.play();
    if (signal.aborted) break;
    await sampler.take();
    tell(described(house, rounds, sampler));
    await sleep(Math.max(0, begun + roundMs - performance.now()), undefined, { signal }).catch(
      () => undefined,
    );
  }
  const judgements = sampler.series.map(({ name, metric, points }) => judge(name, metric, points, seconds));
  // Runs that were active at the interruption have no end yet.
  const missed = signal.aborted ? [] : [...rounds.acknowledged].filter((id) => !witness.ends.has(id));
  const { doubled } = witness;
  witness.close();
  const growing = judgements.filter(({ grows }) => grows);
  const findings = [
    requirement(
      'samples of each series after the warm-up',
      judgements[0]?.points ?? 0,
      'at least 6',
      enough(),
    ),
    none(
      `series that grow, of ${judgements.length}`,
      growing.length,
      growing.map(({ series }) => series),
    ),
    none(
      `runs without the end that they were made for, of ${rounds.acknowledged.size}`,
      rounds.faults.length,
      rounds.faults,
    ),
    none('runs whose end was accepted twice', doubled.length, doubled),
    none('acknowledged runs whose end was never told', missed.length, missed),
    figure('how they ended', [...rounds.byStatus].map(([status, count]) => `${count} ${status}`).join(', ')),
  ];
  return { findings, judgements, series: sampler.series };
}

/**
 * Every thread says at a signal what its heap holds; what is kept is little, so that as much leaves as comes.
 */
function settings(folder: string, plant: Plant | null): Parameters<typeof openHouse>[2] {
  const kept = { SANDPIPER_KEEP_ENDED: String(KEPT), SOAK_FOLDER: folder };
  // A busy machine must not look like a Redis that is away.
  const patient = { ...kept, SANDPIPER_REDIS_TIMEOUT_MS: '60000' };
  const hook = fileURLToPath(new URL('heap-hook.js', import.meta.url));
  return {
    nodeOptions: ['--import', hook],
    scheduler: patient,
    node: plant === null ? kept : { ...kept, SOAK_PLANT: plant },
  };
}

async function tenantsOf(house: House): Promise<SoakTenant[]> {
  const tenants = await Promise.all(TENANTS.map((name) => house.tenant(name)));
  return tenants.map(({ api, key }) => ({
    api,
    client: new SandpiperClient(house.scheduler.url, { apiKey: key }),
  }));
}

/** The description of the interface says whether results can be deleted. */
async function hasPurge({ scheduler }: House): Promise<boolean> {
  const text = await (await fetch(`${scheduler.url}/openapi.json`)).text();
  return text.includes('"purge"');
}

function described(house: House, rounds: Rounds, sampler: Sampler): string {
  const mebibytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
  const of = (owner: string): string =>
    `${owner} heap ${mebibytes(sampler.newest(owner, 'heap'))} RSS ${mebibytes(sampler.newest(owner, 'rss'))}`;
  const redis = `Redis ${mebibytes(sampler.newest('Redis', 'redisBytes'))} in ${sampler.newest('Redis', 'redisKeys')} keys`;
  return `${rounds.acknowledged.size} runs, ${rounds.faults.length} faults; ${of(house.scheduler.name)}, ${of(house.node.name)}, ${redis}`;
}
