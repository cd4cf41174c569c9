import type { ServiceLoad, NewKey, NodeReport } from '@sandpiper/contracts';
import { type RedisConnection, SCHEMA } from '@sandpiper/store';
import { reportNode } from '@sandpiper/store/testing';
import { startRedis, type RedisServer } from '@sandpiper/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endRun } from './client-calls.js';
import { startApp, type TestApp } from './harness.js';

const ADMIN = 'a'.repeat(40);

let server: RedisServer;
let app: TestApp;
let redis: RedisConnection;
let key: string;

beforeAll(async () => {
  server = await startRedis();
  ({ app, redis } = await startApp(server.url, { auth: { on: true, adminKeys: [ADMIN] } }));
  const made = await call(ADMIN, 'POST', '/v1/keys', { tenant: 'operations', scopes: ['metrics'] });
  key = made.json<NewKey>().key;
});

afterAll(async () => {
  await app.close();
  await server.stop();
});

const call = (bearer: string, method: 'GET' | 'POST', url: string, payload?: object) =>
  app.inject({
    method,
    url,
    headers: { authorization: `Bearer ${bearer}` },
    ...(payload === undefined ? {} : { payload }),
  });

/** As the autoscaler of KEDA asks: any status but 200 is an error, and the value is a number at a path. */
async function load(): Promise<ServiceLoad> {
  const reply = await call(key, 'GET', '/v1/load');
  expect([reply.statusCode, reply.headers['content-type']]).toEqual([200, 'application/json; charset=utf-8']);
  const found = reply.json<ServiceLoad>();
  expect(Object.values(found).every(Number.isInteger)).toBe(true);
  return found;
}

const submit = async (): Promise<string> =>
  (await call(ADMIN, 'POST', '/v1/runs', { source: '' })).json<{ id: string }>().id;

const node = (name: string, state: NodeReport['state'], cells: NodeReport['cells']): NodeReport => ({
  name,
  state,
  cells,
  engines: ['seccomp'],
  version: '0',
  schema: SCHEMA,
  startedAt: new Date(0).toISOString(),
  leaseMs: 30_000,
  warnings: [],
});

describe('the load', () => {
  it('counts runs where there is no node, and until they have ended', async () => {
    expect(await load()).toEqual({ runs: 0, waiting: 0, running: 0, cells: 0 });
    for (let i = 0; i < 3; i++) await submit();
    expect(await load()).toEqual({ runs: 3, waiting: 3, running: 0, cells: 0 });
    expect((await call(key, 'GET', '/metrics')).body).toContain('sandpiper_scheduler_load_runs 3\n');
  });

  it('is less when a run has ended', async () => {
    const id = await submit();
    const before = await load();
    await endRun(redis, id);
    expect(await load()).toMatchObject({ runs: before.runs - 1, waiting: before.waiting - 1 });
  });

  it('counts cells that take runs', async () => {
    const cells = (['idle', 'busy', 'starting', 'failed'] as const).map((state, id) => ({
      id,
      state,
      run: null,
    }));
    await reportNode(redis, node('n1', 'ready', cells));
    await reportNode(redis, node('n2', 'draining', cells));
    expect((await load()).cells).toBe(3);
    await reportNode(redis, { ...node('n3', 'ready', []), metricsAddress: '10.0.0.3:9090' });
    const labelled = {
      ...node('n4', 'ready', []),
      metricsAddress: '10.0.0.4:9090',
      labels: { zone: 'north' },
    };
    await reportNode(redis, labelled);
    expect((await call(key, 'GET', '/v1/nodes/targets')).json()).toEqual([
      { targets: ['10.0.0.3:9090'], labels: { node: 'n3' } },
      { targets: ['10.0.0.4:9090'], labels: { node: 'n4', label_zone: 'north' } },
    ]);
  });

  it('of some runtimes counts their runs, and the cells of nodes that have one of them', async () => {
    const path = '/v1/load/runtimes?names=';
    expect((await call(key, 'GET', `${path}torch`)).json()).toEqual({ runs: 0, cells: 0 });
    await reportNode(redis, {
      ...node('n5', 'ready', [{ id: 0, state: 'idle', run: null }]),
      runtimes: ['torch', 'numpy'],
    });
    expect((await call(key, 'GET', `${path}torch,pandas`)).json()).toEqual({ runs: 0, cells: 1 });
    await submit();
    const { runs } = await load();
    expect((await call(key, 'GET', `${path}default,torch`)).json<{ runs: number }>().runs).toBe(runs);
    for (const wrong of ['/v1/load/runtimes', `${path}../x`, `${path}a&more=1`])
      expect((await call(key, 'GET', wrong)).statusCode, wrong).toBe(400);
  });

  it('is told to keys of its scope only, which may nothing else', async () => {
    for (const url of ['/v1/runs/r1', '/v1/nodes', '/v1/keys', '/v1/tenants'])
      expect((await call(key, 'GET', url)).statusCode, url).toBe(403);
    expect((await call(key, 'POST', '/v1/runs', { source: '' })).statusCode).toBe(403);
    expect((await app.inject('/v1/load')).statusCode).toBe(401);
  });
});
