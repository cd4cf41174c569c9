import type { DeadLetterSummary } from '@sandpiper/contracts';
import type { Api } from '../api.js';
import { check, untilEnded } from '../checker.js';
import type { Cluster } from '../cluster.js';
import { requirement, type Observation, none } from '../observation.js';
import { Load } from '../load.js';
import { expectNumbers, mixedProgram } from '../programs.js';
import { type Stage, withCluster } from '../stage.js';
import { until } from '../wait.js';
import { Witness } from '../witness.js';

const LEASE = { SANDPIPER_LOCK_MS: '2000' };

/** Long enough to be visible in GET /v1/nodes, and for its node to be killed, on a busy host too. */
const PROGRAM = 'import time; time.sleep(12); print("survived")';

const MAX_DEATHS = 3;

/** A run whose node dies each time, and other runs beside it. */
export function poison(stage: Stage, others: number): Promise<Observation[]> {
  return withCluster(stage, async (cluster, api) => {
    const redis = cluster.connect();
    const witness = await Witness.begin(cluster.connect());
    await cluster.startScheduler();
    await cluster.startNodes(2, { env: LEASE });
    const id = await api.submit({ source: PROGRAM }, 'poison');
    const load = new Load({ api, count: others, concurrency: 4, request: mixedProgram });
    const submitting = load.run();
    const kills = await killNodesWith(stage, cluster, api, id);
    await submitting;
    const given = await api.run(id);
    const listed = await until('the run is on the dead-letter list', 10_000, () => find(api, id));
    stage.say('the run is on the dead-letter list; it is run again');
    const { id: again } = await api.call<{ id: string }>(`/v1/dead-letters/${id}/requeue`, {
      method: 'POST',
    });
    const second = await until('the new run ends', 60_000, async () => {
      const run = await api.run(again, 10);
      return run.state === 'done' ? run : null;
    });
    const ids = [id, again, ...load.ids];
    await untilEnded(redis, ids.length);
    const expected = expectNumbers(load.acknowledged);
    const checked = await check({
      redis,
      witness,
      acknowledged: ids,
      expect: (ended) => (ended.id === id || ended.id === again ? null : expected(ended)),
    });
    const unjust = checked.ended.filter(
      (ended) => ended.result.status === 'internal-error' && ended.id !== id,
    );
    return [
      requirement('nodes that died while they had the run', kills, String(MAX_DEATHS), kills === MAX_DEATHS),
      requirement(
        'how it ended',
        `${given.result?.status}: ${given.result?.message}`,
        'internal-error',
        given.result?.status === 'internal-error',
      ),
      requirement('it is on the dead-letter list', listed.id === id ? 'yes' : 'no', 'yes', listed.id === id),
      none('other runs that were given up', unjust.length),
      requirement(
        'run again, where no node dies',
        `${second.result?.status}, ${JSON.stringify(second.result?.stdout)}`,
        'ok',
        second.result?.status === 'ok' && second.result.stdout === 'survived\n',
      ),
      requirement(
        'the list names the new run',
        (await find(api, id))?.requeuedAs ?? 'none',
        again,
        (await find(api, id))?.requeuedAs === again,
      ),
      ...checked.findings,
    ];
  });
}

/** Until the run has ended. @returns how many nodes were killed */
async function killNodesWith(stage: Stage, cluster: Cluster, api: Api, id: string): Promise<number> {
  let kills = 0;
  await until(
    'the run is given up',
    120_000,
    async () => {
      if ((await api.run(id)).state === 'done') return true;
      if (kills >= MAX_DEATHS) return false;
      const nodes = await api.nodes();
      const holder = nodes.find(
        ({ state, cells }) => state !== 'lost' && cells.some(({ run }) => run === id),
      );
      const victim = cluster.aliveNodes.find(({ name }) => name === holder?.name);
      if (victim === undefined) return false;
      await cluster.killNode(victim);
      kills += 1;
      stage.say(`${victim.name} had the run and was killed, kill number ${kills}`);
      await cluster.startNode({ env: LEASE });
      return false;
    },
    20,
  );
  return kills;
}

async function find(api: Api, id: string): Promise<DeadLetterSummary | undefined> {
  return (await api.deadLetters()).find((dead) => dead.id === id);
}
