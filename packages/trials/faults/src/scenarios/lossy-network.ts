import { Api } from '../api.js';
import { check, untilEnded } from '../checker.js';
import { figure, type Observation, none } from '../observation.js';
import { Load } from '../load.js';
import { LossyNetwork, type Weather } from '../lossy-network.js';
import { expectNumbers, mixedProgram } from '../programs.js';
import { seldom, type Stage, withCluster } from '../stage.js';
import { Witness } from '../witness.js';

/** A far continent over a bad line. Each run takes many requests to Redis, so its line may lose less. */
const TO_REDIS: Weather = { delayMs: [5, 60], resetEvery: 400, holeEvery: 200, holeMs: [200, 2_000] };
const TO_SCHEDULER: Weather = { delayMs: [20, 150], resetEvery: 12, holeEvery: 10, holeMs: [200, 3_000] };

/** Clients, the scheduler and the nodes reach each other and Redis only over a slow, lossy network. */
export function lossyNetwork(stage: Stage, runs: number): Promise<Observation[]> {
  return withCluster(stage, async (cluster) => {
    const redis = cluster.connect();
    // Only the witness has a good line.
    const witness = await Witness.begin(cluster.connect());
    const socket = (): string => cluster.redis.socket;
    const networks: LossyNetwork[] = [];
    const network = async (to: () => string | number, weather: Weather): Promise<LossyNetwork> => {
      const made = await LossyNetwork.start(to, weather);
      networks.push(made);
      return made;
    };
    try {
      const ofScheduler = await network(socket, TO_REDIS);
      const ofNodes = [await network(socket, TO_REDIS), await network(socket, TO_REDIS)];
      const scheduler = await cluster.startScheduler({
        redisUrl: ofScheduler.url,
        env: { SANDPIPER_REDIS_TIMEOUT_MS: '3000' },
      });
      await Promise.all(ofNodes.map((line) => cluster.startNode({ redisUrl: line.url })));
      const ofClients = await network(() => Number(new URL(scheduler.url).port), TO_SCHEDULER);
      const api = new Api(() => [`http://127.0.0.1:${ofClients.port}`]);
      const load = new Load({
        api,
        count: runs,
        request: mixedProgram,
        repeatEvery: 3,
        timeoutMs: 8_000,
        concurrency: 24,
      });
      const say = seldom(stage.say);
      const submitting = load.run();
      await untilEnded(redis, runs, (ended) => say(`${load.acknowledged.size} acknowledged, ${ended} ended`));
      await submitting;
      const resets = networks.reduce((sum, { resets }) => sum + resets, 0);
      const holes = networks.reduce((sum, { holes }) => sum + holes, 0);
      // The queue may not know yet of runs that have ended.
      for (const line of networks) line.clearUp();
      await untilEnded(redis, runs);
      const { findings, ended } = await check({
        redis,
        witness,
        acknowledged: load.ids,
        nothingDied: true,
        expect: expectNumbers(load.acknowledged),
      });
      const unjust = ended.filter(({ result }) => result.status === 'internal-error');
      return [
        figure('connections that were reset midway', String(resets)),
        figure('pauses of 0.2 to 3 s', String(holes)),
        figure('answers that were not acknowledgements', load.describedRefusals),
        none('submissions that made two runs', load.differing.length, load.differing),
        none(
          'runs given up',
          unjust.length,
          unjust.map(({ id, result }) => `${id}: ${result.message}`),
        ),
        ...findings,
      ];
    } finally {
      for (const line of networks) line.stop();
    }
  });
}
