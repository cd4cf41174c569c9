import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RedisServer } from './redis/redis-server.js';

/** What a service tells the process that started it (ServiceMessage of @sandpiper/telemetry). */
type Told = { readonly type: 'listening'; readonly url: string } | { readonly type: 'ready' };

export interface TestService {
  readonly child: ChildProcess;
  readonly url: string;
  readonly exit: Promise<number | null>;
}

/** Schedulers and nodes of a test as processes of their own, on one Redis. */
export class Processes {
  private readonly started: TestService[] = [];

  /** @param checkout whose services they are; default: this one's */
  constructor(
    private readonly redis: Pick<RedisServer, 'variables'>,
    private readonly checkout: string = fileURLToPath(new URL('../../../..', import.meta.url)),
  ) {}

  scheduler(env: Record<string, string> = {}): Promise<TestService> {
    return this.start('scheduler', env);
  }

  node(name: string, env: Record<string, string> = {}): Promise<TestService> {
    return this.start('worker', { SANDPIPER_NODE_NAME: name, SANDPIPER_CELLS: '1', ...env });
  }

  /** However they are, they are gone afterwards. */
  async kill(): Promise<void> {
    for (const { child, exit } of this.started) {
      child.kill('SIGKILL');
      await exit;
    }
  }

  private async start(service: 'scheduler' | 'worker', env: Record<string, string>): Promise<TestService> {
    const entry = join(this.checkout, 'services', service, 'dist/main.js');
    const own = { ...this.redis.variables, SANDPIPER_PORT: '0', SANDPIPER_LOG_LEVEL: 'fatal' };
    const child = spawn(process.execPath, [entry], {
      env: { ...process.env, ...own, ...env },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const exit = once(child, 'exit').then(([code]) => code as number | null);
    const url = await new Promise<string>((resolve, reject) => {
      let address = '';
      child.on('message', (message) => {
        const told = message as Told;
        if (told.type === 'listening') address = told.url;
        else resolve(address);
      });
      void exit.then((code) => reject(new Error(`${service} ended with ${code}`)));
    });
    const service_ = { child, url, exit };
    this.started.push(service_);
    return service_;
  }
}
