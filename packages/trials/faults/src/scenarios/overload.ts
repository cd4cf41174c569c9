import { ALL_TENANTS, KEYS } from '@sandpiper/store';
import type { Redis } from 'ioredis';
import { type Api, Refusal } from '../api.js';
import { check, countEnded, untilEnded } from '../checker.js';
import { requirement, figure, type Observation, none } from '../observation.js';
import { residentBytes } from '../processes.js';
import type { Service } from '../service.js';
import { seldom, type Stage, withCluster } from '../stage.js';
import { sleep } from '../wait.js';

/** Runs that may wait, in total. */
const MAX_WAITING = 300;

/** Clients that submit one run after the other. */
const CLIENTS = 48;

/** Some submissions are big: refused ones must not pile up either. */
const BIG_BYTES = 200_000;

/** How much the services may grow beyond the first half, bytes. */
const GROWTH_BYTES = 96 * 1024 * 1024;

interface Seen {
  accepted: string[];
  refused: number;
  others: Map<string, number>;
  withoutRetryAfter: number;
  mostWaiting: number;
  /** Slowest answer to a request unrelated to the flood, milliseconds. */
  slowestHealth: number;
}

/** More than ten times as many submissions as the nodes can serve, for a while. */
export function overload(stage: Stage, seconds: number): Promise<Observation[]> {
  return withCluster(stage, async (cluster, api) => {
    const redis = cluster.connect();
    const scheduler = await cluster.startScheduler({ env: { SANDPIPER_MAX_QUEUE: String(MAX_WAITING) } });
    const nodes = await cluster.startNodes(2);
    const services = [scheduler, ...nodes];
    const seen: Seen = {
      accepted: [],
      refused: 0,
      others: new Map(),
      withoutRetryAfter: 0,
      mostWaiting: 0,
      slowestHealth: 0,
    };
    const memory = new Memory(services, cluster.redis.pid);
    const begun = performance.now();
    const isOver = (): boolean => performance.now() - begun > seconds * 1000;
    const say = seldom(stage.say);
    const watching = watch(redis, scheduler, seen, memory, isOver, () =>
      say(`${seen.accepted.length} accepted, ${seen.refused} refused, ${memory.described()}`),
    );
    await Promise.all(Array.from({ length: CLIENTS }, (_, client) => flood(api, client, seen, isOver)));
    await watching;
    const served = await countEnded(redis);
    await untilEnded(redis, seen.accepted.length);
    const { findings } = await check({ redis, acknowledged: seen.accepted, nothingDied: true });
    const sent = seen.accepted.length + seen.refused;
    const others = [...seen.others].map(([answer, count]) => `${count} x ${answer}`).join(', ');
    return [
      requirement(
        `submissions in ${seconds} s, per run that the nodes served`,
        (sent / Math.max(1, served)).toFixed(1),
        'at least 10',
        sent >= 10 * served,
      ),
      requirement('refused with 429', seen.refused, 'some', seen.refused > 0),
      none('of which without Retry-After', seen.withoutRetryAfter),
      requirement('answers that were neither 202 nor 429', others || 'none', 'none', seen.others.size === 0),
      requirement(
        'most runs waiting at the same time',
        seen.mostWaiting,
        `at most ${MAX_WAITING}`,
        seen.mostWaiting <= MAX_WAITING,
      ),
      figure('slowest answer to GET /healthz meanwhile', `${Math.round(seen.slowestHealth)} ms`),
      ...memory.findings(),
      ...findings,
    ];
  });
}

async function flood(api: Api, client: number, seen: Seen, isOver: () => boolean): Promise<void> {
  for (let i = 0; !isOver(); i++) {
    const big = i % 10 === 9 ? { stdin: 'x'.repeat(BIG_BYTES) } : {};
    const source = 'import time; time.sleep(0.05)';
    try {
      seen.accepted.push(await api.submit({ source, ...big }, `flood-${client}-${i}`));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.status === 429) {
        seen.refused += 1;
        if (error.retryAfter === null) seen.withoutRetryAfter += 1;
      } else {
        const answer = error.status === 0 ? error.message : String(error.status);
        seen.others.set(answer, (seen.others.get(answer) ?? 0) + 1);
      }
    }
  }
}

async function watch(
  redis: Redis,
  scheduler: Service,
  seen: Seen,
  memory: Memory,
  isOver: () => boolean,
  tell: () => void,
): Promise<void> {
  while (!isOver()) {
    seen.mostWaiting = Math.max(seen.mostWaiting, Number((await redis.hget(KEYS.waiting, ALL_TENANTS)) ?? 0));
    memory.look();
    const asked = performance.now();
    await fetch(`${scheduler.url}/healthz`);
    seen.slowestHealth = Math.max(seen.slowestHealth, performance.now() - asked);
    tell();
    await sleep(200);
  }
}

/** Resident memory of processes over time. */
class Memory {
  private readonly samples: number[][] = [];

  constructor(
    private readonly services: readonly Service[],
    private readonly redisPid: number,
  ) {}

  look(): void {
    this.samples.push([...this.services.map(({ pid }) => pid), this.redisPid].map(residentBytes));
  }

  described(): string {
    return `scheduler, nodes, Redis: ${(this.samples.at(-1) ?? []).map(mebibytes).join(', ')}`;
  }

  findings(): Observation[] {
    const half = Math.ceil(this.samples.length / 2);
    const most = (samples: readonly number[][], which: number): number =>
      Math.max(0, ...samples.map((sample) => sample[which] ?? 0));
    return [...this.services.map(({ name }) => name), 'Redis'].map((name, which) => {
      const first = most(this.samples.slice(0, half), which);
      const second = most(this.samples.slice(half), which);
      const kind = name.startsWith('s') ? 'the scheduler' : name.startsWith('n') ? `node ${name}` : name;
      return requirement(
        `most memory of ${kind} in the first half, and in the second`,
        `${mebibytes(first)}, ${mebibytes(second)}`,
        `no more than ${mebibytes(GROWTH_BYTES)} above the first`,
        second - first <= GROWTH_BYTES,
      );
    });
  }
}

const mebibytes = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MiB`;
