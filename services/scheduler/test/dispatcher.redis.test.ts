import { RUN_QUEUE, type RunJob } from '@sandpiper/contracts';
import {
  Backlog,
  BatchStore,
  connectPatient,
  NodeRegistry,
  QUEUE_PREFIX,
  type RedisConnection,
  RetentionStore,
  RunStore,
} from '@sandpiper/store';
import { createLogger } from '@sandpiper/telemetry';
import { startRedis, type RedisServer } from '@sandpiper/testkit';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Bounds } from '../src/bounds.js';
import { Dispatcher } from '../src/dispatcher.js';

let server: RedisServer;
let redis: RedisConnection;
let queue: Queue<RunJob>;

beforeAll(async () => {
  server = await startRedis();
  redis = connectPatient(server.url);
  queue = new Queue<RunJob>(RUN_QUEUE, { connection: redis, prefix: QUEUE_PREFIX });
});
afterAll(async () => {
  await queue.close();
  redis.disconnect();
  await server.stop();
});

class CountingBacklog extends Backlog {
  looks = 0;

  override dispatch(window: number, most: number): Promise<string[]> {
    this.looks += 1;
    return super.dispatch(window, most);
  }
}

/** A dispatcher that ticks only when told to. */
function dispatcherOver(backlog: Backlog): Dispatcher {
  return new Dispatcher({
    store: new RunStore(redis),
    batches: new BatchStore(redis),
    backlog,
    nodes: new NodeRegistry(redis),
    retention: new RetentionStore(redis),
    bounds: new Bounds(1000, {}),
    queue,
    log: createLogger({ service: 'test', level: 'silent' }),
    up: () => true,
  });
}

const looks = (backlog: CountingBacklog, count: number): Promise<void> =>
  vi.waitFor(() => expect(backlog.looks).toBeGreaterThanOrEqual(count), { timeout: 20_000, interval: 5 });

it('a scheduler that does not lead looks for no runs when a run ends, which all of them hear of', async () => {
  const [leading, following] = [new CountingBacklog(redis), new CountingBacklog(redis)];
  const [leader, follower] = [dispatcherOver(leading), dispatcherOver(following)];
  leader.wake();
  await looks(leading, 1);
  follower.wake();
  await looks(following, 1);

  const before = following.looks;
  follower.ended();
  // A tick of the leader goes to Redis after whatever the follower would have asked.
  leader.nodesChanged();
  await looks(leading, leading.looks + 1);
  expect(following.looks).toBe(before);

  follower.wake();
  await looks(following, before + 1);
  await leader.close();
  await follower.close();
});
