import { freePort, Processes, type RedisServer, startRedis, type TestService } from '@sandpiper/testkit';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

/** Pods start in any order: what the probes of the chart see while Redis is not there yet. */

const patience = { timeout: 60_000, interval: 50 };

let redis: RedisServer;
let processes: Processes;

beforeAll(async () => {
  redis = await startRedis({ own: true });
  await redis.kill();
  processes = new Processes(redis);
});

afterAll(async () => {
  await processes.kill();
  await redis.stop();
});

const statusOf = async (port: string, path: string): Promise<number> =>
  (await fetch(`http://127.0.0.1:${port}${path}`)).status;

it('services that start before Redis live, are not ready, and become ready by themselves', async () => {
  const ports = [String(await freePort()), String(await freePort())] as const;
  const starting: [Promise<TestService>, Promise<TestService>] = [
    processes.scheduler({ SANDPIPER_PORT: ports[0] }),
    processes.node('node-1', { SANDPIPER_PORT: ports[1] }),
  ];
  for (const port of ports) {
    await vi.waitFor(async () => expect(await statusOf(port, '/healthz')).toBe(200), patience);
    expect(await statusOf(port, '/readyz')).toBe(503);
  }
  const early = await fetch(`http://127.0.0.1:${ports[0]}/v1/load`);
  expect([early.status, early.headers.has('retry-after')]).toEqual([503, true]);

  await redis.boot();
  const [scheduler] = await Promise.all(starting);
  for (const port of ports) {
    await vi.waitFor(async () => expect(await statusOf(port, '/readyz')).toBe(200), patience);
  }
  const submitted = await fetch(`${scheduler.url}/v1/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ source: 'print(42)' }),
  });
  const { id } = (await submitted.json()) as { id: string };
  await vi.waitFor(async () => {
    const ended = (await (await fetch(`${scheduler.url}/v1/runs/${id}?wait=30`)).json()) as object;
    expect(ended).toMatchObject({ state: 'done', result: { status: 'ok', stdout: '42\n' } });
  }, patience);
});
