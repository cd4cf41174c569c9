import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

/** A `redis-server` of the test's own, on a Unix socket in a folder of its own, without a port. */
export class PrivateRedis {
  private child: ChildProcess | null = null;

  private constructor(readonly folder: string) {}

  static async start(): Promise<PrivateRedis> {
    const redis = new PrivateRedis(await mkdtemp(join(tmpdir(), 'sandpiper-test-')));
    await redis.boot();
    return redis;
  }

  get socket(): string {
    return join(this.folder, 'redis.sock');
  }

  /** Starts the server, again after {@link kill} (its data are back then: every write is synced). */
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
    const probe = new Redis({ path: this.socket, maxRetriesPerRequest: null, retryStrategy: () => 20 });
    probe.on('error', () => undefined);
    await probe.ping();
    probe.disconnect();
  }

  /** It holds its connections and answers nothing, until {@link kill}. */
  freeze(): void {
    this.child?.kill('SIGSTOP');
  }

  async kill(): Promise<void> {
    const child = this.child;
    this.child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
