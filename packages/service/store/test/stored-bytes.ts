import { batchKey, KEYS, liveInputKey, liveOutputKey, runKey, type RedisConnection } from '../src/index.js';
import type { RedisServer } from '@sandpiper/testkit';

/**
 * What the counters of bytes should be, computed anew from what stands in Redis; written apart from the
 * scripts.
 */
export interface Sums {
  /** By tenant; `*` is all. A tenant without anything is not there. */
  readonly queued: Record<string, number>;
  readonly kept: Record<string, number>;
  readonly records: Record<string, number>;
}

/** What stays when there are no runs: names of tenants, orders and clocks. */
export const LASTING =
  /:(sequence|tenants|clock|share:\w+|lines:\w+|active:\w+|finished|removed|keeping|leases|taken|runtimes|hungry:\w+)$/;

const held = (length: number): number => {
  if (length === 0) return 0;
  const size = length + 10;
  let power = 1;
  while (power * 2 <= size) power *= 2;
  const step = Math.max(16, power / 4);
  return Math.ceil(size / step) * step;
};

const keyBytes = (name: string | undefined): number => (name ? 240 + 2 * name.length : 0);

function add(sums: Record<string, number>, tenant: string, by: number): void {
  if (by === 0) return;
  for (const name of [tenant, '*']) sums[name] = (sums[name] ?? 0) + by;
}

/** Each field and value of the entries after the id, as bytes of one entry. */
async function streamBytes(redis: RedisConnection, key: string): Promise<number> {
  const entries = await redis.xrangeBuffer(key, '-', '+');
  return entries.reduce((sum, [, fields]) => {
    const values = fields.filter((_, i) => i % 2 === 1).reduce((all, value) => all + value.length, 0);
    // The mark of an attempt's beginning is part of what every live run costs.
    return String(fields[0]) === 'b' ? sum : sum + held(values + 48);
  }, 0);
}

async function runBytes(redis: RedisConnection, id: string, run: Record<string, string>): Promise<number> {
  const length = (name: string): number => Buffer.byteLength(run[name] ?? '');
  const live =
    run['live'] === undefined
      ? 0
      : 10_240 + (await streamBytes(redis, liveInputKey(id))) + (await streamBytes(redis, liveOutputKey(id)));
  return (
    1400 +
    held(length('request')) +
    held(length('result')) +
    length('callback') +
    length('trace') +
    keyBytes(run['idem']) +
    live
  );
}

export async function recompute(server: RedisServer, redis: RedisConnection): Promise<Sums> {
  const names = await server.admin((admin) => admin.keys('*'));
  const sums: Sums = { queued: {}, kept: {}, records: {} };
  for (const name of names) {
    const [, id = ''] = /^\{sandpiper\}:(?:run|batch):([^:]+)$/.exec(name) ?? [];
    if (name === runKey(id)) {
      const run = await redis.hgetall(name);
      const done = run['state'] === 'done';
      add(done ? sums.kept : sums.queued, run['tenant'] ?? '?', await runBytes(redis, id, run));
    } else if (name === batchKey(id)) {
      const batch = await redis.hgetall(name);
      const total = Number(batch['total'] ?? 0);
      const bytes = 700 + Buffer.byteLength(batch['name'] ?? '') + keyBytes(batch['idem']) + 8 * total;
      const isKept = total > 0 && batch['done'] === batch['total'];
      add(isKept ? sums.kept : sums.queued, batch['tenant'] ?? '?', bytes);
    } else {
      const [, tenant] = /^\{sandpiper\}:ended:(.+)$/.exec(name) ?? [];
      if (tenant !== undefined) add(sums.records, tenant, await redis.zcard(name));
    }
  }
  return sums;
}

const numbers = (hash: Record<string, string>): Record<string, number> =>
  Object.fromEntries(Object.entries(hash).map(([name, value]) => [name, Number(value)]));

export async function counters(redis: RedisConnection): Promise<Sums> {
  const [queued, kept, records] = await Promise.all([
    redis.hgetall(KEYS.queuedBytes),
    redis.hgetall(KEYS.keptBytes),
    redis.hgetall(KEYS.kept),
  ]);
  return { queued: numbers(queued), kept: numbers(kept), records: numbers(records) };
}
