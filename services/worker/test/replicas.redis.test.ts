import { ClusterRedis, SentinelRedis } from '@sandpiper/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { patience, TopologyBench } from './topology-bench.js';

interface Refusal {
  readonly error: { readonly code: string; readonly message: string };
}

type Replicated = Pick<ClusterRedis, 'freezeReplica' | 'thawReplica' | 'stop' | 'variables'>;

/** So much longer than an acknowledgement takes that a replica which lives gives it, milliseconds. */
const WAIT_MS = 2_000;

describe.each<[string, () => Promise<Replicated>]>([
  ['a master and its replica', () => SentinelRedis.start({ sentinels: 1 })],
  ['a cluster', () => ClusterRedis.start()],
])('one replica is waited for, on %s', (_name, start) => {
  let redis: Replicated;
  let bench: TopologyBench;

  const unreplicated = async (): Promise<number> =>
    (await bench.nodeMetrics.unreplicated.get()).values.reduce((sum, { value }) => sum + value, 0);

  beforeAll(async () => {
    redis = await start();
    bench = await TopologyBench.start(redis.variables, { replicas: 1, timeoutMs: WAIT_MS });
  });

  afterEach(() => redis.thawReplica());

  afterAll(async () => {
    await bench.stop();
    await redis.stop();
  });

  it('a replicated run is accepted, and ends without a warning', async () => {
    const { id } = await bench.insist('first', 'first'); // the replica may still be loading
    await bench.ended(id);
    const before = await unreplicated();
    const ids = await Promise.all(['a', 'b', 'c'].map((source) => bench.submit(source)));
    for (const one of ids) expect((await bench.ended(one)).result?.status).toBe('ok');
    const batch = await bench.request('POST', '/v1/batches', { runs: [{ source: 'd' }, { source: 'e' }] });
    expect(batch.status).toBe(202);
    const { id: batchId } = batch.body as { id: string };
    expect((await bench.request('GET', `/v1/batches/${batchId}?wait=30`)).body).toMatchObject({
      state: 'done',
    });
    expect(await unreplicated()).toBe(before);
  });

  it('a run that is not replicated has an unknown outcome, and stays one run under its key', async () => {
    const body = { source: 'lonely', idempotencyKey: 'lonely' };
    // A result can be read before its node has heard from the replica.
    await vi.waitFor(() => expect(bench.attempts).toBe(0), patience);
    const before = await unreplicated();
    await redis.freezeReplica();
    const refused = await bench.request('POST', '/v1/runs', body);
    expect([refused.status, (refused.body as Refusal).error.code]).toEqual([503, 'unknown-outcome']);
    expect((refused.body as Refusal).error.message).toContain('Idempotency-Key');
    expect((await bench.request('POST', '/v1/runs', body)).status).toBe(503);
    // It was taken in all the same, and its result stands.
    await vi.waitFor(async () => expect(await unreplicated()).toBe(before + 1), patience);
    // Nothing that only reads waits behind those who wait.
    expect((await bench.request('GET', '/readyz')).status).toBe(200);
    await redis.thawReplica();
    const { id } = await bench.insist(body.source, body.idempotencyKey);
    expect(await bench.ended(id)).toMatchObject({ id, result: { status: 'ok', attempt: 1 } });
    expect((await bench.insist(body.source, body.idempotencyKey)).id).toBe(id);
    expect(await unreplicated()).toBe(before + 1);
  });

  it('a batch that is not replicated has an unknown outcome', async () => {
    const body = { runs: [{ source: 'x' }, { source: 'y' }], idempotencyKey: 'pair' };
    await redis.freezeReplica();
    const refused = await bench.request('POST', '/v1/batches', body);
    expect([refused.status, (refused.body as Refusal).error.code]).toEqual([503, 'unknown-outcome']);
    await redis.thawReplica();
    const ids = new Set<string>();
    await vi.waitFor(async () => {
      const reply = await bench.request('POST', '/v1/batches', body);
      expect(reply.status).toBe(202);
      ids.add((reply.body as { id: string }).id);
    }, patience);
    ids.add(((await bench.request('POST', '/v1/batches', body)).body as { id: string }).id);
    expect(ids.size).toBe(1);
  });
});
