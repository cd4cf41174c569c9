import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Redis } from 'ioredis';
import { NodeGroup } from './node-group.js';
import { commandOf, descendantsOf, isAlive, type ProcessId } from './processes.js';
import { RedisProcess } from './redis-process.js';
import { Service } from './service.js';
import { until } from './wait.js';

type Environment = Readonly<Record<string, string>>;

const ENTRIES = {
  scheduler: fileURLToPath(new URL('../../../../services/scheduler/dist/main.js', import.meta.url)),
  node: fileURLToPath(new URL('../../../../services/worker/dist/main.js', import.meta.url)),
} as const;

/** How long a dying process may take on a busy machine, milliseconds. */
const DEATH_MS = 20_000;

export interface ServiceProcessOptions {
  readonly env?: Environment;
  /** Options of Node.js itself, e.g. `--cpu-prof`. */
  readonly nodeOptions?: readonly string[];
  /** Where it finds Redis; by default the cluster's own socket. */
  readonly redisUrl?: string;
}

/** Redis, schedulers and nodes as real processes with a common folder; the creator calls {@link stop}. */
export class Cluster {
  readonly schedulers: Service[] = [];
  readonly nodes: Service[] = [];
  private readonly connections: Redis[] = [];
  private readonly group = NodeGroup.make();
  /** All processes seen below nodes before they were killed. */
  private readonly seen: ProcessId[] = [];
  private started = 0;

  private constructor(
    readonly folder: string,
    readonly redis: RedisProcess,
  ) {
    mkdirSync(this.temporary);
    process.once('exit', this.atExit);
  }

  static async start(): Promise<Cluster> {
    const folder = mkdtempSync(join(tmpdir(), 'sandpiper-faults-'));
    return new Cluster(folder, await RedisProcess.start(folder));
  }

  /** Addresses of the living schedulers. */
  readonly urls = (): string[] =>
    this.schedulers.filter((service) => service.isAlive && service.url !== '').map(({ url }) => url);

  get aliveNodes(): Service[] {
    return this.nodes.filter((node) => node.isAlive);
  }

  /** A connection for observation, beside the services'; closed with the cluster. */
  connect(): Redis {
    const connection = this.redis.connect();
    this.connections.push(connection);
    return connection;
  }

  /** Starts one without waiting; its `ready` waits. */
  spawnScheduler(options: ServiceProcessOptions = {}): Service {
    const service = this.spawn('scheduler', `s${++this.started}`, options);
    this.schedulers.push(service);
    return service;
  }

  /** Node names are unique, so a dead node's runs can be told from its successor's. */
  spawnNode(options: ServiceProcessOptions = {}, name = `n${++this.started}`): Service {
    const cells = { SANDPIPER_CELLS: '1', SANDPIPER_NODE_NAME: name };
    const service = this.spawn('node', name, { ...options, env: { ...cells, ...options.env } });
    this.nodes.push(service);
    return service;
  }

  startScheduler(options: ServiceProcessOptions = {}): Promise<Service> {
    return this.spawnScheduler(options).ready();
  }

  startNode(options: ServiceProcessOptions = {}): Promise<Service> {
    return this.spawnNode(options).ready();
  }

  startNodes(count: number, options: ServiceProcessOptions = {}): Promise<Service[]> {
    return Promise.all(Array.from({ length: count }, () => this.startNode(options)));
  }

  /** With -9. Its descendants are searched for at the end. */
  async killNode(node: Service): Promise<void> {
    this.remember(node);
    await node.kill();
  }

  /** Descendants of a node from now on are searched for at the end. */
  remember(node: Service): void {
    this.seen.push(...descendantsOf(node.pid));
  }

  /**
   * Processes that outlived their node: those seen below one, and, where the host delegates control groups,
   * all in the cluster's group and below no living node. Waits a little, because dying takes time.
   */
  async orphans(): Promise<string[]> {
    const look = (): number[] => {
      const kept = new Set(
        this.aliveNodes.flatMap(({ pid }) => [pid, ...descendantsOf(pid).map((process) => process.pid)]),
      );
      const alive = this.seen.filter(isAlive).map(({ pid }) => pid);
      return [...new Set([...alive, ...(this.group?.processes() ?? [])])].filter((pid) => !kept.has(pid));
    };
    await until('no orphans', DEATH_MS, () => look().length === 0).catch(() => undefined);
    return look().map((pid) => `${pid} ${commandOf(pid)}`);
  }

  /** How orphans are searched for, for the report. */
  get watch(): string {
    return this.group === null ? 'by descent' : 'by descent and by control group';
  }

  /** Folders and control groups of keepers that exist without a node. */
  leftovers(): { readonly folders: string[]; readonly groups: string[] } {
    const folders = readdirSync(this.temporary).filter((name) => name.startsWith('sandpiper-cell-'));
    return { folders, groups: this.group?.ofKeepers() ?? [] };
  }

  /**
   * Ends everything and removes the folder. @param keepFolder keeps it, with the logs, for an investigation
   */
  async stop(keepFolder = false): Promise<void> {
    for (const connection of this.connections) connection.disconnect();
    const services = [...this.schedulers, ...this.nodes];
    for (const node of this.nodes) if (node.isAlive) this.remember(node);
    await Promise.all(services.filter((service) => service.isAlive).map((service) => service.kill()));
    await this.redis.kill();
    await this.orphans();
    this.group?.remove();
    process.off('exit', this.atExit);
    if (!keepFolder) rmSync(this.folder, { recursive: true, force: true });
  }

  /** An interrupted scenario must leave no processes behind. */
  private readonly atExit = (): void => {
    for (const service of [...this.schedulers, ...this.nodes]) service.signal('SIGKILL');
    this.redis.end();
    rmSync(this.folder, { recursive: true, force: true });
  };

  /** A folder for temporary files that no other program uses. */
  private get temporary(): string {
    return join(this.folder, 'tmp');
  }

  private spawn(kind: keyof typeof ENTRIES, name: string, options: ServiceProcessOptions): Service {
    return Service.spawn({
      name,
      entry: ENTRIES[kind],
      env: {
        SANDPIPER_REDIS_URL: options.redisUrl ?? this.redis.socket,
        SANDPIPER_PORT: '0',
        SANDPIPER_LOG_LEVEL: 'info',
        TMPDIR: this.temporary,
        ...options.env,
      },
      logFile: join(this.folder, `${name}.log`),
      door: kind === 'node' ? (this.group?.door ?? null) : null,
      ...(options.nodeOptions === undefined ? {} : { nodeOptions: options.nodeOptions }),
    });
  }
}
