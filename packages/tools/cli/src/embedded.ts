import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isLoopbackHost } from '@sandpiper/contracts';
import { cellsFor, cpuShare, memoryOfNode } from '@sandpiper/controller';
import { SupervisedChild } from './embedded-child.js';
import { lockStateDir } from './embedded-lock.js';
import {
  assertRedisServer,
  endStaleRedis,
  redisPlace,
  redisReady,
  spawnRedis,
  type Durability,
} from './embedded-redis.js';
import { callbackSecret } from './embedded-secret.js';
import { dealCpus, LogFile, serviceReady, spawnService } from './embedded-services.js';
import { defaultStateDir, SERVICE_FILE, type ServiceFile } from './state-folder.js';

export interface EmbeddedOptions {
  /** Worker nodes; default 1. The CPUs of this process are dealt out among them. */
  readonly nodes?: number;
  /** Where the API listens; default a free port of 127.0.0.1. */
  readonly port?: number;
  readonly host?: string;
  /** Default: `sandpiper` in $XDG_STATE_HOME, or in ~/.local/state. */
  readonly stateDir?: string;
  /** Nodes start an interpreter for every run. */
  readonly cold?: boolean;
  /** How soon Redis syncs what it acknowledged to the disk; default `always`: what was answered survives a loss of power. */
  readonly durability?: Durability;
  /** One line for people about every death and return of a part. */
  readonly onEvent?: (line: string) => void;
  /** Keeps {@link onEvent} from being called. */
  readonly quiet?: boolean;
}

/** The embedded service, running. */
export interface Embedded {
  /** Of the API. */
  readonly url: string;
  /** With which the first API keys are made, where keys are asked for: SANDPIPER_AUTH says so, or others can reach it. */
  readonly adminKey: string | null;
  readonly state: EmbeddedState;
  /** Stops taking runs, lets those that run end, stops everything; when it resolves, no process is left. */
  stop(): Promise<void>;
}

interface EmbeddedState {
  readonly stateDir: string;
  /** Path of the Unix socket of Redis. */
  readonly redis: string;
  /** Processes now, by name: `redis`, `scheduler`, `node-1`, ... A part that is being restarted has null. */
  pids(): Record<string, number | null>;
}

const DEFAULT_HOST = '127.0.0.1';

/** Nodes drain for 20 s and hand back for 5; then they are killed. */
const NODE_STOP_MS = 30_000;
const SCHEDULER_STOP_MS = 10_000;
const REDIS_STOP_MS = 20_000;

/**
 * Starts Redis, scheduler and nodes as children of this process, and waits until all are ready. They are kept alive,
 * and die with this process, however it dies. Logs stand in `logs` of the state folder; queue and results survive there.
 * @throws EmbeddedError with one line: no redis-server, state folder taken, port taken, not built.
 */
export async function startEmbedded(options: EmbeddedOptions = {}): Promise<Embedded> {
  assertRedisServer();
  const stateDir = resolve(options.stateDir ?? defaultStateDir());
  mkdirSync(join(stateDir, 'logs'), { recursive: true, mode: 0o700 });
  const parts = new Parts(stateDir, options);
  const unlock = lockStateDir(stateDir);
  const file = join(stateDir, SERVICE_FILE);
  const stop = once(async () => {
    rmSync(file, { force: true });
    await parts.stop();
    unlock();
  });
  try {
    const url = await parts.start();
    // As the scheduler decides it (config.ts there), in the same environment.
    const authenticated =
      process.env['SANDPIPER_AUTH'] === 'on' || !isLoopbackHost(options.host ?? DEFAULT_HOST);
    const adminKey = authenticated ? parts.adminKey : null;
    const service: ServiceFile = { url, ...(adminKey === null ? {} : { adminKey }) };
    writeFileSync(file, JSON.stringify(service), { mode: 0o600 });
    const state: EmbeddedState = { stateDir, redis: parts.redisSocket, pids: () => parts.pids() };
    return { url, adminKey, state, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What of the host each node gets. */
interface NodeShare {
  /** One for each of its cells, which keep to them if they are `ours` alone. */
  readonly cpus: readonly number[];
  readonly ours: boolean;
  readonly memoryBytes: number;
}

/** The processes of the embedded service, in the order in which they need each other. */
class Parts {
  private readonly children = new Map<string, SupervisedChild>();
  private readonly logs: LogFile[] = [];
  private readonly place;
  private readonly onEvent: (line: string) => void;
  private url: string | null = null;

  constructor(
    private readonly stateDir: string,
    private readonly options: EmbeddedOptions,
  ) {
    this.place = redisPlace(stateDir);
    this.onEvent = options.quiet === true ? () => undefined : (options.onEvent ?? (() => undefined));
  }

  /** Made at the first start and kept; the environment may name another. */
  get adminKey(): string {
    const given = process.env['SANDPIPER_ADMIN_KEY'];
    if (given !== undefined) return given;
    const path = join(this.stateDir, 'admin.key');
    if (!existsSync(path)) writeFileSync(path, randomBytes(32).toString('base64url'), { mode: 0o600 });
    return readFileSync(path, 'utf8');
  }

  get redisSocket(): string {
    return this.place.socket;
  }

  pids(): Record<string, number | null> {
    return Object.fromEntries([...this.children].map(([name, child]) => [name, child.pid]));
  }

  async start(): Promise<string> {
    await endStaleRedis(this.place);
    await this.addRedis().start();
    const share = cpuShare();
    const cells = cellsFor(share);
    // No more than a quota pays for; where there is one, others use the same CPUs.
    const nodes = dealCpus(share.allowed.slice(0, cells), this.options.nodes ?? 1);
    const ours = cells === share.allowed.length;
    const memoryBytes = Math.floor(memoryOfNode(null) / nodes.length);
    const starts = [
      this.addScheduler().start(),
      ...nodes.map((cpus, index) => this.addNode(index, { cpus, ours, memoryBytes }).start()),
    ];
    // All of them to their end, so that no start goes on behind the back of the stop that follows a failure.
    const failed = (await Promise.allSettled(starts)).find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return this.url ?? '';
  }

  /** The scheduler first, so that nothing new comes; then the nodes, which hand in what they run; Redis last. */
  async stop(): Promise<void> {
    const named = (prefix: string) => [...this.children].filter(([name]) => name.startsWith(prefix));
    for (const [prefix, graceMs] of [
      ['scheduler', SCHEDULER_STOP_MS],
      ['node-', NODE_STOP_MS],
      ['redis', REDIS_STOP_MS],
    ] as const) {
      await Promise.all(named(prefix).map(([, child]) => child.stop(graceMs)));
    }
    for (const log of this.logs) log.close();
  }

  private addRedis(): SupervisedChild {
    const log = this.openLog('redis');
    return this.add('redis', {
      spawn: () => spawnRedis(this.place, this.options.durability ?? 'always', log.fd),
      ready: (child) => redisReady(this.place, child),
      lastWords: () => log.lastWords(),
    });
  }

  private addScheduler(): SupervisedChild {
    const log = this.openLog('scheduler');
    return this.add('scheduler', {
      spawn: () => {
        // One that comes back must be found where its predecessor was.
        const port = this.options.port || (this.url === null ? 0 : Number(new URL(this.url).port));
        const env = this.env({
          SANDPIPER_HOST: this.options.host ?? DEFAULT_HOST,
          SANDPIPER_PORT: String(port),
          SANDPIPER_ADMIN_KEY: this.adminKey,
          SANDPIPER_CALLBACK_SECRET: callbackSecret(this.stateDir),
        });
        return spawnService('scheduler', env, log.fd);
      },
      ready: (child) =>
        serviceReady(child, (url) => {
          this.url = url;
        }),
      lastWords: () => log.lastWords(),
    });
  }

  private addNode(index: number, { cpus, ours, memoryBytes }: NodeShare): SupervisedChild {
    const name = `node-${index + 1}`;
    const log = this.openLog(name);
    const env = this.env({
      SANDPIPER_NODE_NAME: name,
      SANDPIPER_CELLS: String(cpus.length),
      ...(ours ? { SANDPIPER_CELL_CPUS: cpus.join(',') } : {}),
      SANDPIPER_MEMORY_BYTES: process.env['SANDPIPER_MEMORY_BYTES'] ?? String(memoryBytes),
      SANDPIPER_HOST: '127.0.0.1',
      SANDPIPER_PORT: '0',
      ...(this.options.cold === true ? { SANDPIPER_PROFILE: 'cold' } : {}),
    });
    return this.add(name, {
      spawn: () => spawnService('worker', env, log.fd),
      ready: (child) => serviceReady(child, () => undefined),
      lastWords: () => log.lastWords(),
    });
  }

  private env(own: Readonly<Record<string, string>>): Record<string, string> {
    return { SANDPIPER_REDIS_URL: this.place.socket, ...own };
  }

  private add(
    name: string,
    spec: Omit<ConstructorParameters<typeof SupervisedChild>[0], 'name' | 'onEvent'>,
  ): SupervisedChild {
    const child = new SupervisedChild({ name, onEvent: this.onEvent, ...spec });
    this.children.set(name, child);
    return child;
  }

  private openLog(name: string): LogFile {
    const log = new LogFile(join(this.stateDir, 'logs'), name);
    this.logs.push(log);
    return log;
  }
}

function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  return () => {
    running ??= work();
    return running;
  };
}
