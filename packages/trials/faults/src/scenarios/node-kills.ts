import { KEYS, runKey } from '@sandpiper/store';
import type { Redis } from 'ioredis';
import { check, type Ended, untilEnded } from '../checker.js';
import type { Cluster } from '../cluster.js';
import { requirement, figure, type Observation, none } from '../observation.js';
import { Load } from '../load.js';
import { expectNumbers, mixedProgram } from '../programs.js';
import type { Service } from '../service.js';
import { seldom, type Stage, withCluster } from '../stage.js';
import { strikeBetweenEnds } from '../strikes.js';
import { between, sleep, until } from '../wait.js';
import { Witness } from '../witness.js';

export interface NodeKills {
  readonly runs: number;
  readonly kills: number;
  readonly nodes: number;
}

/** A short lease, so that a dead node's runs soon go to other nodes. */
const LEASE = { SANDPIPER_LOCK_MS: '2000' };

/** A run is given up after this many crashes. */
const MAX_DEATHS = 3;

/** Nodes are killed with -9 at random moments while runs are processed; each has a successor. */
export function nodeKills(stage: Stage, { runs, kills, nodes }: NodeKills): Promise<Observation[]> {
  return withCluster(stage, async (cluster, api) => {
    const redis = cluster.connect();
    const witness = await Witness.begin(cluster.connect());
    await cluster.startScheduler();
    await cluster.startNodes(nodes, { env: LEASE });
    const load = new Load({ api, count: runs, request: mixedProgram, repeatEvery: 10 });
    const submitting = load.run();
    const deaths = new Map<string, number>();
    const killer = new Killer(cluster, redis, deaths);
    const say = seldom(stage.say);
    await strikeBetweenEnds({ redis, runs, kills, say }, async () => {
      await sleep(between(0, 400));
      await killer.strike();
    });
    await submitting;
    await killer.successors();
    await untilEnded(redis, runs, (ended) => say(`${ended} of ${runs} runs ended, ${killer.struck} kills`));
    const { findings, ended } = await check({
      redis,
      witness,
      acknowledged: load.ids,
      expect: expectNumbers(load.acknowledged),
    });
    return [
      requirement('nodes killed with -9', killer.struck, String(kills), killer.struck === kills),
      figure('of which had a run at that moment', String(killer.struckBusy)),
      none('submissions that made two runs', load.differing.length, load.differing),
      ...findings,
      ...givenUp(ended, deaths),
      ...(await remains(cluster)),
    ];
  });
}

class Killer {
  struck = 0;
  struckBusy = 0;
  private readonly starting: Promise<void>[] = [];
  private readonly killed = new Set<Service>();

  constructor(
    private readonly cluster: Cluster,
    private readonly redis: Redis,
    private readonly deaths: Map<string, number>,
  ) {}

  /** Kills a running node; another is started in its place. */
  async strike(): Promise<void> {
    const victim = await until('a node to kill', 120_000, () => this.pick());
    this.killed.add(victim);
    await this.cluster.killNode(victim);
    this.struck += 1;
    // The dead node changes nothing any more, and its lease has not expired: the runs that Redis shows died
    // with it.
    const lost = await this.runsOf(victim.name);
    if (lost.length > 0) this.struckBusy += 1;
    for (const id of lost) this.deaths.set(id, (this.deaths.get(id) ?? 0) + 1);
    this.starting.push(this.replace());
  }

  /** Waits until all replacements are up. */
  async successors(): Promise<void> {
    await Promise.all(this.starting);
  }

  private async replace(): Promise<void> {
    const node = this.cluster.spawnNode({ env: LEASE });
    // It may be the next victim before it is up.
    await node.ready().catch((error: unknown) => {
      if (!this.killed.has(node)) throw error;
    });
  }

  /** A starting node is killed too, now and then. */
  private pick(): Service | undefined {
    const alive = this.cluster.aliveNodes;
    const ready = alive.filter(({ url }) => url !== '');
    const from = Math.random() < 0.1 ? alive : ready;
    return from[Math.floor(Math.random() * from.length)];
  }

  private async runsOf(node: string): Promise<string[]> {
    const running = await this.redis.zrange(KEYS.running, 0, -1);
    const pipeline = this.redis.pipeline();
    for (const id of running) pipeline.hget(runKey(id), 'node');
    const owners = (await pipeline.exec()) ?? [];
    return running.filter((_id, i) => owners[i]?.[1] === node);
  }
}

/** A run that was on three dying nodes is blamed for them: allowed, if they really died. */
function givenUp(ended: readonly Ended[], deaths: ReadonlyMap<string, number>): Observation[] {
  const given = ended.filter(({ result }) => result.status === 'internal-error');
  const unjustly = given.filter(({ id }) => (deaths.get(id) ?? 0) < MAX_DEATHS);
  const most = Math.max(0, ...deaths.values());
  return [
    figure(
      'runs given up after three crashes, by chance',
      `${given.length}; most crashes of one run: ${most}`,
    ),
    none(
      'runs given up after fewer than three crashes',
      unjustly.length,
      unjustly.map(({ id, result }) => `${id} crashed ${deaths.get(id) ?? 0} times: ${result.message}`),
    ),
  ];
}

/** The remains of killed nodes; then all nodes drain, and nothing may be left. */
async function remains(cluster: Cluster): Promise<Observation[]> {
  const orphans = await cluster.orphans();
  for (const node of cluster.aliveNodes) {
    cluster.remember(node);
    node.signal('SIGTERM');
    await node.exit;
  }
  const after = await cluster.orphans();
  const { folders, groups } = cluster.leftovers();
  return [
    none(`guests and keepers that outlived their node (${cluster.watch})`, orphans.length, orphans),
    none('processes left after all nodes have ended', after.length, after),
    none('folders of keepers left then', folders.length, folders),
    none('control groups of keepers left then', groups.length, groups),
  ];
}
