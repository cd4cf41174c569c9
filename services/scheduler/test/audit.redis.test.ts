import { Writable } from 'node:stream';
import type { NewKey } from '@sandpiper/contracts';
import { createLogger } from '@sandpiper/telemetry';
import { startRedis, type RedisServer } from '@sandpiper/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp, type TestApp } from './harness.js';

const ADMIN = 'a'.repeat(40);

let server: RedisServer;
let app: TestApp;
/** The lines of the log. */
const told: string[] = [];

beforeAll(async () => {
  server = await startRedis();
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      told.push(chunk.toString());
      done();
    },
  });
  const log = createLogger({ service: 'test', level: 'error', destination });
  ({ app } = await startApp(server.url, { auth: { on: true, adminKeys: [ADMIN] }, log }));
});

afterAll(async () => {
  await app.close();
  await server.stop();
});

const call = (key: string | null, method: 'DELETE' | 'GET' | 'POST' | 'PUT', url: string, payload?: object) =>
  app.inject({
    method,
    url,
    ...(key === null ? {} : { headers: { authorization: `Bearer ${key}` } }),
    ...(payload === undefined ? {} : { payload }),
  });

interface Line {
  readonly audit?: string;
  readonly of: string | null;
  readonly by: { readonly key: string | null; readonly tenant: string | null };
  readonly from: string;
  readonly status: number;
}

/** The audited lines since the last look. */
async function audited(count: number): Promise<Line[]> {
  const lines = (): Line[] =>
    told.map((line) => JSON.parse(line) as Line).filter(({ audit }) => audit !== undefined);
  await vi.waitFor(() => expect(lines()).toHaveLength(count));
  const found = lines();
  told.length = 0;
  return found;
}

describe('the audit log', () => {
  it('tells who made, used and revoked a key, at any log level', async () => {
    const made = (
      await call(ADMIN, 'POST', '/v1/keys', { tenant: 'blue', scopes: ['submit', 'read'] })
    ).json<NewKey>();
    const { id } = (await call(made.key, 'POST', '/v1/runs', { source: 'secret' })).json<{ id: string }>();
    await call(made.key, 'DELETE', `/v1/runs/${id}`);
    await call(made.key, 'DELETE', `/v1/runs/${id}?purge=true`);
    await call(ADMIN, 'PUT', '/v1/tenants/blue', { maxQueued: 5 });
    await call(ADMIN, 'DELETE', `/v1/keys/${made.id}`);
    const text = told.join('');
    const by = { key: made.id, tenant: 'blue' };
    const operator = { key: 'admin', tenant: 'default' };
    expect(await audited(5)).toMatchObject([
      { audit: 'key.create', of: made.id, by: operator, from: '127.0.0.1', status: 201 },
      { audit: 'run.cancel', of: id, by },
      { audit: 'run.purge', of: id, by },
      { audit: 'tenant.set', of: 'blue', by: operator, status: 200 },
      { audit: 'key.revoke', of: made.id, by: operator, status: 204 },
    ]);
    for (const secret of [made.key, ADMIN, 'secret']) expect(text).not.toContain(secret);
  });

  it('tells of refused requests, and that their client is unknown', async () => {
    await call(null, 'DELETE', '/v1/keys/k1');
    await call('b'.repeat(40), 'POST', '/v1/dead-letters/d1/requeue');
    await call(ADMIN, 'DELETE', '/v1/batches/none');
    const nobody = { key: null, tenant: null };
    expect(await audited(3)).toMatchObject([
      { audit: 'key.revoke', of: 'k1', by: nobody, status: 401 },
      { audit: 'dead-letter.requeue', of: 'd1', by: nobody, status: 401 },
      { audit: 'batch.cancel', of: 'none', by: { key: 'admin' }, status: 404 },
    ]);
  });

  it('leaves out what only reads', async () => {
    await call(ADMIN, 'GET', '/v1/keys');
    await call(ADMIN, 'GET', '/v1/runs/none');
    await call(ADMIN, 'PUT', '/v1/tenants/blue', {});
    expect((await audited(1))[0]?.audit).toBe('tenant.set');
  });
});
