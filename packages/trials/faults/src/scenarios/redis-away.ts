import type { Api } from '../api.js';
import { Refusal } from '../api.js';
import { check, untilEnded } from '../checker.js';
import type { Cluster } from '../cluster.js';
import { requirement, type Observation } from '../observation.js';
import { Load } from '../load.js';
import { expectNumbers, mixedProgram } from '../programs.js';
import { type Stage, withCluster } from '../stage.js';
import { sleep, until } from '../wait.js';
import { Witness } from '../witness.js';

/** How long a command of the scheduler to a hanging Redis may take, milliseconds. */
const COMMAND_MS = 1_000;

/** What a refused submission may take beyond that: only a busy machine, milliseconds. */
const SLACK_MS = 2_000;

/**
 * Redis is away for a while, once dead and once hanging: refused at once, and everything resumes afterwards.
 */
export function redisAway(stage: Stage, seconds: number): Promise<Observation[]> {
  return withCluster(stage, async (cluster, api) => {
    const redis = cluster.connect();
    const witness = await Witness.begin(cluster.connect());
    await cluster.startScheduler({ env: { SANDPIPER_REDIS_TIMEOUT_MS: String(COMMAND_MS) } });
    await cluster.startNodes(2);
    const findings: Observation[] = [];
    const before = await submitMany(api, 'before', 40);
    const over = [await longRun(api, seconds, 'dead')];
    stage.say(`Redis is killed for ${seconds} s`);
    await cluster.redis.kill();
    findings.push(...(await refusedFor(api, seconds, 'dead', SLACK_MS)));
    await cluster.redis.boot();
    findings.push(await takesAgain(api, 'dead'));
    const between = await submitMany(api, 'between', 40);
    over.push(await longRun(api, seconds, 'hanging'));
    stage.say(`Redis hangs for ${seconds} s`);
    cluster.redis.freeze();
    findings.push(...(await refusedFor(api, seconds, 'hanging', COMMAND_MS + SLACK_MS)));
    cluster.redis.thaw();
    findings.push(await takesAgain(api, 'hanging'));
    const after = await submitMany(api, 'after', 40);
    // A submission that was refused, yet carried out by a hanging Redis, is a run too, though it was never
    // acknowledged.
    const loads = [before, between, after];
    const ids = [...loads.flatMap((load) => load.ids), ...(await probesOf(api)), ...over];
    // Runs that were active while Redis was away are restarted, and may occupy every cell for that time.
    await untilEnded(redis, ids.length, () => undefined, 3_000 * seconds + 60_000);
    const checked = await check({
      redis,
      witness,
      acknowledged: ids,
      nothingDied: true,
      expect: (ended) => {
        const load = loads.find((one) => one.ids.includes(ended.id));
        return load === undefined ? null : expectNumbers(load.acknowledged)(ended);
      },
    });
    return [...findings, ...checked.findings, ...(await goesOn(cluster))];
  });
}

const submitMany = (api: Api, name: string, count: number): Promise<Load> =>
  new Load({ api, name, count, request: mixedProgram }).run();

/**
 * A run that is active when Redis goes away and returns. Its lease expires meanwhile: it may be restarted.
 */
async function longRun(api: Api, seconds: number, kind: Kind): Promise<string> {
  const wallMs = 3_000 * seconds;
  const source = `import time; time.sleep(${1.2 * seconds})`;
  const id = await api.submit({ source, priority: 0, limits: { wallMs } }, `long-${kind}`);
  await until('the long run is running', 60_000, async () => (await api.run(id)).state === 'running');
  return id;
}

const PROBES = ['dead', 'hanging'] as const;
type Kind = (typeof PROBES)[number];

/** One key for all probes of a kind: those that are carried out in the end are one run. */
const probe = (api: Api, kind: Kind): Promise<string> =>
  api.submit({ source: 'print("probe")' }, `probe-${kind}`);

/** After Redis is back, each is acknowledged under its key. */
const probesOf = (api: Api): Promise<string[]> => Promise.all(PROBES.map((kind) => probe(api, kind)));

/** Submissions while Redis is away: each is refused with 503, and soon. */
async function refusedFor(api: Api, seconds: number, kind: Kind, mostMs: number): Promise<Observation[]> {
  const until = performance.now() + seconds * 1000;
  const statuses = new Map<string, number>();
  const times: number[] = [];
  while (performance.now() < until) {
    const answer = await probe(api, kind).then(
      () => 'accepted',
      (error: unknown) => {
        if (error instanceof Refusal) times.push(error.afterMs);
        return error instanceof Refusal ? String(error.status) : String(error);
      },
    );
    statuses.set(answer, (statuses.get(answer) ?? 0) + 1);
    await sleep(100);
  }
  const seen = [...statuses].map(([status, count]) => `${count} x ${status}`).join(', ');
  const slowest = Math.max(0, ...times);
  return [
    requirement(
      `answers while Redis is ${kind} for ${seconds} s`,
      seen,
      'all 503',
      [...statuses.keys()].every((status) => status === '503'),
    ),
    requirement(`the slowest of them`, `${slowest} ms`, `at most ${mostMs} ms`, slowest <= mostMs),
  ];
}

async function takesAgain(api: Api, kind: Kind): Promise<Observation> {
  const begun = performance.now();
  await until('submissions are accepted again', 60_000, () => probe(api, kind));
  const ms = Math.round(performance.now() - begun);
  return requirement(
    `submissions are accepted again after Redis was ${kind}`,
    `after ${ms} ms`,
    'automatically',
    true,
  );
}

async function goesOn(cluster: Cluster): Promise<Observation[]> {
  const ready = await Promise.all(
    [...cluster.schedulers, ...cluster.nodes].map(
      async (service) => (await fetch(`${service.url}/readyz`)).status,
    ),
  );
  return [
    requirement(
      'readiness of the scheduler and the nodes afterwards',
      ready.join(', '),
      'all 200',
      ready.every((status) => status === 200),
    ),
  ];
}
