import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isLoopbackHost } from '@sandpiper/contracts';
import { cellsFor, cpuShare, memoryOfNode } from '@sandpiper/controller';
import { SupervisedChild } from './child.js';
import { lockStateDir } from './lock.js';
import {
  assertRedisServer,
  endStaleRedis,
  redisPaths,
  redisReady,
  spawnRedis,
  type Durability,
} from './redis.js';
import { adminKey, callbackSecret } from './secret.js';
import { dealCpus, LogFile, serviceReady, spawnService } from './services.js';
import { defaultStateDir, SERVICE_FILE, type ServiceFile } from '../service/state-folder.js';

export interface EmbeddedOptions {
  /** Number of worker nodes; default 1. They share out the CPUs of this process. */
  readonly nodes?: number;
  /** Address of the API; default a free port of 127.0.0.1. */
  readonly port?: number;
  readonly host?: string;
  /** Default: `sandpiper` in $XDG_STATE_HOME, or in ~/.local/state. */
  readonly stateDir?: string;
  /** Further variables of the nodes, such as those of `runtimeVariables`. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Nodes start an interpreter for every run. */
  readonly cold?: boolean;
  /** When Redis syncs acknowledged writes to the disk; default `always`: they survive a power failure. */
  readonly durability?: Durability;
  /** Gets one readable line for each death and restart of a process. */
  readonly onEvent?: (line: string) => void;
  /** Keeps {@link onEvent} from being called. */
  readonly quiet?: boolean;
}

/** A running embedded service. */
export interface Embedded {
  /** URL of the API. */
  readonly url: string;
  /**
   * Creates the first API keys, where keys are required: SANDPIPER_AUTH says so, or other hosts can reach the
   * API.
   */
  readonly adminKey: string | null;
  readonly state: EmbeddedState;
  /**
   * Drains: takes no more runs, waits for the current ones, stops everything. When it resolves, no process is
   * left.
   */
  stop(): Promise<void>;
}

interface EmbeddedState {
  readonly stateDir: string;
  /** Path of the Unix socket of Redis. */
  readonly redis: string;
  /** Pids by name: `redis`, `scheduler`, `node-1`, ...; null for a process that is being restarted. */
  pids(): Record<string, number | null>;
}

const DEFAULT_HOST = '127.0.0.1';

/** Nodes drain for 20 s and hand back their runs for 5 s; then they are killed. */
const NODE_STOP_MS = 30_000;
const SCHEDULER_STOP_MS = 10_000;
const REDIS_STOP_MS = 20_000;

/**
 * Starts Redis, the scheduler and the nodes as children of this process, and waits until all are ready. They
 * are restarted when they die, and end with this process, however it ends. The state folder keeps the queue,
 * the results and, in `logs`, the logs.
 * @throws EmbeddedError with one line: no redis-server, state folder in use, port in use, not built.
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
    // The scheduler decides by the same rule (its config.ts) and the same environment.
    const authenticated =
      process.env['SANDPIPER_AUTH'] === 'on' || !isLoopbackHost(options.host ?? DEFAULT_HOST);
    // Of two, the first replaces the second.
    const key = authenticated ? (adminKey(stateDir).split(',')[0] ?? null) : null;
    const service: ServiceFile = { url, ...(key === null ? {} : { adminKey: key }) };
    writeFileSync(file, JSON.stringify(service), { mode: 0o600 });
    const state: EmbeddedState = { stateDir, redis: parts.redisSocket, pids: () => parts.pids() };
    return { url, adminKey: key, state, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The share of the host that each node gets. */
interface NodeShare {
  /** One CPU per cell; the cells are pinned to them if they are `ours` alone. */
  readonly cpus: readonly number[];
  readonly ours: boolean;
  readonly memoryBytes: number;
}

/** The processes of the embedded service, in the order of their dependencies. */
class Parts {
  private readonly children = new Map<string, SupervisedChild>();
  private readonly logs: LogFile[] = [];
  private readonly paths;
  private readonly onEvent: (line: string) => void;
  private url: string | null = null;

  constructor(
    private readonly stateDir: string,
    private readonly options: EmbeddedOptions,
  ) {
    this.paths = redisPaths(stateDir);
    this.onEvent = options.quiet === true ? () => undefined : (options.onEvent ?? (() => undefined));
  }

  get redisSocket(): string {
    return this.paths.socket;
  }

  pids(): Record<string, number | null> {
    return Object.fromEntries([...this.children].map(([name, child]) => [name, child.pid]));
  }

  async start(): Promise<string> {
    await endStaleRedis(this.paths);
    await this.addRedis().start();
    const share = cpuShare();
    const cells = cellsFor(share);
    // No more than the CPU quota allows; with a quota, the CPUs are shared with others.
    const nodes = dealCpus(share.allowed.slice(0, cells), this.options.nodes ?? 1);
    const ours = cells === share.allowed.length;
    const memoryBytes = Math.floor(memoryOfNode(null) / nodes.length);
    const starts = [
      this.addScheduler().start(),
      ...nodes.map((cpus, index) => this.addNode(index, { cpus, ours, memoryBytes }).start()),
    ];
    // Wait for all, so that no start is still under way when a failure stops everything.
    const failed = (await Promise.allSettled(starts)).find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return this.url ?? '';
  }

  /** The scheduler first, so that no run arrives; then the nodes, which hand in their results; Redis last. */
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
      spawn: () => spawnRedis(this.paths, this.options.durability ?? 'always', log.fd),
      ready: (child) => redisReady(this.paths, child),
      lastWords: () => log.lastWords(),
    });
  }

  private addScheduler(): SupervisedChild {
    const log = this.openLog('scheduler');
    return this.add('scheduler', {
      spawn: () => {
        // A restarted scheduler must keep its predecessor's port.
        const port = this.options.port || (this.url === null ? 0 : Number(new URL(this.url).port));
        const env = this.env({
          SANDPIPER_HOST: this.options.host ?? DEFAULT_HOST,
          SANDPIPER_PORT: String(port),
          SANDPIPER_ADMIN_KEY: adminKey(this.stateDir),
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
      ...this.options.variables,
    });
    return this.add(name, {
      spawn: () => spawnService('worker', env, log.fd),
      ready: (child) => serviceReady(child, () => undefined),
      lastWords: () => log.lastWords(),
    });
  }

  private env(own: Readonly<Record<string, string>>): Record<string, string> {
    return { SANDPIPER_REDIS_URL: this.paths.socket, ...own };
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
