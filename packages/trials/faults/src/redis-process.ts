import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { until } from './wait.js';

/**
 * A `redis-server` that keeps what it has acknowledged: AOF, synced at every write. On a Unix socket in the
 * cluster's folder, without a port.
 */
export class RedisProcess {
  private child: ChildProcess | null = null;

  private constructor(private readonly folder: string) {}

  static async start(folder: string): Promise<RedisProcess> {
    const redis = new RedisProcess(folder);
    await redis.boot();
    return redis;
  }

  get socket(): string {
    return join(this.folder, 'redis.sock');
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Also restarts it after {@link kill}, with its data. */
  async boot(): Promise<void> {
    const settings = ['--port', '0', '--unixsocket', this.socket, '--dir', this.folder];
    const durability = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always'];
    const child = spawn('redis-server', [...settings, ...durability, '--maxmemory-policy', 'noeviction'], {
      stdio: 'ignore',
    });
    this.child = child;
    await Promise.race([
      once(child, 'spawn'),
      once(child, 'error').then(([error]) => Promise.reject(error as Error)),
    ]);
    const probe = this.connect();
    try {
      await until('Redis serves', 60_000, async () => (await probe.ping()) === 'PONG');
    } finally {
      probe.disconnect();
    }
  }

  /** A connection that waits for Redis indefinitely. The caller disconnects it. */
  connect(): Redis {
    const redis = new Redis({ path: this.socket, maxRetriesPerRequest: null, retryStrategy: () => 20 });
    redis.on('error', () => undefined);
    return redis;
  }

  /** It keeps its connections but answers nothing, until {@link thaw}. */
  freeze(): void {
    this.child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.child?.kill('SIGCONT');
  }

  /** As {@link kill}, without waiting for it. */
  end(): void {
    this.child?.kill('SIGKILL');
  }

  /** With -9. */
  async kill(): Promise<void> {
    const child = this.child;
    this.child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
}
