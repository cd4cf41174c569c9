import { DEFAULT_RUNTIME_NAME } from '@sandpiper/contracts';
import { parentPort, workerData } from 'node:worker_threads';
import {
  BatchStore,
  connectFailFast,
  connectSubscriber,
  Doorbell,
  NO_REPLICATION,
  ProblemStore,
  RunStore,
  subscribeEvents,
  SubmissionStore,
} from '@sandpiper/store';
import { createLogger } from '@sandpiper/telemetry';
import { Admission } from '../admission.js';
import { BatchIntake } from '../batches/batch-intake.js';
import { Bounds, followMemory } from '../bounds.js';
import { RedisGate } from '../redis/redis-gate.js';
import { Waiters } from '../waiters.js';
import { Judge } from './judge.js';
import type { JudgeSettings } from './judge-settings.js';
import { PackageCache } from './package-cache.js';

/** Timeout for large values, milliseconds. */
const BULK_TIMEOUT_MS = 30_000;

/**
 * The thread of a scheduler that judges: packages, outputs and results never meet the event loop that answers clients. It
 * has its own connections, and ends when its parent says so.
 */
async function main(settings: JudgeSettings): Promise<void> {
  const log = createLogger({ service: 'scheduler', level: settings.logLevel, base: { part: 'judge' } });
  const redis = connectFailFast(settings.redis, settings.redisTimeoutMs);
  const bulk = connectFailFast(settings.redis, Math.max(BULK_TIMEOUT_MS, settings.redisTimeoutMs));
  const subscriber = connectSubscriber(settings.redis);
  for (const connection of [redis, bulk, subscriber]) connection.on('error', () => undefined);

  const bell = new Doorbell(redis);
  const gate = new RedisGate(redis, log);
  const waiters = new Waiters();
  const bounds = new Bounds(settings.maxQueue, settings.retention);
  const stopLooking = followMemory(redis, bounds, log);
  const admission = new Admission(
    new RunStore(redis, bell),
    new RunStore(bulk, bell),
    // A judging that is lost begins anew, so its runs need not be on replicas.
    NO_REPLICATION,
    {
      bounds: () => bounds.queue,
      ceilings: settings.ceilings,
      engines: settings.engines,
      // Programs of problems name none.
      runtimes: () => [DEFAULT_RUNTIME_NAME],
      callbackFault: () => 'runs of a judge have no callbacks',
    },
  );
  const batches = new BatchStore(redis, bell);
  const problems = new ProblemStore(bulk);
  const judge = new Judge({
    submissions: new SubmissionStore(bulk),
    problems,
    packages: await PackageCache.open(problems, settings.packages, settings.diskBytes, settings.folder),
    runs: {
      intake: new BatchIntake({ store: batches, bulk: new BatchStore(bulk, bell), admission }),
      batches,
      store: new RunStore(bulk, bell),
      waiters,
      gate,
      ceilings: settings.ceilings,
    },
    atOnce: settings.atOnce,
    leaseMs: settings.leaseMs,
    up: () => gate.up && bulk.status === 'ready',
    log,
  });
  const subscription = subscribeEvents(subscriber, {
    onFinished({ batchId, batchDone }) {
      if (batchDone) waiters.wake(batchId);
    },
    onSubmission: (id) => judge.changed(id),
    onReady() {
      waiters.wakeAll();
      judge.changed('');
    },
  });
  redis.on('close', () => waiters.wakeAll());
  bulk.on('ready', () => judge.changed(''));
  judge.start();
  parentPort?.once('message', () => {
    void judge.close().then(() => {
      subscription.close();
      stopLooking();
      redis.disconnect();
      bulk.disconnect();
      parentPort?.close();
    });
  });
}

await main(workerData as JudgeSettings);
