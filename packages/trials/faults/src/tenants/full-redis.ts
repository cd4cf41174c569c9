import type { TenantSettings } from '@sandpiper/contracts';
import { requirement, figure, type Observation, none } from '../observation.js';
import { Neighbour } from '../neighbour.js';
import type { Stage } from '../stage.js';
import { fill, purge } from './filling.js';
import { mebibytes, rightAnswers, stillAlive, withHouse } from './house.js';

const MIB = 1024 * 1024;
const OUTPUT_BYTES = 8 * MIB;

/** Bytes that Redis gets in total; what services may keep in it is bounded below. */
const REDIS_BYTES = 384 * MIB;

/** Few runs wait here: the bytes are in the results. */
const QUEUE_BYTES = 64 * MIB;

export interface FullRedisOptions {
  /** How many bytes the tenant sends, as multiples of its quota. */
  readonly rounds: number;
  readonly quotaBytes: number;
  readonly ceilingBytes: number;
}

/**
 * One tenant fills Redis, to its own quota and to the global ceiling; the others continue, and after a purge
 * it does too.
 */
export function fullRedis(stage: Stage, options: FullRedisOptions): Promise<Observation[]> {
  const { ceilingBytes, quotaBytes } = options;
  const keep = {
    SANDPIPER_KEEP_BYTES: String(ceilingBytes),
    SANDPIPER_QUEUE_BYTES: String(QUEUE_BYTES),
  };
  return withHouse(stage, { scheduler: keep, node: keep }, async (house) => {
    const redis = house.cluster.connect();
    await redis.config('SET', 'maxmemory', String(REDIS_BYTES));
    const other = await house.tenant('other');
    const findings: Observation[] = [];
    const trials: [string, Partial<TenantSettings>, number][] = [
      ['quota', { maxKeptBytes: quotaBytes }, quotaBytes],
      // Its quota exceeds the global ceiling: the ceiling limits it.
      ['ceiling', { maxKeptBytes: 2 * ceilingBytes }, ceilingBytes],
    ];
    for (const [what, settings, bytes] of trials) {
      const heavy = await house.tenant(`heavy-${what}`, settings);
      const neighbour = new Neighbour(other.api, `beside-${what}`);
      const runs = Math.ceil((options.rounds * bytes) / OUTPUT_BYTES);
      const filled = await fill(heavy, `fill-${what}`, { runs, bytes: OUTPUT_BYTES });
      const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
      stage.say(
        `to the ${what}: ${runs} results of 8 MiB sent, ${filled.answers}; Redis holds ${mebibytes(used)}`,
      );
      await purge(heavy, filled.ids);
      const after = await fill(heavy, `after-${what}`, { runs: 2, bytes: OUTPUT_BYTES });
      findings.push(
        figure(`answers to the tenant that fills Redis to its ${what}`, filled.answers),
        none(`of which neither a result nor a refusal`, filled.faults.length, filled.faults),
        requirement(
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
