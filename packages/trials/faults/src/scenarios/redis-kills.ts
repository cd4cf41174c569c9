import { check, untilEnded } from '../checker.js';
import { requirement, figure, type Observation, none } from '../observation.js';
import { Load } from '../load.js';
import { expectNumbers, mixedProgram } from '../programs.js';
import { seldom, type Stage, withCluster } from '../stage.js';
import { strikeBetweenEnds } from '../strikes.js';
import { between, sleep } from '../wait.js';
import { Witness } from '../witness.js';

export interface RedisKills {
  readonly runs: number;
  readonly kills: number;
}

/** Redis is killed with -9 and restarted while runs are submitted and processed. */
export function redisKills(stage: Stage, { runs, kills }: RedisKills): Promise<Observation[]> {
  return withCluster(stage, async (cluster, api) => {
    const redis = cluster.connect();
    const witness = await Witness.begin(cluster.connect());
    const scheduler = await cluster.startScheduler();
    const nodes = await cluster.startNodes(2);
    const load = new Load({ api, count: runs, request: mixedProgram, repeatEvery: 10, timeoutMs: 5_000 });
    const submitting = load.run();
    const say = seldom(stage.say);
    const over = (ended: number) => load.acknowledged.size >= runs && ended >= runs;
    const done = await strikeBetweenEnds({ redis, runs, kills, over, say }, async () => {
      await sleep(between(0, 500));
      await cluster.redis.kill();
      await sleep(between(0, 2_000));
      await cluster.redis.boot();
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
    const alive = [scheduler, ...nodes].filter((service) => service.isAlive).length;
    return [
      requirement('Redis killed with -9 and restarted', done, String(kills), done === kills),
      figure('answers that were not acknowledgements', load.describedRefusals),
      none('submissions that made two runs', load.differing.length, load.differing),
      requirement('services that survived without a restart', alive, '3', alive === 3),
      ...findings,
    ];
  });
}
