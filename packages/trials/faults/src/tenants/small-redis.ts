import type { Redis } from 'ioredis';
import { Refusal } from '../api.js';
import { requirement, figure, type Observation, none } from '../observation.js';
import { Neighbour } from '../neighbour.js';
import type { Stage } from '../stage.js';
import { until } from '../wait.js';
import { fill, purge } from './filling.js';
import { mebibytes, rightAnswers, stillAlive, type TenantAccess, withHouse } from './house.js';

const MIB = 1024 * 1024;

/** Redis's total memory; the bounds of waiting and kept data follow from it, by default. */
const REDIS_BYTES = 60 * MIB;
const OUTPUT_BYTES = MIB / 2;
const BODY_BYTES = MIB / 2;

/**
 * A Redis of 60 MB with default settings: one tenant fills its share of kept data, then of waiting data, then
 * all kept data; and once Redis is out of memory, which bounds alone do not prevent, purges make room.
 */
export function smallRedis(stage: Stage): Promise<Observation[]> {
  return withHouse(stage, {}, async (house) => {
    const redis = house.cluster.connect();
    await redis.config('SET', 'maxmemory', String(REDIS_BYTES));
    // The scheduler reads the memory of Redis when it connects: it must see the new bound.
    await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    const other = await untilServed(() => house.tenant('other'));
    const neighbour = new Neighbour(other.api, 'beside');

    const heavy = await house.tenant('heavy');
    const share = await fill(heavy, 'share', { runs: 40, bytes: OUTPUT_BYTES });
    stage.say(
      `20 MiB of results to its share: ${share.answers}; Redis holds ${mebibytes(await used(redis))}`,
    );
    const flood = await floodQueue(heavy, 40);
    stage.say(`20 MiB of bodies at once: ${flood.described}`);

    const greedy = await house.tenant('greedy', { maxKeptBytes: REDIS_BYTES });
    const all = await fill(greedy, 'all', { runs: 100, bytes: OUTPUT_BYTES });
    const most = await used(redis);
    stage.say(`50 MiB of results to the ceiling: ${all.answers}; Redis holds ${mebibytes(most)}`);
    const seen = await neighbour.stop();

    const full = await whileFull(redis, heavy, greedy, all.ids);
    stage.say(`with no memory left: ${full.submitted}; ${full.purged} purged, then served again`);
    const after = await Promise.all(
      [heavy, greedy, other].map((tenant, i) => fill(tenant, `after-${i}`, { runs: 2, bytes: OUTPUT_BYTES })),
    );
    const faults = [...share.faults, ...all.faults, ...flood.odd];
    return [
      figure('answers, filled to the share and to the ceiling', `${share.answers}; ${all.answers}`),
      none('of which neither a result nor a refusal', faults.length, faults),
      requirement(
        'bodies above its share of the waiting data',
        flood.described,
        '429 among them',
        flood.refused > 0,
      ),
      requirement('memory of Redis', mebibytes(most), `below ${mebibytes(REDIS_BYTES)}`, most < REDIS_BYTES),
      ...rightAnswers(seen),
      requirement('a submission while Redis is full', full.submitted, '503', full.submitted === '503'),
      requirement('purges while Redis is full', full.purged, 'at least 1', full.purged > 0),
      none(
        'runs after the purge that are not ok, of three tenants',
        6 - after.reduce((sum, { ok }) => sum + ok, 0),
        after.flatMap((filled) => filled.faults),
      ),
      stillAlive(house),
    ];
  });
}

const used = async (redis: Redis): Promise<number> =>
  Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);

/** The first answer other than 503: broken connections are retried. */
const untilServed = <T>(ask: () => Promise<T>): Promise<T & object> =>
  until('the service is available again', 30_000, async () => {
    try {
      return (await ask()) as T & object;
    } catch (error) {
      if (error instanceof Refusal && error.status === 503) return null;
      throw error;
    }
  });

/** Concurrent large bodies, each of a run that takes a second. */
async function floodQueue(
  { api }: TenantAccess,
  count: number,
): Promise<{ described: string; refused: number; odd: string[] }> {
  const request = { source: 'import time; time.sleep(1)', stdin: 'x'.repeat(BODY_BYTES) };
  const statuses = await Promise.all(
    Array.from({ length: count }, (_, i) =>
      api.submit(request, `flood-${i}`).then(
        () => 202,
        (error: unknown) => {
          if (error instanceof Refusal) return error.status;
          throw error;
        },
      ),
    ),
  );
  const number = (status: number): number => statuses.filter((s) => s === status).length;
  return {
    described: `${number(202)} accepted, ${number(429)} refused with 429`,
    refused: number(429),
    odd: statuses.filter((status) => ![202, 429].includes(status)).map(String),
  };
}

/** Redis gets less memory than it holds: all writes are refused, and purges make room. */
async function whileFull(
  redis: Redis,
  heavy: TenantAccess,
  greedy: TenantAccess,
  ids: readonly string[],
): Promise<{ submitted: string; purged: number }> {
  const before = await used(redis);
  await redis.config('SET', 'maxmemory', String(before - 4 * MIB));
  const submit = (name: string): Promise<string> =>
    heavy.api.submit({ source: 'print(1)' }, name).then(
      () => 'accepted',
      (error: unknown) => {
        if (error instanceof Refusal) return String(error.status);
        throw error;
      },
    );
  const submitted = await submit('while-full');
  await purge(greedy, ids);
  await until('a submission is accepted again', 30_000, async () =>
    (await submit('afterwards')) === 'accepted' ? true : null,
  );
  return { submitted, purged: ids.length };
}
