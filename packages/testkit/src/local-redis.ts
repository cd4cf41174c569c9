import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { RedisServer } from './redis-server.js';

/** A `redis-server` on a Unix socket in a folder of its own, without a port. */
export class LocalRedis implements RedisServer {
  private child: ChildProcess | null = null;

  private constructor(private readonly folder: string) {}

  static async start(): Promise<LocalRedis> {
    const redis = new LocalRedis(await mkdtemp(join(tmpdir(), 'sandpiper-test-')));
    await redis.boot();
    return redis;
  }

  /** The path of its socket. */
  get url(): string {
    return join(this.folder, 'redis.sock');
  }

  async boot(): Promise<void> {
    const settings = ['--port', '0', '--unixsocket', this.url, '--dir', this.folder];
    const durability = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always'];
    const child = spawn('redis-server', [...settings, ...durability, '--maxmemory-policy', 'noeviction'], {
      stdio: 'ignore',
    });
    this.child = child;
    await Promise.race([
      once(child, 'spawn'),
      once(child, 'error').then(([error]) => Promise.reject(error as Error)),
    ]);
    await this.ask((redis) => redis.ping());
  }

  freeze(): Promise<void> {
    this.child?.kill('SIGSTOP');
    return Promise.resolve();
  }

  async kill(): Promise<void> {
    const child = this.child;
    this.child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  async flush(): Promise<void> {
    await this.ask((redis) => redis.flushall());
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Waits until it serves. */
  private async ask(what: (redis: Redis) => Promise<unknown>): Promise<void> {
    const redis = new Redis({ path: this.url, maxRetriesPerRequest: null, retryStrategy: () => 20 });
    redis.on('error', () => undefined);
    try {
      await what(redis);
    } finally {
      redis.disconnect();
    }
  }
}
