import { randomUUID } from 'node:crypto';
import type { Api } from '../api.js';
import { check, countEnded, untilEnded } from '../checker.js';
import type { Cluster } from '../cluster.js';
import { requirement, figure, type Observation, none } from '../observation.js';
import { Load } from '../load.js';
import { expectNumbers, mixedProgram } from '../programs.js';
import type { Service } from '../service.js';
import { seldom, type Stage, withCluster } from '../stage.js';
import { between, sleep, until } from '../wait.js';
import { Witness } from '../witness.js';

export interface Drains {
  readonly runs: number;
  /** Of nodes and of schedulers each. */
  readonly drains: number;
}

const GRACE_MS = 5_000;

const NODE = {
  SANDPIPER_GRACE_MS: String(GRACE_MS),
  SANDPIPER_LOCK_MS: '2000',
};

/** What a drain may take beyond the grace: handing back, closing cells, a busy machine, milliseconds. */
const SLACK_MS = 10_000;

interface Departure {
  readonly code: number | null;
  readonly ms: number;
  /** Readiness while it drained, and whether it ever said "ready" then. */
  readonly readiness: readonly number[];
}

/** Nodes and schedulers drain under load, one after the other; each has a successor. */
export function drain(stage: Stage, { runs, drains }: Drains): Promise<Observation[]> {
  return withCluster(stage, async (cluster, api) => {
    const redis = cluster.connect();
    const witness = await Witness.begin(cluster.connect());
    const startNode = (): Promise<Service> => cluster.startNode({ env: NODE });
    await Promise.all([cluster.startScheduler(), cluster.startScheduler(), startNode(), startNode()]);
    const load = new Load({ api, count: runs, request: mixedProgram });
    const outlasting: string[] = [];
    const finishing: string[] = [];
    const submitting = load.run();
    const say = seldom(stage.say);
    const nodes: Departure[] = [];
    const schedulers: Departure[] = [];
    while (nodes.length < drains) {
      await sleep(between(200, 1_500));
      say(`${await countEnded(redis)} of ${runs} runs ended, ${nodes.length} nodes have left`);
      await startNode();
      if (nodes.length % 3 === 0) {
        // A node with a run that outlasts its grace: the run is handed back, and restarted elsewhere.
        const { id, node } = await longRun(cluster, api, 1.5 * GRACE_MS);
        outlasting.push(id);
        nodes.push(await leave(node));
      } else if (nodes.length % 3 === 1) {
        // A node with a run that takes longer than a lease and less than the grace: it ends there.
        const { id, node } = await longRun(cluster, api, 0.7 * GRACE_MS);
        finishing.push(id);
        nodes.push(await leave(node));
      } else {
        nodes.push(await leave(oldest(cluster.nodes)));
      }
      await cluster.startScheduler();
      schedulers.push(await leave(oldest(cluster.schedulers)));
    }
    await submitting;
    const all = [...load.ids, ...outlasting, ...finishing];
    await untilEnded(redis, all.length, (ended) => say(`${ended} of ${all.length} runs ended`));
    const expected = expectNumbers(load.acknowledged);
    const { findings, ended } = await check({
      redis,
      witness,
      acknowledged: all,
      nothingDied: true,
      expect: (one) => (load.ids.includes(one.id) ? expected(one) : null),
    });
    const again = ended.filter(
      ({ id, result }) => outlasting.includes(id) && result.attempt > 1 && result.status === 'ok',
    ).length;
    const once = ended.filter(
      ({ id, result }) => finishing.includes(id) && result.attempt === 1 && result.status === 'ok',
    ).length;
    const unjust = ended.filter(({ result }) => result.status === 'internal-error').length;
    return [
      ...departed('nodes', nodes, drains),
      ...departed('schedulers', schedulers, drains),
      figure('answers that were not acknowledgements', load.describedRefusals),
      requirement(
        'runs that outlasted the grace, were handed back, and ended elsewhere',
        again,
        String(outlasting.length),
        again === outlasting.length,
      ),
      requirement(
        'runs longer than the lease that ended within the grace, at the first attempt',
        once,
        String(finishing.length),
        once === finishing.length,
      ),
      none('runs given up', unjust),
      ...findings,
      ...(await remains(cluster)),
    ];
  });
}

/** Submits a run of this duration, and waits until a node has it. */
async function longRun(
  cluster: Cluster,
  api: Api,
  ms: number,
): Promise<{ readonly id: string; readonly node: Service }> {
  const source = `import time; time.sleep(${ms / 1000})`;
  // Before all others.
  const id = await api.submit({ source, priority: 0 }, `long-${randomUUID()}`);
  const node = await until('a node has the run', 60_000, async () => {
    const has = (await api.nodes()).find(({ cells }) => cells.some(({ run }) => run === id));
    return cluster.nodes.find(({ name }) => name === has?.name);
  });
  return { id, node };
}

function oldest(services: readonly Service[]): Service {
  const service = services.find(({ isAlive }) => isAlive);
  if (service === undefined) throw new Error('no service is left');
  return service;
}

async function leave(service: Service): Promise<Departure> {
  const begun = performance.now();
  service.signal('SIGTERM');
  const readiness: number[] = [];
  // Its event loop sees the signal before the request, or a moment later.
  await sleep(50);
  while (service.isAlive) {
    const status = await fetch(`${service.url}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
      (answer) => answer.status,
      () => 0,
    );
    if (service.isAlive) readiness.push(status);
    await sleep(50);
  }
  return { code: (await service.exit).code, ms: Math.round(performance.now() - begun), readiness };
}

function departed(what: string, departures: readonly Departure[], wanted: number): Observation[] {
  const codes = departures.map(({ code }) => code);
  const slowest = Math.max(0, ...departures.map(({ ms }) => ms));
  const ready = departures.filter(({ readiness }) => readiness.includes(200)).length;
  return [
    requirement(
      `${what} that ended with exit code 0, of ${wanted}`,
      codes.filter((code) => code === 0).length,
      String(wanted),
      codes.length === wanted && codes.every((code) => code === 0),
    ),
    requirement(
      `the slowest of these ${what}`,
      `${slowest} ms`,
      `${GRACE_MS} ms of grace and ${SLACK_MS} ms`,
      slowest <= GRACE_MS + SLACK_MS,
    ),
    none(`${what} that reported ready while draining`, ready),
  ];
}

async function remains(cluster: Cluster): Promise<Observation[]> {
  const orphans = await cluster.orphans();
  return [none(`guests and keepers that outlived their node (${cluster.watch})`, orphans.length, orphans)];
}
