import { check, untilEnded } from '../checker.js';
import { requirement, figure, type Observation, none } from '../observation.js';
import { Load } from '../load.js';
import { LossyNetwork, type Weather } from '../lossy-network.js';
import { expectNumbers, mixedProgram } from '../programs.js';
import { seldom, type Stage, withCluster } from '../stage.js';
import { strikeBetweenEnds } from '../strikes.js';
import { between, sleep } from '../wait.js';
import { Witness } from '../witness.js';

export interface SchedulerKills {
  readonly runs: number;
  readonly kills: number;
}

/** Redis is far away, so that kills hit the time between two commands, which is short on one machine. */
const LONG_LINE: Weather = {
  delayMs: [20, 60],
  resetEvery: Number.POSITIVE_INFINITY,
  holeEvery: Number.POSITIVE_INFINITY,
  holeMs: [0, 0],
};

/**
 * Two schedulers, one of which is repeatedly killed with -9: while it accepts runs, while it sends tickets for them, and
 * between these two steps.
 */
export function schedulerKills(stage: Stage, { runs, kills }: SchedulerKills): Promise<Observation[]> {
  return withCluster(stage, async (cluster, api) => {
    const redis = cluster.connect();
    const witness = await Witness.begin(cluster.connect());
    const line = await LossyNetwork.start(() => cluster.redis.socket, LONG_LINE);
    try {
      const startScheduler = () => cluster.startScheduler({ redisUrl: line.url });
      await Promise.all([startScheduler(), startScheduler(), cluster.startNodes(2)]);
      const load = new Load({ api, count: runs, request: mixedProgram, repeatEvery: 10, timeoutMs: 5_000 });
      const submitting = load.run();
      const say = seldom(stage.say);
      const done = await strikeBetweenEnds({ redis, runs, kills, say }, async () => {
        await sleep(between(0, 300));
        const victims = cluster.schedulers.filter(({ isAlive, url }) => isAlive && url !== '');
        await victims[Math.floor(Math.random() * victims.length)]?.kill();
        await startScheduler();
      });
      await submitting;
      await untilEnded(redis, runs, (ended) => say(`${ended} of ${runs} runs ended`));
      const { findings } = await check({
        redis,
        witness,
        acknowledged: load.ids,
        nothingDied: true,
        expect: expectNumbers(load.acknowledged),
      });
      return [
        requirement('schedulers killed with -9', done, String(kills), done === kills),
        figure('answers that were not acknowledgements', load.describedRefusals),
        none('submissions that made two runs', load.differing.length, load.differing),
        ...findings,
      ];
    } finally {
      line.stop();
    }
  });
}
