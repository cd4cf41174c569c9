import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ClusterRedis, LocalRedis, SentinelRedis, type RedisVariables } from '@sandpiper/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectFailFast, onTrouble, redisSettings } from '../src/index.js';

/** The first reason why these variables do not lead to a connection. */
function reasonAgainst(variables: RedisVariables): Promise<string> {
  const connection = connectFailFast(redisSettings(variables));
  onTestFinished(() => connection.disconnect());
  return new Promise((resolve, reject) => {
    onTrouble(connection, resolve);
    connection.once('ready', () => reject(new Error('it connected')));
  });
}

async function wrongPasswordFile(beside: string | undefined): Promise<string> {
  const file = join(dirname(beside ?? ''), 'wrong');
  await writeFile(file, 'wrong');
  return file;
}

/** Refusals are what is tried here, so that the server has seen some is no fault. */
async function ending(server: { stop(): Promise<void> }): Promise<void> {
  await server.stop().catch(() => undefined);
}

describe('the reason why Redis cannot be reached is reported', () => {
  it('a wrong password', async () => {
    const server = await LocalRedis.start({ namedUser: true });
    onTestFinished(() => ending(server));
    const wrong = await wrongPasswordFile(server.variables.SANDPIPER_REDIS_PASSWORD_FILE);
    const variables = { ...server.variables, SANDPIPER_REDIS_PASSWORD_FILE: wrong };
    expect(await reasonAgainst(variables)).toMatch(/^WRONGPASS/);
  });

  it('a certificate of an authority that we do not trust', async () => {
    const server = await LocalRedis.start({ listen: 'tls' });
    onTestFinished(() => ending(server));
    expect(await reasonAgainst({ SANDPIPER_REDIS_URL: server.url })).toMatch(/certificate/);
  });

  it('a certificate for another name', async () => {
    const server = await LocalRedis.start({ listen: 'tls' });
    onTestFinished(() => ending(server));
    // Another address of this machine, which the certificate is not for; the server listens there as well.
    await server.admin((admin) => admin.config('SET', 'bind', '127.0.0.1 127.0.0.2'));
    const url = server.url.replace('127.0.0.1', '127.0.0.2');
    expect(await reasonAgainst({ ...server.variables, SANDPIPER_REDIS_URL: url })).toMatch(/altnames/);
  });

  it('a wrong password for the Sentinels', async () => {
    const redis = await SentinelRedis.start({ sentinels: 1 });
    onTestFinished(() => ending(redis));
    const wrong = await wrongPasswordFile(redis.variables.SANDPIPER_REDIS_SENTINEL_PASSWORD_FILE);
    const variables = { ...redis.variables, SANDPIPER_REDIS_SENTINEL_PASSWORD_FILE: wrong };
    expect(await reasonAgainst(variables)).toMatch(/WRONGPASS/);
  });

  it('a wrong password for a cluster', async () => {
    const cluster = await ClusterRedis.start();
    onTestFinished(() => ending(cluster));
    const url = cluster.variables.SANDPIPER_REDIS_URL.replace('://', '://nobody:wrong@');
    expect(await reasonAgainst({ SANDPIPER_REDIS_URL: url })).toMatch(/WRONGPASS/);
  });
});
