import { bytesOf, type TenantSettings } from '@sandpiper/contracts';
import { Refusal } from '../api.js';
import { demand, figure, type Finding, none } from '../finding.js';
import { Neighbour } from '../neighbour.js';
import type { Stage } from '../stage.js';
import { mebibytes, rightAnswers, stillAlive, type Tenant, withHouse } from './house.js';

const MIB = 1024 * 1024;
const OUTPUT_BYTES = 8 * MIB;

/** Bytes that Redis gets in all; what services may keep in it is bounded below. */
const REDIS_BYTES = 384 * MIB;

/** What may wait is small here: the bytes are in the results. */
const QUEUE_BYTES = 64 * MIB;

export interface FullRedisOptions {
  /** How many bytes the tenant sends, as multiples of what it may keep. */
  readonly rounds: number;
  readonly quotaBytes: number;
  readonly ceilingBytes: number;
}

/** One tenant fills Redis, to its own quota and to the ceiling of all; the others go on, and after a purge it does too. */
export function fullRedis(stage: Stage, options: FullRedisOptions): Promise<Finding[]> {
  const { ceilingBytes, quotaBytes } = options;
  const keep = {
    SANDPIPER_KEEP_BYTES: String(ceilingBytes),
    SANDPIPER_QUEUE_BYTES: String(QUEUE_BYTES),
  };
  return withHouse(stage, { scheduler: keep, node: keep }, async (house) => {
    const redis = house.cluster.connect();
    await redis.config('SET', 'maxmemory', String(REDIS_BYTES));
    const other = await house.tenant('other');
    const findings: Finding[] = [];
    const trials: [string, Partial<TenantSettings> | undefined, number][] = [
      ['quota', { maxKeptBytes: quotaBytes }, quotaBytes],
      ['ceiling', undefined, ceilingBytes],
    ];
    for (const [what, settings, bytes] of trials) {
      const heavy = await house.tenant(`heavy-${what}`, settings);
      const neighbour = new Neighbour(other.api, `beside-${what}`);
      const runs = Math.ceil((options.rounds * bytes) / OUTPUT_BYTES);
      const filled = await fill(heavy, `fill-${what}`, runs);
      const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
      stage.say(
        `to the ${what}: ${runs} results of 8 MiB sent, ${filled.answers}; Redis holds ${mebibytes(used)}`,
      );
      await purge(heavy, filled.ids);
      const after = await fill(heavy, `after-${what}`, 2);
      findings.push(
        figure(`answers to the tenant that fills Redis to its ${what}`, filled.answers),
        none(`of which no end and no refusal`, filled.faults.length, filled.faults),
        demand(
          `memory of Redis, filled to the ${what}`,
          mebibytes(used),
          `below ${mebibytes(REDIS_BYTES)}`,
          used < REDIS_BYTES,
        ),
        none(`its runs after a purge that are not ok`, 2 - after.ok, after.faults),
        ...rightAnswers(await neighbour.stop()),
      );
    }
    return [...findings, stillAlive(house)];
  });
}

interface Filled {
  readonly ids: readonly string[];
  readonly ok: number;
  /** By status, in words. */
  readonly answers: string;
  readonly faults: readonly string[];
}

/** Two runs at once, each with 8 MiB of output; a refusal with 429 or 413 is an answer, and 503 is none. */
async function fill({ api }: Tenant, name: string, runs: number): Promise<Filled> {
  const source = `import os\nfor _ in range(128): os.write(1, b"x" * 65536)\n`;
  const ids: string[] = [];
  const counts = new Map<string, number>();
  const faults: string[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < runs; i = next++) {
      const answer = await one(i);
      counts.set(answer, (counts.get(answer) ?? 0) + 1);
      if (!['ok', '429', '413', 'thrown out'].includes(answer)) faults.push(answer);
    }
  };
  await Promise.all([lane(), lane()]);
  const answers = [...counts].map(([answer, count]) => `${count} ${answer}`).join(', ');
  return { ids, ok: counts.get('ok') ?? 0, answers, faults };

  async function one(index: number): Promise<string> {
    try {
      const id = await api.submit({ source }, `${name}-${index}`);
      ids.push(id);
      for (const deadline = performance.now() + 60_000; performance.now() < deadline; ) {
        const { state, result } = await api.run(id, 20);
        if (state !== 'done') continue;
        const isWhole = result !== null && bytesOf(result, 'stdout').length === OUTPUT_BYTES;
        return isWhole ? result.status : `${result?.status}, cut short`;
      }
      return 'no end after 60 s';
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // Its own oldest leave: an end that is gone again before it is read.
      return error.status === 404 ? 'thrown out' : String(error.status);
    }
  }
}

async function purge({ api }: Tenant, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await api.call(`/v1/runs/${id}?purge=true`, { method: 'DELETE' }).catch((error: unknown) => {
      if (!(error instanceof Refusal) || error.status !== 404) throw error;
    });
  }
}
