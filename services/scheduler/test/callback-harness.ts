import type { RunRequest } from '@sandpiper/contracts';
import {
  connectPatient,
  type RedisConnection,
  type RedisTarget,
  RunStore,
  syntheticResult,
} from '@sandpiper/store';
import { TestNode } from '@sandpiper/store/testing';
import { parseNetworks } from '../src/callbacks/address-policy.js';
import type { CallbackOptions } from '../src/callbacks/callbacks.js';
import type { AppDeps } from '../src/index.js';
import { startApp, type TestApp } from './harness.js';

export const SERVICE_SECRET = 'a-secret-of-the-service-for-tests-0123456789';

interface Options extends Partial<Omit<CallbackOptions, 'allow'>> {
  readonly allow?: string;
  readonly auth?: AppDeps['auth'];
}

/**
 * The API with callbacks that are tried again soon, against a Redis of the test's; ready when it resolves.
 */
export async function startCallbackApp(
  target: RedisTarget,
  { allow = '127.0.0.0/8', auth = { on: false, adminKeys: [] }, ...options }: Options = {},
): Promise<{ app: TestApp; redis: RedisConnection; ends: (id: string) => Promise<void> }> {
  const { app, redis } = await startApp(target, {
    redisTimeoutMs: 5_000,
    bodyLimit: 16 * 1024 * 1024,
    auth,
    callbacks: {
      secrets: [SERVICE_SECRET],
      allow: parseNetworks(allow),
      attempts: 4,
      firstBackOffMs: 20,
      timeoutMs: 10_000,
      connection: connectPatient(target),
      ...options,
    },
  });
  return { app, redis, ends: (id) => endRun(redis, id) };
}

/** As a node would: takes the run and writes a result. */
export async function endRun(
  redis: RedisConnection,
  id: string,
  message = 'ended by the test',
): Promise<void> {
  const store = new RunStore(redis);
  const claim = await new TestNode(redis, 'n').claim(id);
  const facts = await store.runFacts(id);
  if (claim?.outcome !== 'run' || facts === null) throw new Error(`${id} does not wait`);
  const { limits, engine } = facts;
  const base = { id, limits, engine, attempt: claim.attempt, node: 'n', cell: 0 };
  const result = syntheticResult({ ...base, status: 'internal-error', message });
  await store.finish({ ...result, status: 'ok', exitCode: 0, message: null, stdout: message }, claim.fence);
}

export async function submit(app: TestApp, request: Partial<RunRequest>): Promise<string> {
  const reply = await app.inject({ method: 'POST', url: '/v1/runs', payload: { source: '', ...request } });
  if (reply.statusCode !== 202) throw new Error(reply.body);
  return reply.json<{ id: string }>().id;
}
