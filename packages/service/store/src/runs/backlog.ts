import type { RedisConnection } from '../redis/connection.js';
import { ALL_TENANTS, backlogKey, KEYS, OF_SCHEMA_3, PREFIXES, runKey } from '../keys.js';
import { throwFirstError } from '../redis/pipelines.js';
import { redisTime } from '../redis/time.js';
import { Script } from '../redis/script.js';
import { FIND_STRAYS, LOSE_NODES, TAKE_DEFERRED } from '../scripts/lifecycle.js';
import { type Bell, removeQueue, SILENT_BELL } from './queue.js';
import { MAX_DEATHS } from './store.js';

/** Maximum number of tenants in a scrape, in serving order. */
const SHOWN_TENANTS = 100;

/** Numbers that one step looks at. */
const DEFERRED_AT_ONCE = 200;
const STRAYS_AT_ONCE = 200;
const NODES_AT_ONCE = 20;
const MIGRATED_AT_ONCE = 250;

/** A run that has been running for this long is looked at: perhaps no node has it. */
const LOOK_AFTER_MS = 60_000;

const LEAD = new Script('sandpiperLead', 1, 'operation/lead');
const STEP_DOWN = new Script('sandpiperStepDown', 1, 'operation/step-down');
const MIGRATE = new Script('sandpiperMigrate', 4, 'operation/migrate');

/** The waiting runs of one tenant. */
export interface BacklogFacts {
  readonly tenant: string;
  readonly waiting: number;
  /** Waiting time of the next one, milliseconds. */
  readonly nextAgeMs: number;
}

/** Waiting runs by tenant and runtime, and what becomes of runs whose node is gone. */
export class Backlog {
  /** @param bell wakes nodes when there is work for them */
  constructor(
    private readonly redis: RedisConnection,
    private readonly bell: Bell = SILENT_BELL,
  ) {}

  /**
   * Elects the scheduler that does what only one need do.
   * @returns whether the caller leads, for the time of the lease
   */
  async lead(name: string, leaseMs: number): Promise<boolean> {
    return (await LEAD.run(this.redis, KEYS.leader, name, leaseMs)) === 1;
  }

  /** Steps down, so that another can lead at once. */
  async stepDown(name: string): Promise<void> {
    await STEP_DOWN.run(this.redis, KEYS.leader, name);
  }

  /** Puts runs of nodes that are silent for longer than their lease into quarantine. @returns their ids */
  async loseNodes(): Promise<string[]> {
    return (await LOSE_NODES.run(this.redis, KEYS.leases, KEYS.taken, MAX_DEATHS, NODES_AT_ONCE)) as string[];
  }

  /** Puts runs back that count as running and that no node has. @returns how many */
  findStrays(afterMs = LOOK_AFTER_MS): Promise<number> {
    return this.moved(FIND_STRAYS.run(this.redis, KEYS.running, KEYS.leases, afterMs, STRAYS_AT_ONCE));
  }

  /**
   * Puts deferred runs that are due back: a few quarantined ones at a time, and those that no node could read.
   * @param slots maximum number of quarantined runs in progress; @returns how many
   */
  takeDeferred(slots: number): Promise<number> {
    return this.moved(
      TAKE_DEFERRED.run(this.redis, KEYS.deferred, KEYS.quarantined, slots, DEFERRED_AT_ONCE),
    );
  }

  /** Takes over the runs that earlier versions have left. @returns how many */
  async migrate(): Promise<number> {
    const keys = [KEYS.staging, KEYS.tenants, OF_SCHEMA_3.dispatched, OF_SCHEMA_3.active];
    let all = 0;
    for (;;) {
      const moved = await this.moved(MIGRATE.run(this.redis, ...keys, PREFIXES.backlog, MIGRATED_AT_ONCE));
      all += moved;
      if (moved === 0) break;
    }
    await removeQueue(OF_SCHEMA_3.queue, this.redis);
    return all;
  }

  async counts(): Promise<Record<'waiting' | 'deferred' | 'running', number>> {
    const pipeline = this.redis.pipeline().hget(KEYS.waiting, ALL_TENANTS);
    for (const key of [KEYS.deferred, KEYS.running]) pipeline.zcard(key);
    const [waiting, deferred, running] = throwFirstError(await pipeline.exec());
    return { waiting: Number(waiting ?? 0), deferred: Number(deferred), running: Number(running) };
  }

  /** Runs that have not ended, by runtime. */
  async demand(): Promise<{ runtime: string; runs: number }[]> {
    const hash = await this.redis.hgetall(KEYS.demand);
    return Object.entries(hash).map(([runtime, runs]) => ({ runtime, runs: Number(runs) }));
  }

  /** Runs that nodes have, per tenant; the highest count first. */
  async inflight(): Promise<{ tenant: string; count: number }[]> {
    const hash = await this.redis.hgetall(KEYS.inflight);
    return Object.entries(hash)
      .map(([tenant, count]) => ({ tenant, count: Number(count) }))
      .sort((a, b) => b.count - a.count)
      .slice(0, SHOWN_TENANTS);
  }

  async byTenant(): Promise<BacklogFacts[]> {
    const [now, runtimes] = await Promise.all([redisTime(this.redis), this.redis.hkeys(KEYS.demand)]);
    const lists = this.redis.pipeline();
    for (const runtime of runtimes) lists.zrange(PREFIXES.active + runtime, 0, SHOWN_TENANTS - 1);
    const active = throwFirstError(await lists.exec()) as string[][];
    const lines = active.flatMap((tenants, i) =>
      tenants.map((tenant) => ({ tenant, line: backlogKey(tenant, runtimes[i] ?? '') })),
    );
    const reads = this.redis.pipeline();
    for (const { line } of lines) reads.zcard(line).zrange(line, 0, 0);
    const replies = throwFirstError(await reads.exec());
    const found = lines.flatMap(({ tenant }, i) => {
      const [next] = replies[2 * i + 1] as string[];
      return next === undefined ? [] : [{ tenant, waiting: Number(replies[2 * i]), next }];
    });
    const times = this.redis.pipeline();
    for (const { next } of found) times.hget(runKey(next), 'submitted');
    const submitted = throwFirstError(await times.exec());
    const byTenant = new Map<string, BacklogFacts>();
    for (const [i, { tenant, waiting }] of found.entries()) {
      const nextAgeMs = Math.max(0, now - Number(submitted[i] ?? now));
      const other = byTenant.get(tenant) ?? { tenant, waiting: 0, nextAgeMs: 0 };
      const sum = { waiting: other.waiting + waiting, nextAgeMs: Math.max(other.nextAgeMs, nextAgeMs) };
      byTenant.set(tenant, { tenant, ...sum });
    }
    return [...byTenant.values()].slice(0, SHOWN_TENANTS);
  }

  /** The reply of a script that has moved runs: how many, then the nodes to wake. */
  private async moved(reply: Promise<unknown>): Promise<number> {
    const [count, ...woken] = (await reply) as [number, ...string[]];
    this.bell.ring(woken);
    return count;
  }
}
