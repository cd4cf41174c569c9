import { batchRunId } from '@sandpiper/store';
import { randomBytes } from 'node:crypto';
import type { Api } from '../api.js';
import { check, countEnded, untilEnded } from '../checker.js';
import { requirement, figure, type Observation } from '../observation.js';
import { shortProgram } from '../programs.js';
import { seldom, type Stage, withCluster } from '../stage.js';
import { between, sleep, until } from '../wait.js';
import { Witness } from '../witness.js';

export interface Fairness {
  /** Runs of the busy tenant. */
  readonly runs: number;
  /** Interval between the other tenant's single runs. */
  readonly singles: number;
}

const CELLS = 2;

/**
 * How many runs may precede another tenant's single run: those in the cells, and some that end while the answer is on its
 * way.
 */
const MAX_BEFORE = 3 * CELLS;

/** A tenant has thousands of runs waiting, another sends single ones. */
export function fairness(stage: Stage, { runs, singles }: Fairness): Promise<Observation[]> {
  return withCluster(stage, async (cluster, api) => {
    const redis = cluster.connect();
    const witness = await Witness.begin(cluster.connect());
    const admin = randomBytes(32).toString('hex');
    await cluster.startScheduler({ env: { SANDPIPER_AUTH: 'on', SANDPIPER_ADMIN_KEY: admin } });
    await cluster.startNodes(CELLS);
    const many = api.as(await makeKey(api.as(admin), 'many'));
    const few = api.as(await makeKey(api.as(admin), 'few'));
    const batch = await submitMany(many, runs);
    const acknowledged = Array.from({ length: runs }, (_, index) => batchRunId(batch, index));
    await until('its runs go through', 60_000, async () => (await countEnded(redis)) > 20);
    const before: number[] = [];
    const say = seldom(stage.say);
    for (let i = 0; i < singles; i++) {
      await sleep(between(0, 300));
      const id = await few.submit(shortProgram(i), `single-${i}`);
      const at = witness.order.length;
      acknowledged.push(id);
      await until('the single run has ended', 60_000, () => witness.ends.has(id), 5);
      before.push(witness.order.indexOf(id) - at);
      say(`${i + 1} of ${singles} single runs; ${await countEnded(redis)} of ${runs} ended`);
    }
    const waiting = runs + singles - (await countEnded(redis));
    await many.call(`/v1/batches/${batch}`, { method: 'DELETE', timeoutMs: 120_000 });
    await untilEnded(redis, runs + singles);
    const { findings } = await check({ redis, witness, acknowledged, nothingDied: true });
    const most = Math.max(...before);
    return [
      figure('runs of the busy tenant still waiting at the end', String(waiting)),
      requirement(
        `runs of the busy tenant that ended before a single run, maximum of ${singles} times`,
        most,
        `at most ${MAX_BEFORE} with ${CELLS} cells`,
        most <= MAX_BEFORE,
      ),
      ...findings,
    ];
  });
}

export async function makeKey(admin: Api, tenant: string): Promise<string> {
  await admin.call(`/v1/tenants/${tenant}`, { method: 'PUT', type: 'application/json', body: '{}' });
  const body = JSON.stringify({ tenant });
  return (await admin.call<{ key: string }>('/v1/keys', { method: 'POST', type: 'application/json', body }))
    .key;
}

async function submitMany(api: Api, runs: number): Promise<string> {
  const lines = Array.from({ length: runs }, (_, index) => `${JSON.stringify(shortProgram(index))}\n`);
  const type = 'application/x-ndjson';
  const call = { method: 'POST', type, key: 'many', body: lines.join(''), timeoutMs: 120_000 } as const;
  return (await api.call<{ id: string }>('/v1/batches/stream', call)).id;
}
