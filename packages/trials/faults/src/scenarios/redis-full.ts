import { Refusal } from '../api.js';
import { check, countEnded, untilEnded } from '../checker.js';
import { requirement, figure, type Observation, none } from '../observation.js';
import { Load } from '../load.js';
import { expectNumbers, mixedProgram } from '../programs.js';
import { seldom, type Stage, withCluster } from '../stage.js';
import { sleep } from '../wait.js';
import { Witness } from '../witness.js';

/** Redis is out of memory while runs wait and execute: nothing is accepted, nothing is lost. */
export function redisFull(stage: Stage, runs: number, seconds: number): Promise<Observation[]> {
  return withCluster(stage, async (cluster, api) => {
    const redis = cluster.connect();
    const witness = await Witness.begin(cluster.connect());
    await cluster.startScheduler();
    await cluster.startNodes(2);
    const load = await new Load({ api, count: runs, request: mixedProgram }).run();
    stage.say(`${runs} runs accepted, ${await countEnded(redis)} have ended; Redis gets no more memory`);
    await redis.config('SET', 'maxmemory', '1mb');
    const endedBefore = await countEnded(redis);
    const say = seldom(stage.say);
    const answers = new Map<string, number>();
    const begun = performance.now();
    for (let i = 0; performance.now() - begun < seconds * 1000; i++) {
      const answer = await api.submit({ source: 'print(0)' }, `full-${i}`).then(
        () => 'accepted',
        (error: unknown) => (error instanceof Refusal ? String(error.status) : String(error)),
      );
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
      say(`full: ${await countEnded(redis)} of ${runs} runs ended`);
      await sleep(100);
    }
    const endedAfter = await countEnded(redis);
    await redis.config('SET', 'maxmemory', '0');
    stage.say(`Redis has memory again, ${endedAfter} runs have ended`);
    await untilEnded(redis, runs, (ended) => say(`${ended} of ${runs} runs ended`));
    const { findings, ended } = await check({
      redis,
      witness,
      acknowledged: load.ids,
      nothingDied: true,
      expect: expectNumbers(load.acknowledged),
    });
    const seen = [...answers].map(([status, count]) => `${count} x ${status}`).join(', ');
    const unjust = ended.filter(({ result }) => result.status === 'internal-error');
    return [
      requirement(
        `answers to submissions in ${seconds} s without memory`,
        seen,
        'all 503',
        [...answers.keys()].every((status) => status === '503'),
      ),
      figure('runs that ended meanwhile', `${endedAfter - endedBefore} of ${runs}`),
      none(
        'runs given up',
        unjust.length,
        unjust.map(({ id, result }) => `${id}: ${result.message}`),
      ),
      ...findings,
    ];
  });
}
