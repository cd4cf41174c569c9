import type { Redis } from 'ioredis';
import { tlsVariables } from '../certificates.js';
import { RedisNode, type RedisNodeOptions } from './node.js';
import type { RedisServer, RedisVariables } from './redis-server.js';
import { userVariables } from './rights.js';

/** A local server program, by default on a Unix socket without a port. */
export class LocalRedis implements RedisServer {
  private constructor(
    private readonly node: RedisNode,
    readonly variables: RedisVariables,
  ) {}

  static async start(options: RedisNodeOptions = {}): Promise<LocalRedis> {
    const node = await RedisNode.start(options);
    return new LocalRedis(node, await variablesFor(node, options.namedUser ?? false));
  }

  get url(): string {
    return this.variables.SANDPIPER_REDIS_URL;
  }

  boot(): Promise<void> {
    return this.node.boot();
  }

  freeze(): Promise<void> {
    this.node.freeze();
    return Promise.resolve();
  }

  kill(): Promise<void> {
    return this.node.kill();
  }

  async flush(): Promise<void> {
    await this.admin((redis) => redis.flushall());
  }

  admin<T>(ask: (redis: Redis) => Promise<T>): Promise<T> {
    return this.node.admin(ask);
  }

  stop(): Promise<void> {
    return this.node.stop();
  }
}

async function variablesFor(node: RedisNode, named: boolean): Promise<RedisVariables> {
  const { port, certificates } = node;
  const scheme = certificates === undefined ? 'redis' : 'rediss';
  return {
    SANDPIPER_REDIS_URL: port === undefined ? node.socket : `${scheme}://127.0.0.1:${port}`,
    ...(named ? await userVariables(node.folder) : {}),
    ...tlsVariables(certificates),
  };
}
