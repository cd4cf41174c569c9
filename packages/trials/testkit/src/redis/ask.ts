import { rm } from 'node:fs/promises';
import { Redis, type RedisOptions } from 'ioredis';
import { ADMIN } from './rights.js';

/** How long servers may take to find each other, milliseconds. */
const GATHER_MS = 30_000;
const LOOK_MS = 50;

/** Asks a server over a connection of its own. */
export async function ask<T>(redis: Redis, what: (redis: Redis) => Promise<T>): Promise<T> {
  redis.on('error', () => undefined);
  try {
    return await what(redis);
  } finally {
    redis.disconnect();
  }
}

/** The same as the administrator of a server that we started. Waits until the server answers. */
export function askAsAdmin<T>(address: RedisOptions, what: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis({
    ...ADMIN,
    maxRetriesPerRequest: null,
    disableClientInfo: true,
    retryStrategy: () => 20,
    ...address,
  });
  return ask(redis, what);
}

/** @throws Error with the complaint when it does not hold in time */
export async function untilGathered(complaint: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + GATHER_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(complaint);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Waits until a replica has what this master has acknowledged. */
export async function awaitReplica(master: Redis): Promise<void> {
  // WAIT covers the last writes of its own connection.
  await master.set('{sandpiper}:test:replicated', Date.now());
  if ((await master.wait(1, GATHER_MS)) < 1) throw new Error('the replica did not follow its master');
}

/** Removes the folder of servers that have been stopped. @throws the first failure among their ends */
export async function removeAfter(
  folder: string,
  ends: readonly PromiseSettledResult<unknown>[],
): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
