import { SentinelRedis } from '@sandpiper/testkit';
import { expect, it, onTestFinished, vi } from 'vitest';
import { connectFailFast, connectPatient, redisSettings } from '../src/index.js';

/**
 * Enough, at the pace at which they try, that some look for the master in the moment when the new one is
 * announced.
 */
const CONNECTIONS = 40;

it('every connection recovers, whenever the Sentinels announce the new master', async () => {
  const sentinels = await SentinelRedis.start();
  const settings = redisSettings(sentinels.variables);
  const connections = Array.from({ length: CONNECTIONS }, (_, index) => {
    const connection = index % 2 === 0 ? connectFailFast(settings) : connectPatient(settings);
    connection.on('error', () => undefined);
    Object.assign(connection.options, { retryStrategy: () => 1 });
    return connection;
  });
  onTestFinished(async () => {
    for (const connection of connections) connection.disconnect();
    await sentinels.stop();
  });
  const allReady = (): Promise<void> =>
    vi.waitFor(() => expect(connections.filter(({ status }) => status !== 'ready')).toHaveLength(0), {
      timeout: 60_000,
      interval: 50,
    });
  await allReady();
  await sentinels.replicated();
  await sentinels.killMaster();
  await allReady();
});
