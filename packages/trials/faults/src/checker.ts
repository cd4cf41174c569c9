import type { RunResult } from '@sandpiper/contracts';
import { ALL_TENANTS, KEYS, PREFIXES, runKey } from '@sandpiper/store';
import type { Redis } from 'ioredis';
import { requirement, figure, type Observation, none } from './observation.js';
import type { Witness } from './witness.js';
import { sleep } from './wait.js';

/** When no further run ends within this time, none will, milliseconds. */
const STANDSTILL_MS = 60_000;

/** The lease, two rounds of the search for stalled jobs, and as much again, milliseconds. */
const TOLD_MS = 30_000;

/** Runs that are read at once. */
const CHUNK = 500;

export interface Ended {
  readonly id: string;
  /** How many crashes of its node or cell are counted against it. */
  readonly deaths: number;
  readonly result: RunResult;
}

/** How many runs have ended, by the counters that move with each accepted result. */
export async function countEnded(redis: Redis): Promise<number> {
  const counts = await redis.hvals(KEYS.finished);
  return counts.reduce((sum, count) => sum + Number(count), 0);
}

/**
 * Waits until `count` runs have ended, or nothing moves any more: {@link check} then names the missing ones.
 */
export async function untilEnded(
  redis: Redis,
  count: number,
  onProgress: (ended: number) => void = () => undefined,
  standstillMs = STANDSTILL_MS,
): Promise<void> {
  let before = -1;
  let since = performance.now();
  for (;;) {
    const ended = await countEnded(redis);
    if (ended !== before) since = performance.now();
    before = ended;
    onProgress(ended);
    if (ended >= count || performance.now() - since > standstillMs) return;
    await sleep(250);
  }
}

export interface CheckOptions {
  readonly redis: Redis;
  /** Every acknowledged id. */
  readonly acknowledged: readonly string[];
  readonly witness?: Witness;
  /** Says what is wrong with a result, or null. */
  readonly expect?: (ended: Ended) => string | null;
  /** No node or cell of these runs has died: so no crash may be counted, and no run given up. */
  readonly nothingDied?: boolean;
}

export interface Checked {
  readonly findings: Observation[];
  readonly ended: readonly Ended[];
}

/**
 * The requirement of all scenarios: every acknowledged id ends in exactly one terminal state, and no other
 * run exists.
 */
export async function check(options: CheckOptions): Promise<Checked> {
  const { redis, acknowledged, witness, expect, nothingDied = false } = options;
  const ids = [...new Set(acknowledged)];
  const { ended, lost } = await read(redis, ids);
  const wrong = ended.flatMap((one) => {
    const why = one.result.id === one.id ? (expect?.(one) ?? null) : 'it is the result of another run';
    return why === null ? [] : [`${one.id} ${why}`];
  });
  const known = new Set(ids);
  const strangers = (await storedRuns(redis)).filter((id) => !known.has(id));
  const counted = await countEnded(redis);
  const left = await untilEmpty(redis);
  const findings = [
    none(`acknowledged runs without an end, of ${ids.length}`, lost.length, lost),
    requirement(
      'ends counted in Redis, for the same number of acknowledged runs',
      counted,
      String(ids.length),
      counted === ids.length,
    ),
    none('runs without an acknowledged submission', strangers.length, strangers),
    none('runs left in backlogs or with nodes', left.length, left),
    none('results of other runs', wrong.length, wrong),
  ];
  if (nothingDied) {
    const blamed = ended.filter(({ deaths }) => deaths > 0).map(({ id, deaths }) => `${id} ${deaths} times`);
    findings.push(none('runs blamed for crashes that did not happen', blamed.length, blamed));
  }
  if (witness !== undefined) findings.push(...witnessed(witness, ids));
  findings.push(figure('how they ended', countedByStatus(ended)));
  return { findings, ended };
}

function witnessed(witness: Witness, ids: readonly string[]): Observation[] {
  const { doubled } = witness;
  const missed = ids.filter((id) => !witness.ends.has(id));
  const findings = [none('runs that ended twice, as a witness saw', doubled.length, doubled)];
  if (!witness.wasInterrupted) {
    findings.push(none('ends that the witness did not see', missed.length, missed));
  }
  return findings;
}

async function read(redis: Redis, ids: readonly string[]): Promise<{ ended: Ended[]; lost: string[] }> {
  const ended: Ended[] = [];
  const lost: string[] = [];
  for (let start = 0; start < ids.length; start += CHUNK) {
    const chunk = ids.slice(start, start + CHUNK);
    const pipeline = redis.pipeline();
    for (const id of chunk) pipeline.hmget(runKey(id), 'state', 'result', 'attempt', 'deaths');
    const replies = (await pipeline.exec()) ?? [];
    chunk.forEach((id, i) => {
      const [state, result, attempt, deaths] = (replies[i]?.[1] ?? []) as (string | null)[];
      if (state === 'done' && result) {
        ended.push({ id, deaths: Number(deaths), result: JSON.parse(result) as RunResult });
      } else lost.push(`${id} is ${state ?? 'unknown'}, attempt ${attempt}, deaths ${deaths}`);
    });
  }
  return { ended, lost };
}

async function storedRuns(redis: Redis): Promise<string[]> {
  const ids: string[] = [];
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', `${PREFIXES.run}*`, 'COUNT', 1000);
    cursor = next;
    ids.push(...keys.map((key) => key.slice(PREFIXES.run.length)));
  } while (cursor !== '0');
  return [...new Set(ids)];
}

/** A run whose end a node could not write goes back, and ends, when the node reports or its lease is over. */
async function untilEmpty(redis: Redis): Promise<string[]> {
  const deadline = performance.now() + TOLD_MS;
  for (;;) {
    const left = await leftInQueues(redis);
    if (left.length === 0 || performance.now() > deadline) return left;
    await sleep(100);
  }
}

/** What is left somewhere after all has ended, as `where: how many`. */
async function leftInQueues(redis: Redis): Promise<string[]> {
  const sizes: [string, Promise<number>][] = [
    ['waiting, by the counter', redis.hget(KEYS.waiting, ALL_TENANTS).then((count) => Number(count ?? 0))],
    ['demand, by the counter', redis.hlen(KEYS.demand)],
    ['deferred', redis.zcard(KEYS.deferred)],
    ['running', redis.zcard(KEYS.running)],
    ['tenants in flight', redis.hlen(KEYS.inflight)],
    ['batches being taken in', redis.zcard(KEYS.staging)],
  ];
  const found = await Promise.all(sizes.map(async ([where, size]) => ({ where, size: await size })));
  return found.filter(({ size }) => size !== 0).map(({ where, size }) => `${where}: ${size}`);
}

function countedByStatus(ended: readonly Ended[]): string {
  const counts = new Map<string, number>();
  for (const { result } of ended) counts.set(result.status, (counts.get(result.status) ?? 0) + 1);
  return [...counts].map(([status, count]) => `${count} ${status}`).join(', ') || 'none';
}
