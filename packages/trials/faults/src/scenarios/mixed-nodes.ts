import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunRequest } from '@sandpiper/contracts';
import { batchRunId } from '@sandpiper/store';
import type { Api } from '../api.js';
import { check, countEnded, type Ended, untilEnded } from '../checker.js';
import { figure, none, type Observation, requirement } from '../observation.js';
import { seldom, type Stage, withCluster } from '../stage.js';
import { until } from '../wait.js';
import { Witness } from '../witness.js';
import { makeKey } from './fairness.js';

/** What runs ask for, and what a program of that kind prints. */
const KINDS = [
  { runtime: undefined, source: 'import sys; print(sys.implementation.name)', prints: 'pypy' },
  { runtime: 'python3', source: 'import sys; print(sys.implementation.name)', prints: 'cpython' },
  { runtime: 'tools', source: 'import tools; print(tools.NAME)', prints: 'a tool' },
] as const;

/** Each runtime is on two nodes, so each has one left when a node is killed. */
const NODES = [
  ['default', 'python3'],
  ['python3', 'tools'],
  ['tools', 'default'],
] as const;
const VICTIM = 1;

/** How much further one of two equal tenants may be: a part of the runs of one; of few runs, some are long by chance. */
const maxAhead = (own: number): number => Math.max(0.15 * own, 25);

/**
 * Three nodes with different runtimes, runs of three kinds from two tenants, the first of which is there before the second,
 * and one node is killed.
 */
export function mixedNodes(stage: Stage, runs: number): Promise<Observation[]> {
  return withCluster(stage, async (cluster, api) => {
    const redis = cluster.connect();
    const witness = await Witness.begin(cluster.connect());
    const file = describeRuntimes(cluster.folder);
    const admin = randomBytes(32).toString('hex');
    await cluster.startScheduler({
      env: {
        SANDPIPER_AUTH: 'on',
        SANDPIPER_ADMIN_KEY: admin,
        SANDPIPER_EXPECTED_RUNTIMES: 'python3,tools',
      },
    });
    const own = runs / 2;
    const batches: string[] = [];
    for (const tenant of ['first', 'second'])
      batches.push(await submit(api.as(await makeKey(api.as(admin), tenant)), own));
    const nodes = await Promise.all(
      NODES.map((served) => {
        const env = {
          SANDPIPER_RUNTIMES: file,
          SANDPIPER_SERVES: served.join(','),
          SANDPIPER_LOCK_MS: '2000',
        };
        return cluster.startNode({ env });
      }),
    );
    const say = seldom(stage.say);
    const tell = (ended: number): void => say(`${ended} of ${runs} runs ended`);
    await until('a third of the runs have ended', 120_000, async () => {
      const ended = await countEnded(redis);
      tell(ended);
      return ended > runs / 3;
    });
    const [victim] = nodes.slice(VICTIM);
    if (victim === undefined) throw new Error('there is no node to kill');
    await cluster.killNode(victim);
    await untilEnded(redis, runs, tell);
    const acknowledged = batches.flatMap((batch) =>
      Array.from({ length: own }, (_, i) => batchRunId(batch, i)),
    );
    const { findings, ended } = await check({ redis, witness, acknowledged, expect: printed });
    const served = new Map(nodes.map(({ name }, i) => [name, NODES[i] ?? []]));
    const strayed = ended.filter(({ id, result }) => {
      const { runtime = 'default' } = kindOf(id);
      return !(served.get(result.node ?? '') as readonly string[] | undefined)?.includes(runtime);
    });
    const ahead = mostAhead(witness.order, batches[0] ?? '', own);
    return [
      ...findings,
      none(
        'runs that ended on a node without their runtime',
        strayed.length,
        strayed.map(({ id }) => id),
      ),
      ...nodes.map(({ name }) =>
        figure(`ended on ${name}`, String(ended.filter(({ result }) => result.node === name).length)),
      ),
      requirement(
        'how far one of the two tenants was ahead, in runs',
        ahead,
        `at most ${maxAhead(own)}`,
        ahead <= maxAhead(own),
      ),
    ];
  });
}

/** Two runtimes beside the default one: another interpreter, and a library. @returns the file that describes them */
function describeRuntimes(folder: string): string {
  const library = join(folder, 'library');
  mkdirSync(library);
  writeFileSync(join(library, 'tools.py'), 'NAME = "a tool"\n');
  chmodSync(folder, 0o755);
  const file = join(folder, 'runtimes.yaml');
  const tools = `tools: { interpreter: /usr/bin/pypy3, libraries: [${library}] }`;
  writeFileSync(file, `runtimes:\n  python3: { interpreter: /usr/bin/python3 }\n  ${tools}\n`);
  return file;
}

const kindOf = (id: string) => KINDS[Number(id.slice(id.lastIndexOf('-') + 1)) % KINDS.length] ?? KINDS[0];

async function submit(api: Api, runs: number): Promise<string> {
  const requests = Array.from({ length: runs }, (_, index): RunRequest => {
    const { runtime, source } = KINDS[index % KINDS.length] ?? KINDS[0];
    return { source, ...(runtime === undefined ? {} : { runtime }) };
  });
  const body = JSON.stringify({ runs: requests });
  const call = { method: 'POST', type: 'application/json', key: 'all', body, timeoutMs: 60_000 } as const;
  return (await api.call<{ id: string }>('/v1/batches', call)).id;
}

function printed({ id, result }: Ended): string | null {
  const { prints } = kindOf(id);
  if (result.status !== 'ok') return `ended as ${result.status}: ${result.message}`;
  return result.stdout === `${prints}\n` ? null : `printed ${JSON.stringify(result.stdout)}`;
}

/** The greatest difference between the ends of the two tenants, until the first of them is done. */
function mostAhead(order: readonly string[], batch: string, own: number): number {
  const ended = { first: 0, second: 0 };
  let most = 0;
  for (const id of order) {
    ended[id.startsWith(`${batch}-`) ? 'first' : 'second'] += 1;
    most = Math.max(most, Math.abs(ended.first - ended.second));
    if (ended.first === own || ended.second === own) break;
  }
  return most;
}
