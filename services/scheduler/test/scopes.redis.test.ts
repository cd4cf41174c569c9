import { type NewKey, type Scope, SCOPES } from '@sandpiper/contracts';
import { batchRunId } from '@sandpiper/store';
import { startRedis, type RedisServer } from '@sandpiper/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endRun } from './client-calls.js';
import { startApp, type TestApp } from './harness.js';

/**
 * Every route, with a key of each scope: what it is let into, and that a key for submitting is told nothing
 * of what was run.
 */

const ADMIN = 'a'.repeat(40);

let server: RedisServer;
let app: TestApp;
const keys = {} as Record<Scope, string>;
/** In paths: a run and a batch of the tenant that have ended, and a run that was given up. */
const ids: Record<string, string> = {};

const call = (key: string, method: string, url: string, payload?: object) =>
  app.inject({
    method: method as 'GET',
    url: url.replace(/RUN|BATCH|DEAD/, (name) => ids[name] ?? name),
    headers: { authorization: `Bearer ${key}` },
    ...(payload === undefined ? {} : { payload }),
  });

beforeAll(async () => {
  server = await startRedis();
  const { app: started, redis } = await startApp(server.url, { auth: { on: true, adminKeys: [ADMIN] } });
  app = started;
  for (const scope of SCOPES) {
    const made = await call(ADMIN, 'POST', '/v1/keys', { tenant: 'blue', scopes: [scope] });
    keys[scope] = made.json<NewKey>().key;
  }
  const submit = async (url: string, payload: object): Promise<string> =>
    (await call(keys.submit, 'POST', url, payload)).json<{ id: string }>().id;
  ids['RUN'] = await submit('/v1/runs', { source: '', idempotencyKey: 'again' });
  ids['BATCH'] = await submit('/v1/batches', { runs: [{ source: '' }], idempotencyKey: 'again' });
  ids['DEAD'] = await submit('/v1/runs', { source: '' });
  await endRun(redis, ids['RUN'] ?? '', 'runtime-error');
  await endRun(redis, batchRunId(ids['BATCH'] ?? '', 0), 'runtime-error');
  await endRun(redis, ids['DEAD'] ?? '', 'internal-error', true);
});

afterAll(async () => {
  await app.close();
  await server.stop();
});

const run = { source: '', idempotencyKey: 'again' };
const batch = { runs: [{ source: '' }], idempotencyKey: 'again' };

/** Method, path, body, and the scope that is enough besides admin. */
const ROUTES: [string, string, object | undefined, Scope][] = [
  ['GET', '/v1/runs/RUN', undefined, 'read'],
  ['GET', '/v1/runs/RUN?wait=1', undefined, 'read'],
  ['GET', '/v1/runs/RUN/stream', undefined, 'read'],
  ['GET', '/v1/batches/BATCH', undefined, 'read'],
  ['GET', '/v1/batches/BATCH?results=false', undefined, 'read'],
  ['GET', '/v1/batches/BATCH/summary', undefined, 'read'],
  ['GET', '/v1/batches/BATCH/results', undefined, 'read'],
  ['GET', '/v1/batches/BATCH/events', undefined, 'read'],
  ['GET', '/v1/dead-letters', undefined, 'read'],
  ['GET', '/v1/dead-letters/DEAD', undefined, 'read'],
  ['GET', '/v1/problems', undefined, 'read'],
  ['GET', '/v1/problems/none', undefined, 'read'],
  ['GET', '/v1/submissions', undefined, 'read'],
  ['GET', '/v1/submissions/none', undefined, 'read'],
  ['GET', '/v1/runtimes', undefined, 'read'],
  ['GET', '/v1/callback-secret', undefined, 'submit'],
  ['POST', '/v1/problems', {}, 'submit'],
  ['POST', '/v1/problems/none/rejudge', undefined, 'submit'],
  ['POST', '/v1/submissions', { problem: 'none', source: '' }, 'submit'],
  ['POST', '/v1/submissions/none/rejudge', undefined, 'submit'],
  ['DELETE', '/v1/submissions/none', undefined, 'submit'],
  ['POST', '/v1/runs', run, 'submit'],
  ['POST', '/v1/batches', batch, 'submit'],
  ['DELETE', '/v1/runs/RUN', undefined, 'submit'],
  ['DELETE', '/v1/batches/BATCH', undefined, 'submit'],
  ['POST', '/v1/dead-letters/DEAD/requeue', undefined, 'submit'],
  ['POST', '/v1/dead-letters/DEAD/requeue', undefined, 'submit'],
  ['GET', '/v1/callbacks/failed', undefined, 'admin'],
  ['POST', '/v1/callbacks/failed/RUN/retry', undefined, 'admin'],
  ['GET', '/v1/nodes', undefined, 'admin'],
  ['PUT', '/v1/nodes/none/cordon', {}, 'admin'],
  ['DELETE', '/v1/nodes/none/cordon', undefined, 'admin'],
  ['GET', '/v1/tenants', undefined, 'admin'],
  ['PUT', '/v1/tenants/blue', {}, 'admin'],
  ['GET', '/v1/keys', undefined, 'admin'],
  ['POST', '/v1/keys', { tenant: 'blue' }, 'admin'],
  ['DELETE', '/v1/keys/none', undefined, 'admin'],
  ['GET', '/metrics', undefined, 'metrics'],
  ['GET', '/v1/load', undefined, 'metrics'],
  ['GET', '/v1/load/runtimes?names=default', undefined, 'metrics'],
  ['GET', '/v1/nodes/targets', undefined, 'metrics'],
];

describe.each(ROUTES)('%s %s', (method, url, payload, scope) => {
  it.each(SCOPES)('with a key to %s', async (own) => {
    const reply = await call(keys[own], method, url, payload);
    if (own === scope || own === 'admin') expect(reply.statusCode).not.toBe(403);
    else expect(reply.statusCode).toBe(403);
    if (own !== 'submit') return;
    // Neither a result, nor how a run ended, nor how many did how.
    expect(reply.body).not.toMatch(/runtime-error|"result"|"stdout|"byStatus"|"runs"|requeued as/);
    if (method === 'DELETE' && reply.statusCode < 300)
      expect(Object.keys(reply.json<object>())).toEqual(['id', 'state']);
  });
});

it('no route is left out', () => {
  const known = new Set(ROUTES.map(([method, url]) => `${method} ${url.split('?')[0]}`));
  const routes = Object.entries(app.swagger().paths ?? {}).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const generic = (text: string): string => text.replace(/\/(RUN|BATCH|DEAD|blue|none)(?=\/|$)/g, '/{}');
  const tried = new Set([...known].map(generic));
  const missing = routes.map((route) => route.replace(/\{\w+\}/g, '{}')).filter((route) => !tried.has(route));
  expect(
    missing.filter(
      (route) =>
        route !== 'POST /v1/batches/stream' &&
        !route.startsWith('DELETE /v1/dead-letters') &&
        // It needs two scopes: problems.redis.test.ts.
        !route.startsWith('DELETE /v1/problems'),
    ),
  ).toEqual([]);
});
