import type { Scenario } from '../stage.js';
import { batchKills } from './batch-kills.js';
import { drain } from './drain.js';
import { fairness } from './fairness.js';
import { lossyNetwork } from './lossy-network.js';
import { nodeKills } from './node-kills.js';
import { nodePauses } from './node-pauses.js';
import { overload } from './overload.js';
import { poison } from './poison.js';
import { redisAway } from './redis-away.js';
import { mixedNodes } from './mixed-nodes.js';
import { redisFull } from './redis-full.js';
import { redisKills } from './redis-kills.js';
import { scaleOut } from './scale-out.js';
import { schedulerKills } from './scheduler-kills.js';
import { simulation } from './simulation.js';

/** All scenarios, in the order in which they are played. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'node-kills',
    title: 'nodes are killed with -9 at random moments',
    play: (stage, quick) =>
      nodeKills(stage, quick ? { runs: 250, kills: 10, nodes: 3 } : { runs: 5000, kills: 200, nodes: 4 }),
  },
  {
    name: 'node-pauses',
    title: 'a node is paused past its lease, then resumes: its late result is refused',
    play: (stage, quick) => nodePauses(stage, quick ? 2 : 10),
  },
  {
    name: 'redis-kills',
    title: 'Redis is killed with -9 and started again under load',
    play: (stage, quick) => redisKills(stage, quick ? { runs: 300, kills: 4 } : { runs: 3000, kills: 20 }),
  },
  {
    name: 'redis-away',
    title: 'Redis is dead, then hangs, each for a minute',
    play: (stage, quick) => redisAway(stage, quick ? 10 : 60),
  },
  {
    name: 'redis-full',
    title: 'Redis is out of memory',
    play: (stage, quick) => redisFull(stage, quick ? 200 : 1000, quick ? 8 : 30),
  },
  {
    name: 'lossy-network',
    title: 'a slow, lossy network between clients, scheduler, Redis and nodes',
    play: (stage, quick) => lossyNetwork(stage, quick ? 150 : 1500),
  },
  {
    name: 'batch-kills',
    title: 'the scheduler is killed with -9 midway through a batch',
    play: (stage, quick) => batchKills(stage, quick ? { runs: 500, kills: 3 } : { runs: 5000, kills: 12 }),
  },
  {
    name: 'scheduler-kills',
    title: 'one of two schedulers is repeatedly killed with -9',
    play: (stage, quick) =>
      schedulerKills(stage, quick ? { runs: 300, kills: 6 } : { runs: 3000, kills: 60 }),
  },
  {
    name: 'drain',
    title: 'nodes and schedulers drain under load',
    play: (stage, quick) => drain(stage, quick ? { runs: 300, drains: 3 } : { runs: 2000, drains: 15 }),
  },
  {
    name: 'overload',
    title: 'ten times as many submissions as the nodes can serve',
    play: (stage, quick) => overload(stage, quick ? 15 : 90),
  },
  {
    name: 'fairness',
    title: 'a tenant with thousands of runs, and one with a single run now and then',
    play: (stage, quick) =>
      fairness(stage, quick ? { runs: 2_000, singles: 10 } : { runs: 10_000, singles: 100 }),
  },
  {
    name: 'mixed-nodes',
    title: 'three nodes with different runtimes, two tenants, and one node is killed',
    play: (stage, quick) => mixedNodes(stage, quick ? 150 : 600),
  },
  {
    name: 'poison',
    title: 'a run that kills its node each time',
    play: (stage, quick) => poison(stage, quick ? 50 : 300),
  },
  {
    name: 'scale-out',
    title: 'four nodes on one machine; two cells against one',
    benchmark: true,
    play: (stage, quick) => scaleOut(stage, quick ? { rounds: 2, runs: 16 } : { rounds: 8, runs: 32 }),
  },
  {
    name: 'simulation',
    title: '200 nodes with simulated guests: the capacity of scheduler and Redis',
    benchmark: true,
    play: (stage, quick) =>
      simulation(stage, { runs: quick ? 10_000 : 60_000, nodes: 200, processes: 2, batch: 1_000 }),
  },
];
