import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LocalRedis, startRedis, type RedisServer } from '../src/index.js';

function connect(server: RedisServer): Redis {
  const redis = new Redis(server.url, { disableClientInfo: true, retryStrategy: () => 20 });
  redis.on('error', () => undefined);
  onTestFinished(() => redis.disconnect());
  return redis;
}

describe('a Redis of the testkit', () => {
  it('keeps acknowledged data after a kill', async () => {
    const server = await startRedis({ own: true });
    onTestFinished(() => server.stop());
    const redis = connect(server);
    await redis.set('{sandpiper}:a', '1');
    await server.kill();
    await server.boot();
    expect(await redis.get('{sandpiper}:a')).toBe('1');
    await server.flush();
    expect(await redis.get('{sandpiper}:a')).toBeNull();
  });

  it('does not answer while it is frozen, and recovers after a kill', async () => {
    const server = await startRedis({ own: true });
    onTestFinished(() => server.stop());
    const redis = connect(server);
    await redis.set('{sandpiper}:a', '1');
    await server.freeze();
    const impatient = new Redis(server.url, { disableClientInfo: true, commandTimeout: 200 });
    impatient.on('error', () => undefined);
    onTestFinished(() => impatient.disconnect());
    await expect(impatient.get('{sandpiper}:a')).rejects.toThrow('timed out');
    const waiting = redis.get('{sandpiper}:a');
    await server.kill();
    await server.boot();
    expect(await waiting).toBe('1');
  });
});

describe('the user that docs/redis.md describes', () => {
  /** Commands that would let a holder of the services' password harm others, or read their data. */
  const FORBIDDEN = [
    ['KEYS', '*'],
    ['SCAN', '0'],
    ['RANDOMKEY'],
    ['FLUSHALL'],
    ['FLUSHDB'],
    ['CONFIG', 'GET', '*'],
    ['ACL', 'LIST'],
    ['DEBUG', 'SLEEP', '1'],
    ['SHUTDOWN'],
    ['REPLICAOF', 'host', '1'],
    ['CLUSTER', 'FAILOVER'],
    ['CLIENT', 'KILL', 'TYPE', 'normal'],
    ['MONITOR'],
    ['SAVE'],
    ['SWAPDB', '0', '1'],
    ['MIGRATE', 'host', '1', '{sandpiper}:a', '0', '1'],
    ['SCRIPT', 'FLUSH'],
    ['FUNCTION', 'FLUSH'],
    ['MODULE', 'LIST'],
    ['GET', 'of-another'],
    ['SET', 'of-another', '1'],
    ['PUBLISH', 'of-another', '1'],
    ['PSUBSCRIBE', '*'],
  ] as const;

  it('may run no other command', async () => {
    const server = await LocalRedis.start({ namedUser: true });
    onTestFinished(() => server.stop());
    const verdicts = await server.admin((admin) =>
      Promise.all(FORBIDDEN.map((command) => admin.call('ACL', 'DRYRUN', 'sandpiper', ...command))),
    );
    expect(verdicts.filter((verdict) => verdict === 'OK')).toEqual([]);
    expect(
      await server.admin((admin) => admin.call('ACL', 'DRYRUN', 'sandpiper', 'GET', '{sandpiper}:a')),
    ).toBe('OK');
  });

  it('fails the test that tried more, and names the command', async () => {
    const server = await startRedis({ own: true });
    const redis = connect(server);
    await expect(redis.keys('*')).rejects.toThrow('NOPERM');
    await expect(redis.eval("return redis.call('GET', 'of-another')", 0)).rejects.toThrow();
    await expect(server.stop()).rejects.toThrow(/key of-another \(lua\), command keys \(toplevel\)/);
  });
});
