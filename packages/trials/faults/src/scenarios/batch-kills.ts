import { batchRunId, KEYS } from '@sandpiper/store';
import type { Redis } from 'ioredis';
import { type Api, untilAccepted } from '../api.js';
import { check, countEnded, untilEnded } from '../checker.js';
import type { Cluster } from '../cluster.js';
import { requirement, figure, type Observation, none } from '../observation.js';
import { shortProgram } from '../programs.js';
import { type Stage, withCluster } from '../stage.js';
import { between, sleep } from '../wait.js';
import { Witness } from '../witness.js';

export interface BatchKills {
  readonly runs: number;
  /** Kills for each kind of body, before one submission succeeds. */
  readonly kills: number;
}

const KINDS = ['ndjson', 'json'] as const;
type Kind = (typeof KINDS)[number];

/** Runs in a piece of a body that is sent in pieces. */
const PIECE = 50;

/** The scheduler is killed with -9 midway through a batch; the client resends it under its key. */
export function batchKills(stage: Stage, { runs, kills }: BatchKills): Promise<Observation[]> {
  return withCluster(stage, async (cluster, api) => {
    const redis = cluster.connect();
    const witness = await Witness.begin(cluster.connect());
    await cluster.startScheduler();
    await cluster.startNodes(2);
    const acknowledged = new Map<number, string>();
    const findings: Observation[] = [];
    for (const kind of KINDS) {
      const struck = await strikeWhileTaken(cluster, api, redis, { kind, runs, kills });
      stage.say(`${kind}: ${kills} kills, ${struck.unsealed} of them left an incomplete batch`);
      const id = await untilAccepted(() => send(api, kind, runs));
      stage.say(`${kind}: accepted as ${id}`);
      const offset = acknowledged.size;
      for (let i = 0; i < runs; i++) acknowledged.set(offset + i, batchRunId(id, i));
      await untilEnded(redis, offset + runs);
      const again = await untilAccepted(() => send(api, kind, runs));
      const summary = await api.call<{ total: number; done: number }>(`/v1/batches/${id}/summary`);
      findings.push(
        requirement(
          `${kind}: schedulers killed meanwhile`,
          struck.kills,
          String(kills),
          struck.kills === kills,
        ),
        figure(`${kind}: of which left an incomplete batch`, String(struck.unsealed)),
        none(`${kind}: runs of an incomplete batch that were run`, struck.ran),
        requirement(
          `${kind}: runs of the batch, and how many have ended`,
          `${summary.total}, ${summary.done}`,
          `${runs}, ${runs}`,
          summary.total === runs && summary.done === runs,
        ),
        requirement(
          `${kind}: a resend gives the same batch`,
          again === id ? 'yes' : 'no',
          'yes',
          again === id,
        ),
      );
    }
    const places = new Map([...acknowledged].map(([index, id]) => [id, index % runs]));
    const checked = await check({
      redis,
      witness,
      acknowledged: [...acknowledged.values()],
      nothingDied: true,
      expect: ({ id, result }) =>
        result.stdout === `${places.get(id)}\n` ? null : `printed ${JSON.stringify(result.stdout)}`,
    });
    const again = checked.ended.filter(({ result }) => result.attempt !== 1);
    return [...findings, ...checked.findings, none('runs that were started twice', again.length)];
  });
}

interface Struck {
  kills: number;
  /** How often an incomplete batch was left. */
  unsealed: number;
  /** Runs of such batches that a node had, or that had ended. */
  ran: number;
}

interface Strike {
  readonly kind: Kind;
  readonly runs: number;
  readonly kills: number;
}

async function strikeWhileTaken(
  cluster: Cluster,
  api: Api,
  redis: Redis,
  { kind, runs, kills }: Strike,
): Promise<Struck> {
  const struck: Struck = { kills: 0, unsealed: 0, ran: 0 };
  const endedBefore = await countEnded(redis);
  while (struck.kills < kills) {
    const [scheduler] = cluster.schedulers.filter((service) => service.isAlive);
    if (scheduler === undefined) throw new Error('no scheduler to kill');
    const sending = send(api, kind, runs).then(
      () => true,
      () => false,
    );
    // Bodies that come in pieces take longer than this; the others about as long.
    await sleep(between(50, kind === 'ndjson' ? (runs / PIECE) * PIECE_MS : 1_000));
    await scheduler.kill();
    struck.kills += 1;
    const acknowledged = await sending;
    const unsealed = (await redis.zcard(KEYS.staging)) > 0;
    await cluster.startScheduler();
    if (acknowledged || !unsealed) continue;
    struck.unsealed += 1;
    // The nodes are idle, and take what there is.
    await sleep(1_500);
    struck.ran += (await redis.zcard(KEYS.running)) + (await countEnded(redis)) - endedBefore;
  }
  return struck;
}

/** Pause between two pieces, milliseconds. */
const PIECE_MS = 15;

async function send(api: Api, kind: Kind, runs: number): Promise<string> {
  const all = Array.from({ length: runs }, (_, index) => shortProgram(index));
  const key = `batch-${kind}`;
  const call =
    kind === 'json'
      ? { body: JSON.stringify({ runs: all }), type: 'application/json', path: '/v1/batches' }
      : {
          body: inPieces(all.map((run) => `${JSON.stringify(run)}\n`)),
          type: 'application/x-ndjson',
          path: '/v1/batches/stream',
        };
  const { path, ...rest } = call;
  return (await api.call<{ id: string }>(path, { method: 'POST', key, timeoutMs: 120_000, ...rest })).id;
}

function inPieces(lines: readonly string[]): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      if (at >= lines.length) return controller.close();
      await sleep(PIECE_MS);
      controller.enqueue(Buffer.from(lines.slice(at, at + PIECE).join('')));
      at += PIECE;
    },
  });
}
