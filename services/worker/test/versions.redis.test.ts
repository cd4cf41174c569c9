import { readFileSync, writeFileSync } from 'node:fs';
import type { NodeView, RunState } from '@sandpiper/contracts';
import { KEYS, runKey, SCHEMA } from '@sandpiper/store';
import { Processes, type TestService, CheckoutCopy, type RedisServer, startRedis } from '@sandpiper/testkit';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { runAt } from './calls.js';

/** Services of this checkout, and of a copy that writes and reads a newer schema. */

const patience = { timeout: 60_000, interval: 20 };

let redis: RedisServer;
let copy: CheckoutCopy;
let present: Processes;
let newer: Processes;

beforeAll(async () => {
  copy = new CheckoutCopy();
  const file = copy.path('packages/service/store/dist/schema.js');
  const text = readFileSync(file, 'utf8');
  const raised = text.replace(`SCHEMA = ${SCHEMA}`, `SCHEMA = ${SCHEMA + 1}`);
  expect(raised).not.toBe(text);
  writeFileSync(file, raised);
  redis = await startRedis({ own: true });
  present = new Processes(redis);
  newer = new Processes(redis, copy.folder);
});

afterAll(async () => {
  await present.kill();
  await newer.kill();
  await redis.stop();
  copy.remove();
});

const post = (service: TestService, path: string, body: object): Promise<Response> =>
  fetch(`${service.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

it('a newer run waits for a newer node without counting a crash, and older services report it', async () => {
  const [older, scheduler] = await Promise.all([present.scheduler(), newer.scheduler()]);
  await present.node('old');
  const { id } = (await (await post(scheduler, '/v1/runs', { source: 'print(42)' })).json()) as {
    id: string;
  };

  // The older node has seen it and put it aside, to be offered again later.
  await vi.waitFor(async () => {
    const [deferred, running] = await redis.admin((ask) =>
      Promise.all([ask.zscore(KEYS.deferred, id), ask.zscore(KEYS.running, id)]),
    );
    expect([typeof deferred, running]).toEqual(['string', null]);
  }, patience);
  const fields = await redis.admin((ask) =>
    ask.hmget(runKey(id), 'state', 'attempt', 'deaths', 'strays', 'quarantine'),
  );
  expect(fields).toEqual(['queued', '0', '0', null, null]);

  for (const method of ['GET', 'DELETE']) {
    const refused = await fetch(`${older.url}/v1/runs/${id}`, { method });
    expect([refused.status, await refused.json()]).toMatchObject([503, { error: { code: 'newer-version' } }]);
  }
  // It blocks no other run.
  expect(await runAt(older, { source: 'print(1)' })).toMatchObject({ result: { status: 'ok', node: 'old' } });

  await newer.node('new');
  const ended = (await (await fetch(`${scheduler.url}/v1/runs/${id}?wait=60`)).json()) as RunState;
  expect(ended).toMatchObject({ state: 'done', result: { status: 'ok', node: 'new', attempt: 1 } });
  const { nodes } = (await (await fetch(`${older.url}/v1/nodes`)).json()) as { nodes: NodeView[] };
  expect(nodes.map(({ name, schema }) => [name, schema])).toEqual([
    ['new', SCHEMA + 1],
    ['old', SCHEMA],
  ]);
});

it('an older scheduler refuses tenants, batches and keys written by a newer one', async () => {
  const admin = { SANDPIPER_AUTH: 'on', SANDPIPER_ADMIN_KEY: 'x'.repeat(32) };
  const [older, scheduler] = await Promise.all([present.scheduler(admin), newer.scheduler(admin)]);
  const as = (
    key: string,
    service: TestService,
    method: string,
    path: string,
    body?: object,
  ): Promise<Response> =>
    fetch(`${service.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const byAdmin = as.bind(null, admin.SANDPIPER_ADMIN_KEY);
  const keyFrom = async (service: TestService): Promise<string> => {
    const made = await byAdmin(service, 'POST', '/v1/keys', { tenant: 'blue', scopes: ['submit', 'read'] });
    expect(made.status).toBe(201);
    return ((await made.json()) as { key: string }).key;
  };
  const code = async (reply: Response): Promise<unknown> => [
    reply.status,
    ((await reply.json()) as { error?: { code: string } }).error?.code,
  ];
  const known = await keyFrom(older);
  const run = { source: '' };
  expect((await as(known, older, 'POST', '/v1/runs', run)).status).toBe(202);

  const batch = (await (await as(known, scheduler, 'POST', '/v1/batches', { runs: [run] })).json()) as {
    id: string;
  };
  expect(await code(await as(known, older, 'GET', `/v1/batches/${batch.id}`))).toEqual([
    503,
    'newer-version',
  ]);

  const changed = await byAdmin(scheduler, 'PUT', '/v1/tenants/blue', { maxQueued: 5 });
  expect(changed.ok).toBe(true);
  expect(await code(await as(known, older, 'POST', '/v1/runs', run))).toEqual([503, 'newer-version']);
  expect(await code(await byAdmin(older, 'GET', '/v1/tenants'))).toEqual([503, 'newer-version']);
  expect((await as(known, scheduler, 'POST', '/v1/runs', run)).status).toBe(202);

  const unknown = await keyFrom(scheduler);
  expect(await code(await as(unknown, older, 'POST', '/v1/runs', run))).toEqual([503, 'newer-version']);
  expect(await code(await byAdmin(older, 'GET', '/v1/keys'))).toEqual([503, 'newer-version']);
});
