import type { NodeReport } from '@sandpiper/contracts';
import { KEYS } from './keys.js';
import { NodeRegistry, type ReportAnswer } from './nodes.js';
import type { RedisConnection } from './redis/connection.js';
import { redisTime } from './redis/time.js';
import { type Appetite, type Claim, RunStore, type Taken } from './runs/store.js';

/** Longer than any test, milliseconds. */
const LEASE_MS = 600_000;

/** A node of which only the calls to Redis are real, for tests of what is stored: it takes runs and executes nothing. */
export class TestNode {
  readonly #store: RunStore;
  readonly instance: string;
  #sequence = 0;

  constructor(
    private readonly redis: RedisConnection,
    readonly name = 'node',
    private readonly runtimes: readonly string[] = ['default'],
  ) {
    this.#store = new RunStore(redis);
    TestNode.#count += 1;
    this.instance = `${name}/${TestNode.#count}`;
  }

  static #count = 0;

  /** The runs whose turn it is. */
  async take(most = 1, more: Partial<Pick<Appetite, 'alone' | 'wanted'>> = {}): Promise<Taken> {
    await this.lease(LEASE_MS);
    this.#sequence += 1;
    const { name: node, instance, runtimes } = this;
    return this.#store.take({ node, instance, sequence: this.#sequence, runtimes, most, ...more });
  }

  /**
   * That run: those that come before it go back to their places, one attempt older.
   * @returns null when it does not wait
   */
  async claim(id: string): Promise<Claim | null> {
    const { claims } = await this.take(1_000, { alone: true });
    for (const claim of claims) if (claim.id !== id) await this.#store.release(claim.id, claim.fence);
    return claims.find((claim) => claim.id === id) ?? null;
  }

  /** @param ms from now on; negative: it is over */
  async lease(ms: number): Promise<void> {
    await this.redis.zadd(KEYS.leases, (await redisTime(this.redis)) + ms, this.instance);
  }
}

/** The report of a node that has no runs. */
export function reportNode(redis: RedisConnection, report: NodeReport): Promise<ReportAnswer> {
  const { name, runtimes = ['default'] } = report;
  return new NodeRegistry(redis).report({ name, instance: `${name}/0`, runtimes }, report, [], true);
}
