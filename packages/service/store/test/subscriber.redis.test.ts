import { startRedis } from '@sandpiper/testkit';
import type { Redis } from 'ioredis';
import { expect, it, onTestFinished } from 'vitest';
import { connectSubscriber, LiveHints, liveKey, subscribeEvents } from '../src/index.js';

const stateOf = (connection: Redis, state: string): Promise<void> =>
  new Promise((resolve) => connection.once(state, () => resolve()));

/** What would end a process of ours, from here to the end of the test. */
function unhandledRejections(): unknown[] {
  const found: unknown[] = [];
  const listener = (reason: unknown): unknown => found.push(reason);
  process.on('unhandledRejection', listener);
  onTestFinished(() => void process.off('unhandledRejection', listener));
  return found;
}

it('a subscriber that is closed as soon as Redis is back leaves nothing behind', async () => {
  const unhandled = unhandledRejections();
  const server = await startRedis({ own: true });
  onTestFinished(() => server.stop());
  const connection = connectSubscriber(server.url);
  connection.on('error', () => undefined);
  await new Promise<void>((resolve) =>
    subscribeEvents(connection, { onFinished: () => undefined, onReady: resolve }),
  );
  const hints = new LiveHints(connection);
  await new Promise<void>((resolve) => hints.follow(liveKey('r1'), resolve));

  const lost = stateOf(connection, 'close');
  await server.kill();
  await lost;
  const back = stateOf(connection, 'ready').then(() => {
    connection.disconnect();
    // No answer to what was sent at `ready` can have been read yet, and none will be.
    connection.stream.destroy();
  });
  const ended = stateOf(connection, 'end');
  await server.boot();
  await Promise.all([back, ended]);
  // Rejections are told when the queue of microtasks is empty.
  await new Promise((resolve) => setImmediate(resolve));
  expect(unhandled).toEqual([]);
});
