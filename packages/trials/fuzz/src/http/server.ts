import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type RedisServer, startRedis } from '@sandpiper/testkit';

/** Larger than the arguments of a run may be together, so that longer ones can be sent. */
export const BODY_LIMIT = 3 * 1024 * 1024;
export const ADMIN_KEY = 'f'.repeat(64);
const START_MS = 60_000;

/** A scheduler with its own Redis; no node takes the runs. */
export class FuzzedServer {
  private constructor(
    private readonly redis: RedisServer,
    private readonly child: ChildProcess,
    readonly port: number,
    private readonly said: string[],
  ) {}

  static async start(auth: boolean): Promise<FuzzedServer> {
    const redis = await startRedis({ own: true });
    const main = fileURLToPath(new URL('../../../../../services/scheduler/dist/main.js', import.meta.url));
    const child = spawn(process.execPath, [main], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        PATH: process.env['PATH'],
        ...redis.variables,
        SANDPIPER_PORT: '0',
        SANDPIPER_AUTH: auth ? 'on' : 'off',
        SANDPIPER_ADMIN_KEY: ADMIN_KEY,
        SANDPIPER_CALLBACK_SECRET: 'c'.repeat(64),
        SANDPIPER_BODY_LIMIT: String(BODY_LIMIT),
        SANDPIPER_BATCH_LIMIT: String(2 * BODY_LIMIT),
        SANDPIPER_MAX_QUEUE: '3000',
        // A busy machine must not look like an unreachable Redis.
        SANDPIPER_REDIS_TIMEOUT_MS: '60000',
        SANDPIPER_LOG_LEVEL: 'error',
      },
    });
    const said: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (data: Buffer) => {
        said.push(data.toString());
        if (said.length > 50) said.shift();
      });
    try {
      return new FuzzedServer(redis, child, await portOf(child, said), said);
    } catch (error) {
      child.kill('SIGKILL');
      await redis.stop();
      throw error;
    }
  }

  get dead(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** The last lines of its log: at level `error` these are failures only. */
  get log(): string {
    return this.said.join('').slice(-3000);
  }

  /** Resident memory, bytes. */
  get memory(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
  }

  /** Discards submitted runs, so that a long run does not fill the queue and see refusals only. */
  async empty(): Promise<void> {
    await this.redis.flush();
  }

  async stop(): Promise<void> {
    if (!this.dead) {
      const ended = once(this.child, 'exit');
      this.child.kill('SIGKILL');
      await ended;
    }
    await this.redis.stop();
  }
}

function portOf(child: ChildProcess, said: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`the scheduler did not start: ${said.join('')}`)),
      START_MS,
    );
    let port = 0;
    child.on('message', (message: { type: string; url?: string }) => {
      if (message.type === 'listening' && message.url !== undefined) port = Number(new URL(message.url).port);
      if (message.type !== 'ready') return;
      clearTimeout(timer);
      resolve(port);
    });
    child.on('exit', () => {
      clearTimeout(timer);
      reject(new Error(`the scheduler has ended: ${said.join('')}`));
    });
  });
}
