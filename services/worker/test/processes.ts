import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunRequest, RunState } from '@sandpiper/contracts';
import type { ServiceMessage } from '@sandpiper/telemetry';
import type { RedisServer } from '@sandpiper/testkit';

export interface Service {
  readonly child: ChildProcess;
  readonly url: string;
  readonly exit: Promise<number | null>;
}

/** Schedulers and nodes of a test as processes of their own, on one Redis. */
export class Processes {
  private readonly started: Service[] = [];

  /** @param checkout whose services they are; default: this one's */
  constructor(
    private readonly redis: Pick<RedisServer, 'variables'>,
    private readonly checkout: string = fileURLToPath(new URL('../../..', import.meta.url)),
  ) {}

  scheduler(env: Record<string, string> = {}): Promise<Service> {
    return this.start('scheduler', env);
  }

  node(name: string, env: Record<string, string> = {}): Promise<Service> {
    return this.start('worker', { SANDPIPER_NODE_NAME: name, SANDPIPER_CELLS: '1', ...env });
  }

  /** However they are, they are gone afterwards. */
  async kill(): Promise<void> {
    for (const { child, exit } of this.started) {
      child.kill('SIGKILL');
      await exit;
    }
  }

  private async start(service: 'scheduler' | 'worker', env: Record<string, string>): Promise<Service> {
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
        const told = message as ServiceMessage;
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

/** Submits a run and waits for its end. */
export async function runAt(
  scheduler: Service,
  request: RunRequest,
  headers: Record<string, string> = {},
): Promise<RunState> {
  const reply = await fetch(`${scheduler.url}/v1/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(request),
  });
  if (reply.status !== 202) throw new Error(await reply.text());
  const { id } = (await reply.json()) as { id: string };
  return (await (await fetch(`${scheduler.url}/v1/runs/${id}?wait=60`)).json()) as RunState;
}

export const metricsOf = async (service: Service): Promise<string> =>
  (await fetch(`${service.url}/metrics`)).text();
