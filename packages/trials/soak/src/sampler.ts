import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cluster, type Service, until, zombiesBelow } from '@sandpiper/faults';
import { ALL_TENANTS, KEYS } from '@sandpiper/store';
import type { Redis } from 'ioredis';
import { type HeapReport, reportName } from './heap-report.js';
import type { Metric } from './judge.js';
import type { Point } from './slope.js';

const MIB = 1024 * 1024;

const METRICS = {
  heap: { name: 'heap after collection', unit: 'bytes', slack: 3 * MIB },
  // The allocator gives freed pages back at its own discretion.
  rss: { name: 'resident memory of its own', unit: 'bytes', slack: 96 * MIB },
  descriptors: { name: 'descriptors', unit: 'count', slack: 4 },
  threads: { name: 'threads', unit: 'count', slack: 2 },
  zombies: { name: 'zombies', unit: 'count', slack: 1 },
  folders: { name: 'folders of cells', unit: 'count', slack: 1 },
  groups: { name: 'control groups', unit: 'count', slack: 1 },
  redisBytes: { name: 'bytes held', unit: 'bytes', slack: 8 * MIB },
  redisKeys: { name: 'keys', unit: 'count', slack: 60 },
  perRun: { name: 'bytes for each kept run', unit: 'bytes', slack: 20_000 },
  connections: { name: 'connections', unit: 'count', slack: 4 },
} as const satisfies Record<string, Metric>;

type MetricName = keyof typeof METRICS;

export interface Series {
  readonly name: string;
  readonly metric: Metric;
  readonly points: Point[];
}

/** Samples all processes of a service while it is idle. */
export class Sampler {
  private readonly byName = new Map<string, Series>();

  private readonly began = performance.now();

  constructor(
    private readonly cluster: Cluster,
    private readonly redis: Redis,
    /** Where services write their heap reports. */
    private readonly folder: string,
  ) {}

  get series(): readonly Series[] {
    return [...this.byName.values()];
  }

  get seconds(): number {
    return (performance.now() - this.began) / 1000;
  }

  async take(): Promise<void> {
    const { schedulers, nodes, redis } = this.cluster;
    await this.untilIdle();
    // As the services collect their garbage: its allocator gives pages back when it likes (Redis: MEMORY PURGE).
    await this.redis.memory('PURGE');
    const at = this.seconds;
    const services = [...schedulers, ...nodes];
    await Promise.all(services.map((service) => this.ofService(service, at)));
    this.ofProcess('Redis', redis.pid, at);
    const { folders, groups } = this.cluster.leftovers();
    this.add('nodes', 'folders', at, folders.length);
    this.add('nodes', 'groups', at, groups.length);
    await this.ofRedis(at);
  }

  /** The newest value of a series; 0 before the first. */
  newest(owner: string, metric: MetricName): number {
    return this.byName.get(nameOf(owner, METRICS[metric]))?.points.at(-1)?.value ?? 0;
  }

  /** The queue learns a moment later of a run that has ended. */
  private async untilIdle(): Promise<void> {
    await until(
      'the service is idle',
      30_000,
      async () => {
        return (await this.redis.zcard(KEYS.running)) === 0;
      },
      20,
    );
  }

  private async ofService(service: Service, at: number): Promise<void> {
    const heap = await this.heapOf(service);
    this.add(service.name, 'heap', at, heap);
    this.ofProcess(service.name, service.pid, at);
  }

  /** Bytes of all threads together. A report without one of them is asked for again. */
  private heapOf(service: Service): Promise<number> {
    return until(`all threads of ${service.name} say what they hold`, 120_000, async () => {
      const { complete, threads } = await this.askThreads(service);
      return complete ? threads.reduce((sum, { bytes }) => sum + bytes, 0) : null;
    });
  }

  private async askThreads(service: Service): Promise<HeapReport> {
    const path = join(this.folder, reportName(service.pid));
    const before = readReport(path)?.number ?? 0;
    service.signal('SIGUSR2');
    const look = (): HeapReport | null => {
      const report = readReport(path);
      return report !== null && report.number > before ? report : null;
    };
    return until(`${service.name} collects its garbage`, 60_000, look, 20);
  }

  private ofProcess(owner: string, pid: number, at: number): void {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
    // Pages of files, such as Node's code, are the host's: it takes them back and reads them again as it likes.
    this.add(owner, 'rss', at, field('RssAnon') * 1024);
    this.add(owner, 'threads', at, field('Threads'));
    this.add(owner, 'descriptors', at, readdirSync(`/proc/${pid}/fd`).length);
    this.add(owner, 'zombies', at, zombiesBelow(pid));
  }

  private async ofRedis(at: number): Promise<void> {
    const info = await this.redis.info();
    const field = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1]);
    const kept = Number((await this.redis.hget(KEYS.kept, ALL_TENANTS)) ?? 0);
    const bytes = field('used_memory_dataset');
    this.add('Redis', 'redisBytes', at, bytes);
    this.add('Redis', 'redisKeys', at, await this.redis.dbsize());
    this.add('Redis', 'connections', at, field('connected_clients'));
    if (kept > 0) this.add('Redis', 'perRun', at, bytes / kept);
  }

  private add(owner: string, metric: MetricName, at: number, value: number): void {
    const name = nameOf(owner, METRICS[metric]);
    const series = this.byName.get(name) ?? { name, metric: METRICS[metric], points: [] };
    this.byName.set(name, series);
    series.points.push({ at, value });
  }
}

const nameOf = (owner: string, { name }: Metric): string => `${owner}: ${name}`;

function readReport(path: string): HeapReport | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as HeapReport;
  } catch {
    return null; // not written yet
  }
}
