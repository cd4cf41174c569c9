import { CALLBACK_QUEUE } from '@sandpiper/contracts';
import { connectPatient, QUEUE_PREFIX } from '@sandpiper/store';
import { type RedisServer, startRedis } from '@sandpiper/testkit';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startApp } from './harness.js';

let server: RedisServer;

beforeAll(async () => {
  server = await startRedis({ own: true });
});
afterAll(() => server.stop());

it('few events of the queue of callbacks are kept', async () => {
  const { app, redis } = await startApp(server.url, {
    callbacks: {
      allow: [],
      secrets: ['s'.repeat(32)],
      attempts: 1,
      timeoutMs: 1_000,
      firstBackOffMs: 1_000,
      connection: connectPatient(server.url),
    },
  });
  const queue = new Queue(CALLBACK_QUEUE, { connection: redis, prefix: QUEUE_PREFIX, skipMetasUpdate: true });
  const limit = () => redis.hget(queue.toKey('meta'), 'opts.maxLenEvents');
  await vi.waitFor(async () => expect(await limit()).toBe('100'));
  for (let round = 0; round < 2; round++) {
    await queue.addBulk(Array.from({ length: 500 }, () => ({ name: 'x', data: {} })));
    expect(await redis.xlen(queue.toKey('events'))).toBeLessThan(300);
  }
  await queue.close();
  await app.close();
});
