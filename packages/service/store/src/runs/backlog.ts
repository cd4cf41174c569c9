import type { RedisConnection } from '../redis/connection.js';
import { backlogKey, KEYS, runKey } from '../keys.js';
import { throwFirstError } from '../redis/pipelines.js';
import { redisTime } from '../redis/time.js';
import { Script } from '../redis/script.js';
import { DISPATCH, TAKE_SILENT } from '../scripts/lifecycle.js';
import { TAKE_DEFERRED } from '../scripts/quarantine.js';

/** Maximum number of tenants in a scrape, in serving order. */
const SHOWN_TENANTS = 100;

/** Number of deferred runs examined at once. */
const DEFERRED_AT_ONCE = 200;

/** Number of silent runs examined at once. */
const SILENT_AT_ONCE = 500;

const LEAD = new Script('sandpiperLead', 1, 'operation/lead');
const STEP_DOWN = new Script('sandpiperStepDown', 1, 'operation/step-down');

/** The waiting runs of one tenant. */
export interface BacklogFacts {
  readonly tenant: string;
  readonly waiting: number;
  /** Waiting time of the next one, milliseconds. */
  readonly nextAgeMs: number;
}

/** Waiting runs by tenant, and runs handed to the queue. */
export class Backlog {
  constructor(private readonly redis: RedisConnection) {}

  /**
   * Takes the next runs, alternating between tenants by weight. The caller adds them to the queue; if it dies
   * before that, {@link silentDispatched} finds them.
   * @param window maximum number of unclaimed runs in the queue; @param most maximum number to take.
   */
  async dispatch(window: number, most: number): Promise<string[]> {
    return (await DISPATCH.run(this.redis, KEYS.dispatched, window, most)) as string[];
  }

  /**
   * Elects the scheduler that reacts to shared events and runs the sweep.
   * @returns whether the caller leads, for the time of the lease
   */
  async lead(name: string, leaseMs: number): Promise<boolean> {
    return (await LEAD.run(this.redis, KEYS.leader, name, leaseMs)) === 1;
  }

  /** Steps down, so that another can lead at once. */
  async stepDown(name: string): Promise<void> {
    await STEP_DOWN.run(this.redis, KEYS.leader, name);
  }

  /**
   * Runs handed to the queue longer ago than the given time and not claimed. Each is returned once per such
   * period.
   */
  silentDispatched(olderThanMs: number): Promise<string[]> {
    return this.silent(KEYS.dispatched, olderThanMs);
  }

  /** Runs claimed longer ago than the given time. Each is returned once per such period. */
  silentRunning(olderThanMs: number): Promise<string[]> {
    return this.silent(KEYS.running, olderThanMs);
  }

  /**
   * Takes deferred runs that are due: a few quarantined ones at a time, and those that no node could read.
   * The caller adds them to the queue.
   * @param slots maximum number of quarantined runs in progress
   */
  async takeDeferred(slots: number): Promise<string[]> {
    const keys = [KEYS.deferred, KEYS.quarantined, KEYS.dispatched];
    return (await TAKE_DEFERRED.run(this.redis, ...keys, slots, DEFERRED_AT_ONCE)) as string[];
  }

  /** Forgets a run that no longer exists. */
  async forgetSilent(id: string): Promise<void> {
    await this.redis.multi().zrem(KEYS.dispatched, id).zrem(KEYS.running, id).zrem(KEYS.deferred, id).exec();
  }

  async counts(): Promise<Record<'waiting' | 'deferred' | 'dispatched' | 'running', number>> {
    const pipeline = this.redis.pipeline().get(KEYS.backlogs);
    for (const key of [KEYS.deferred, KEYS.dispatched, KEYS.running]) pipeline.zcard(key);
    const [waiting, deferred, dispatched, running] = throwFirstError(await pipeline.exec());
    return {
      waiting: Number(waiting ?? 0),
      deferred: Number(deferred),
      dispatched: Number(dispatched),
      running: Number(running),
    };
  }

  /** Dispatched, unfinished runs per tenant; the highest count first. */
  async inflight(): Promise<{ tenant: string; count: number }[]> {
    const hash = await this.redis.hgetall(KEYS.inflight);
    return Object.entries(hash)
      .map(([tenant, count]) => ({ tenant, count: Number(count) }))
      .sort((a, b) => b.count - a.count)
      .slice(0, SHOWN_TENANTS);
  }

  async byTenant(): Promise<BacklogFacts[]> {
    const now = await redisTime(this.redis);
    const tenants = await this.redis.zrange(KEYS.active, 0, SHOWN_TENANTS - 1);
    const lengths = this.redis.pipeline();
    for (const tenant of tenants) lengths.zcard(backlogKey(tenant)).zrange(backlogKey(tenant), 0, 0);
    const replies = throwFirstError(await lengths.exec());
    const found = tenants.flatMap((tenant, i) => {
      const [next] = replies[2 * i + 1] as string[];
      return next === undefined ? [] : [{ tenant, waiting: Number(replies[2 * i]), next }];
    });
    const times = this.redis.pipeline();
    for (const { next } of found) times.hget(runKey(next), 'submitted');
    const submitted = throwFirstError(await times.exec());
    return found.map(({ tenant, waiting }, i) => ({
      tenant,
      waiting,
      nextAgeMs: Math.max(0, now - Number(submitted[i] ?? now)),
    }));
  }

  private async silent(key: string, olderThanMs: number): Promise<string[]> {
    return (await TAKE_SILENT.run(this.redis, key, olderThanMs, SILENT_AT_ONCE)) as string[];
  }
}
