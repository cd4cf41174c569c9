import { availableParallelism } from 'node:os';
import type { BatchState, RunRequest } from '@sandpiper/contracts';
import { batchRunId } from '@sandpiper/store';
import type { Api } from '../api.js';
import { check } from '../checker.js';
import type { Cluster } from '../cluster.js';
import { requirement, figure, type Observation } from '../observation.js';
import { shortProgram } from '../programs.js';
import { type Stage, withCluster } from '../stage.js';
import { until } from '../wait.js';

export interface ScaleOut {
  readonly rounds: number;
  /** In each round, with one cell and with two. */
  readonly runs: number;
}

const DEMANDED_RATIO = 1.8;

/** Computes for about 0.3 s. */
const PROGRAM = 'n = 0\nfor i in range(200_000_000): n += i & 3\nprint(n)';

/** Four nodes on one machine; then one node with one cell and with two, in turn. */
export function scaleOut(stage: Stage, { rounds, runs }: ScaleOut): Promise<Observation[]> {
  return withCluster(stage, async (cluster, api) => {
    await cluster.startScheduler();
    const acknowledged: string[] = [];
    const findings = [await fourNodes(cluster, api, acknowledged)];
    const one: number[] = [];
    const two: number[] = [];
    for (let round = 0; round < rounds; round++) {
      one.push(await throughput(cluster, api, 1, runs, acknowledged));
      two.push(await throughput(cluster, api, 2, runs, acknowledged));
      stage.say(`one cell ${one.at(-1)?.toFixed(2)} runs/s, two cells ${two.at(-1)?.toFixed(2)} runs/s`);
    }
    const list = (rates: readonly number[]): string => rates.map((rate) => rate.toFixed(2)).join(', ');
    const ratio = Math.max(...two) / Math.max(...one);
    const { findings: checked } = await check({ redis: cluster.connect(), acknowledged, nothingDied: true });
    return [
      ...findings,
      figure('runs a second with one cell, round by round', list(one)),
      figure('with two cells, in turn with the above', list(two)),
      requirement(
        `the best round with two cells, over the best with one (${availableParallelism()} CPUs)`,
        ratio.toFixed(2),
        `at least ${DEMANDED_RATIO}`,
        ratio >= DEMANDED_RATIO,
      ),
      ...checked,
    ];
  });
}

async function fourNodes(cluster: Cluster, api: Api, acknowledged: string[]): Promise<Observation> {
  const nodes = await cluster.startNodes(4);
  const batch = await run(
    api,
    'four',
    Array.from({ length: 200 }, (_, index) => shortProgram(index)),
  );
  acknowledged.push(...idsOf(batch));
  const worked = nodes.map(({ name }) => batch.runs.filter(({ result }) => result?.node === name).length);
  await Promise.all(nodes.map((node) => (node.signal('SIGTERM'), node.exit)));
  return requirement(
    'runs that each of four nodes did, of 200',
    worked.join(', '),
    'some each',
    worked.every((count) => count > 0),
  );
}

/** Runs per second of a node with `cells` cells, each on its own CPU. */
async function throughput(
  cluster: Cluster,
  api: Api,
  cells: number,
  runs: number,
  acknowledged: string[],
): Promise<number> {
  const node = await cluster.startNode({ env: { SANDPIPER_CELLS: String(cells) } });
  const name = `cells-${acknowledged.length}`;
  // The parents are started then.
  acknowledged.push(...idsOf(await run(api, `${name}-warm`, [shortProgram(0), shortProgram(1)])));
  const begun = performance.now();
  const batch = await run(
    api,
    name,
    Array.from({ length: runs }, () => ({ source: PROGRAM })),
  );
  const seconds = (performance.now() - begun) / 1000;
  acknowledged.push(...idsOf(batch));
  node.signal('SIGTERM');
  await node.exit;
  return runs / seconds;
}

const idsOf = (batch: BatchState): string[] => batch.runs.map((_run, index) => batchRunId(batch.id, index));

async function run(api: Api, name: string, runs: readonly RunRequest[]): Promise<BatchState> {
  const body = JSON.stringify({ runs });
  const call = { method: 'POST', type: 'application/json', body, key: name } as const;
  const { id } = await api.call<{ id: string }>('/v1/batches', call);
  await until(
    'the batch is done',
    300_000,
    async () => {
      const summary = await api.call<{ state: string }>(`/v1/batches/${id}/summary?wait=30`, {
        timeoutMs: 60_000,
      });
      return summary.state === 'done';
    },
    1,
  );
  return api.call<BatchState>(`/v1/batches/${id}`);
}
