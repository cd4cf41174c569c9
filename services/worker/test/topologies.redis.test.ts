import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BatchState } from '@sandpiper/contracts';
import { connectSubscriber, redisSettings, subscribeEvents } from '@sandpiper/store';
import { ClusterRedis, LocalRedis, SentinelRedis, startRedis, type RedisVariables } from '@sandpiper/testkit';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { patience, TopologyBench } from './topology-bench.js';

interface Topology {
  readonly variables: RedisVariables;
  stop(): Promise<void>;
}

/** One with a replica, which must have everything before its master is hurt: replication is asynchronous. */
interface ReplicatedTopology extends Topology {
  replicated(): Promise<void>;
}

/** What is told of every kind of Redis: the whole way of runs. */
function conforms(redis: () => Topology, bench: () => TopologyBench): void {
  it('runs are taken, ended and told of', async () => {
    const told: string[] = [];
    const subscriber = connectSubscriber(redisSettings(redis().variables));
    onTestFinished(() => subscriber.disconnect());
    await new Promise<void>((resolve) => {
      subscribeEvents(subscriber, { onFinished: ({ runId }) => told.push(runId), onReady: resolve });
    });
    const id = await bench().submit('print(42)');
    expect((await bench().ended(id)).result).toMatchObject({ status: 'ok', stdout: 'print(42)', node: 'n1' });
    await vi.waitFor(() => expect(told).toContain(id), patience);
  });

  it('a batch is done', async () => {
    const runs = Array.from({ length: 20 }, (_, index) => ({ source: String(index) }));
    const { id } = (await bench().request('POST', '/v1/batches', { runs })).body as { id: string };
    const batch = (await bench().request('GET', `/v1/batches/${id}?wait=30`)).body as BatchState;
    expect(batch).toMatchObject({ state: 'done', byStatus: { ok: 20 } });
  });

  it('a running run is cancelled', async () => {
    const id = await bench().submit('hold for ever');
    await bench().becomesRunning(id);
    expect((await bench().request('DELETE', `/v1/runs/${id}`)).status).toBeLessThan(300);
    expect((await bench().ended(id)).result?.status).toBe('cancelled');
  });

  it('a callback is tried again and comes', async () => {
    const deliveries: unknown[] = [];
    const receiver = createServer((request, reply) => {
      deliveries.push(request.headers['sandpiper-delivery']);
      request.resume();
      reply.writeHead(deliveries.length === 1 ? 500 : 200).end();
    });
    receiver.listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    onTestFinished(() => void receiver.close());
    const callbackUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    const { body } = await bench().request('POST', '/v1/runs', { source: '', callbackUrl });
    const { id } = body as { id: string };
    await vi.waitFor(() => expect(deliveries).toEqual([id, id]), patience);
  });

  it('the scheduler is ready, and its metrics are read', async () => {
    expect((await bench().request('GET', '/readyz')).status).toBe(200);
    const metrics = await bench().metrics();
    expect(metrics).toContain('sandpiper_scheduler_redis_up 1\n');
    expect(metrics).toContain('sandpiper_nodes{state="ready"} 1\n');
  });
}

/**
 * A run stays active during a fault of Redis and a client keeps retrying; everything recovers without help.
 */
async function goesOn(bench: TopologyBench, name: string, hurt: () => Promise<void>): Promise<void> {
  const held = `hold ${name}`;
  const before = await bench.submit(held);
  await bench.becomesRunning(before);
  await hurt();
  const { id: during, statuses } = await bench.insist('during', name);
  // Accepted, or refused in time: no client is left waiting, and there is no internal error.
  expect(statuses.every((status) => status === 202 || status === 503)).toBe(true);
  bench.release(held);
  // Sentinels cut every client of the new master off once more when they have made it one.
  const { id: after } = await bench.insist('after', `${name}, after`);
  const ended = await Promise.all([before, during, after].map((id) => bench.ended(id)));
  expect(ended.map((run) => run.result?.status)).toEqual(['ok', 'ok', 'ok']);
}

function describeTopology<T extends Topology>(
  name: string,
  start: () => Promise<T>,
  more: (redis: () => T, bench: () => TopologyBench) => void = () => undefined,
  skipped = false,
): void {
  describe.skipIf(skipped)(`on ${name}`, () => {
    let redis: T;
    let bench: TopologyBench;

    beforeAll(async () => {
      redis = await start();
      bench = await TopologyBench.start(redis.variables);
    });

    // The services' user may do what docs/redis.md describes: stop() fails when it was refused anything.
    afterAll(async () => {
      await bench.stop();
      await redis.stop();
    });

    conforms(
      () => redis,
      () => bench,
    );
    more(
      () => redis,
      () => bench,
    );
  });
}

function afterHurt<T extends ReplicatedTopology>(
  what: string,
  redis: () => T,
  bench: () => TopologyBench,
  hurt: (redis: T) => Promise<void>,
): void {
  it(`all goes on after ${what}`, () =>
    goesOn(bench(), what, async () => {
      await redis().replicated();
      await hurt(redis());
    }));
}

describeTopology('one server', () => startRedis());
describeTopology('one server, as a user with a name', () => LocalRedis.start({ namedUser: true }));
describeTopology('one server, TLS with certificates of both sides', () =>
  LocalRedis.start({ listen: 'tls' }),
);

describeTopology(
  'three Sentinels',
  () => SentinelRedis.start(),
  (redis, bench) => {
    afterHurt('the master was killed', redis, bench, (sentinel) => sentinel.killMaster());
  },
);

describeTopology(
  'one Sentinel, TLS',
  () => SentinelRedis.start({ sentinels: 1, tls: true }),
  (redis, bench) => {
    afterHurt('the master hung', redis, bench, (sentinel) => sentinel.freezeMaster());
  },
);

describeTopology(
  'a cluster',
  () => ClusterRedis.start(),
  (redis, bench) => {
    it('all keys lie on one node', async () => {
      expect((await redis().keyCounts()).filter((count) => count > 0)).toHaveLength(1);
    });
    afterHurt('all nodes were killed and came back', redis, bench, async (cluster) => {
      await cluster.killAll();
      await cluster.bootAll();
    });
    afterHurt('the master of our slot was killed', redis, bench, (cluster) => cluster.killMaster());
  },
);

describeTopology(
  'a cluster, TLS',
  () => ClusterRedis.start({ tls: true }),
  (redis, bench) => {
    afterHurt('the master of our slot hung', redis, bench, (cluster) => cluster.freezeMaster());
  },
);

const valkey = process.env['TEST_VALKEY'];
const onValkey = (what: string): string =>
  `Valkey, ${what}${valkey === undefined ? ' (skipped, it needs TEST_VALKEY, the path of a valkey-server)' : ''}`;
const program = valkey ?? 'valkey-server';

describeTopology(
  onValkey('one server, TLS, as a user with a name'),
  () => LocalRedis.start({ program, listen: 'tls', namedUser: true }),
  undefined,
  valkey === undefined,
);

describeTopology(
  onValkey('three Sentinels'),
  () => SentinelRedis.start({ program }),
  (redis, bench) => {
    afterHurt('the master was killed', redis, bench, (sentinel) => sentinel.killMaster());
  },
  valkey === undefined,
);

describeTopology(
  onValkey('a cluster'),
  () => ClusterRedis.start({ program }),
  (redis, bench) => {
    afterHurt('the master of our slot was killed', redis, bench, (cluster) => cluster.killMaster());
  },
  valkey === undefined,
);
