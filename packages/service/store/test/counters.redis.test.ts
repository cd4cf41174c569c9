import { DEFAULT_LIMITS, type RunRequest } from '@sandpiper/contracts';
import type { RedisServer } from '@sandpiper/testkit';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BatchStore,
  DeadLetterStore,
  type Claim,
  type Fence,
  keepBounds,
  KEYS,
  LiveStore,
  queueBounds,
  type RedisConnection,
  RetentionStore,
  runKey,
  RunStore,
  syntheticResult,
} from '../src/index.js';
import { TestNode } from '../src/testing.js';
import { useRedis } from './use-redis.js';
import { counters, LASTING, recompute } from './stored-bytes.js';

let server: RedisServer;
let redis: RedisConnection;
let runs: RunStore;
let batches: BatchStore;
let live: LiveStore;
let retention: RetentionStore;
let dead: DeadLetterStore;

useRedis(
  (given, started) => {
    redis = given;
    server = started;
    runs = new RunStore(redis);
    batches = new BatchStore(redis);
    live = new LiveStore(redis);
    retention = new RetentionStore(redis);
    dead = new DeadLetterStore(redis);
  },
  { keep: true },
);

const ALL = queueBounds({});

const resultOf = (id: string, attempt: number) =>
  syntheticResult({
    ...{ id, attempt, limits: DEFAULT_LIMITS, engine: 'seccomp' as const, message: 'gone' },
    ...{ status: 'cancelled' as const, node: 'n', cell: 0 },
  });

const isThere = async (id: string): Promise<boolean> => (await runs.runState(id)) !== null;
const keys = (): Promise<string[]> => server.admin((admin) => admin.keys('*'));

async function expectExact(): Promise<void> {
  expect(await counters(redis)).toEqual(await recompute(server, redis));
}

type Step =
  | { readonly do: 'submit'; readonly run: number; readonly size: number; readonly kind: number }
  | { readonly do: 'batch'; readonly batch: number; readonly count: number; readonly kind: number }
  | { readonly do: 'claim' | 'finish' | 'release' | 'cancel' | 'purge' | 'dismiss'; readonly run: number }
  | { readonly do: 'feed' | 'write'; readonly run: number; readonly size: number }
  | { readonly do: 'purge-batch' | 'drop'; readonly batch: number }
  | { readonly do: 'sweep' | 'take'; readonly size: number };

const number = (max: number) => fc.nat({ max });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('submit' as const), run: number(7), size: number(5000), kind: number(7) }),
  fc.record({ do: fc.constant('batch' as const), batch: number(2), count: number(4), kind: number(3) }),
  fc.record({
    do: fc.constantFrom(
      'claim' as const,
      'finish' as const,
      'release' as const,
      'cancel' as const,
      'purge' as const,
      'dismiss' as const,
    ),
    run: number(19),
  }),
  fc.record({ do: fc.constantFrom('feed' as const, 'write' as const), run: number(7), size: number(3000) }),
  fc.record({ do: fc.constantFrom('purge-batch' as const, 'drop' as const), batch: number(2) }),
  fc.record({ do: fc.constantFrom('sweep' as const, 'take' as const), size: number(20) }),
);

/** The runs 0 to 7 are single, the others stand in the batches b0 to b2. */
const nameOf = (run: number): string =>
  run < 8 ? `r${run}` : `b${(run - 8) % 3}-${Math.floor((run - 8) / 3)}`;

class Model {
  private readonly node = new TestNode(redis);
  private readonly fences = new Map<string, Fence>();
  private readonly written = new Map<string, number>();

  async apply(now: Step): Promise<void> {
    switch (now.do) {
      case 'submit':
        return this.submit(now);
      case 'batch':
        return this.batch(now);
      case 'claim':
        return this.claim(nameOf(now.run));
      case 'finish':
        return this.finish(nameOf(now.run), now.run % 2 === 0);
      case 'release':
        return void (await runs.release(nameOf(now.run), this.fenceOf(nameOf(now.run))));
      case 'cancel':
        return void (await runs.finish(resultOf(nameOf(now.run), 0), 'queued'));
      case 'purge':
        return void (await retention.purgeRun(nameOf(now.run)));
      case 'dismiss':
        return void (await dead.dismiss(nameOf(now.run)));
      case 'feed':
        return void (await live.feed(nameOf(now.run), null, Buffer.alloc(now.size), false));
      case 'write':
        return this.write(nameOf(now.run), now.size);
      case 'purge-batch':
        return void (await retention.purgeBatch(`b${now.batch}`));
      case 'drop':
        return batches.drop(`b${now.batch}`);
      case 'sweep':
        return this.sweep(now.size);
      case 'take':
        return this.take((await this.node.take(now.size)).claims);
    }
  }

  private async sweep(records: number): Promise<void> {
    // Tenants that were looked at a moment ago are looked at again.
    for (const tenant of await redis.zrange(KEYS.keeping, 0, -1)) await redis.zadd(KEYS.keeping, 0, tenant);
    const bounds = keepBounds({ records, tenantRecords: Math.ceil(records / 2) });
    while (await retention.sweep(bounds)) continue;
  }

  private async submit({ run, size, kind }: Extract<Step, { do: 'submit' }>): Promise<void> {
    const id = nameOf(run);
    if (await isThere(id)) return;
    const more = {
      source: 'x'.repeat(size),
      ...(kind % 2 === 0 ? { live: true } : {}),
      ...(kind % 3 === 0 ? { callbackUrl: 'https://example.com/' } : {}),
    };
    const request: RunRequest = more;
    await runs.submit(
      {
        ...{ id, tenant: kind % 2 === 0 ? 'a' : 'b', limits: DEFAULT_LIMITS },
        ...{ request, trace: '' },
      },
      kind < 4 ? { key: `key ${kind}`, fingerprint: 'f' } : null,
      ALL,
    );
  }

  private async batch({ batch: name, count, kind }: Extract<Step, { do: 'batch' }>): Promise<void> {
    const id = `b${name}`;
    if ((await redis.exists(`{sandpiper}:batch:${id}`)) === 1) return;
    const key = kind % 2 === 0 ? { key: `key ${kind}`, fingerprint: 'f' } : null;
    const batch = {
      ...{ id, intake: `intake of ${id}`, tenant: 'c', name: 'name', trace: '' },
    };
    const begun = await batches.begin({ batch, idempotency: key, count, bounds: ALL });
    if (begun.outcome !== 'ours' || begun.id !== id || count === 0) return;
    const rows = Array.from({ length: count }, (_, index) => ({
      ...{ index, request: { source: '' }, limits: DEFAULT_LIMITS },
    }));
    await batches.stage({ batch, runs: rows, bounds: ALL });
    if (kind < 3) await batches.seal({ batch, total: count, idempotency: key, bounds: ALL });
  }

  private async claim(id: string): Promise<void> {
    const claim = await this.node.claim(id);
    if (claim !== null) await this.take([claim]);
  }

  private async take(claims: readonly Claim[]): Promise<void> {
    for (const { id, fence, request } of claims) {
      this.fences.set(id, fence);
      this.written.set(id, 0);
      if (request.live === true) await live.begin(id, fence);
    }
  }

  private async finish(id: string, isDead: boolean): Promise<void> {
    const stdout = 'x'.repeat(id.length * 100);
    await runs.finish({ ...resultOf(id, 1), stdout }, this.fenceOf(id), { dead: isDead });
  }

  private fenceOf(id: string): Fence {
    return this.fences.get(id) ?? { claim: 'none', epoch: 1 };
  }

  private async write(id: string, size: number): Promise<void> {
    if ((await redis.hget(runKey(id), 'live')) === null) return;
    const end = (this.written.get(id) ?? 0) + size + 1;
    this.written.set(id, end);
    const pieces = [{ stream: 'stdout' as const, data: Buffer.alloc(size + 1) }];
    await live.append(id, this.fenceOf(id), end, pieces);
  }
}

describe('the counters', () => {
  it('equal the sums over all records after any sequence of steps, and are zero after a purge', async () => {
    const sequences = fc.array(step, { minLength: 20, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(sequences, async (steps) => {
        await server.flush();
        const model = new Model();
        for (const now of steps) await model.apply(now);
        await expectExact();
        for (let run = 0; run < 20; run++) {
          const id = nameOf(run);
          await retention.purgeRun(id);
          await model.apply({ do: 'finish', run });
        }
        for (const id of ['b0', 'b1', 'b2']) {
          await batches.drop(id);
          await retention.purgeBatch(id);
        }
        await expectExact();
        expect(await counters(redis)).toEqual({ queued: {}, kept: {}, records: {} });
        expect((await keys()).filter((name) => !LASTING.test(name))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});
