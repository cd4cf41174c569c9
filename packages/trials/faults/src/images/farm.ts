import { Redis } from 'ioredis';
import { Api } from '../api.js';
import type { Observation } from '../observation.js';
import { sleep, until } from '../wait.js';
import { EngineContainer, docker } from './docker.js';

/** The image to try, and one with redis-server and Prometheus; scripts/test-images builds both. */
export const IMAGE = 'sandpiper';
export const BESIDE_IMAGE = 'sandpiper-beside';

const ADMIN_KEY = 'admin-key-of-the-trials-0123456789abcdef';

/** What the chart gives a container, as options of `docker run`; the default seccomp profile is the engine's. */
export const POD_SECURITY: readonly string[] = [
  ...['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--read-only'],
  ...['--user', '1000:1000', '--tmpfs', '/tmp:size=64m'],
];

const MIB = 1024 * 1024;
/** What the schedulers let a run write, MiB: the chart's values. */
export const DISK_CEILING = 64;
const OUTPUT_CEILING = 8;

/** The formula of docs/kubernetes.md with the values by default of the chart, MiB. */
export function podMemory(cells: number): number {
  const output = 12 * OUTPUT_CEILING;
  return 128 + output + cells * (64 + 256 + DISK_CEILING + output);
}

/** How long a node lets its runs go on, seconds; the engine kills it 15 seconds later, as the kubelet does. */
const GRACE_SECONDS = 20;
const KILL_SECONDS = GRACE_SECONDS + 15;
/** How long a scheduler goes on serving after its SIGTERM, milliseconds. */
const STOP_DELAY_MS = 5_000;
/** How long a Service goes on sending requests to a pod that leaves, milliseconds. */
const ENDPOINTS_MS = 1_000;

export interface WorkerSize {
  readonly cpus: number;
  /** MiB; as the chart computes it for the limits by default, where it is not given. */
  readonly memory?: number;
}

export interface Departure {
  readonly name: string;
  readonly code: number;
  readonly ms: number;
}

/** Redis, schedulers and workers as containers in a network that leads nowhere else. */
export class Farm {
  /** Addresses of the schedulers that a Service would send requests to. */
  readonly urls: string[] = [];
  readonly api = new Api(() => this.urls).as(ADMIN_KEY);
  private readonly names: string[] = [];
  private readonly connections: Redis[] = [];

  private constructor(
    private readonly network: string,
    private readonly redis: EngineContainer,
  ) {
    this.names.push(redis.name);
  }

  static async open(): Promise<Farm> {
    const network = 'sandpiper-trial';
    await docker('network', 'create', '--internal', network);
    const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
    const redis = await EngineContainer.start('redis', ['--network', network], BESIDE_IMAGE, [
      ...['redis-server', '--bind', '*', '--protected-mode', 'no'],
      ...[...durable, '--maxmemory-policy', 'noeviction'],
    ]);
    const farm = new Farm(network, redis);
    const connection = farm.connect();
    await until('Redis serves', 60_000, async () => (await connection.ping()) === 'PONG');
    return farm;
  }

  /** A connection for observation, beside the services'; closed with the farm. */
  connect(): Redis {
    const redis = new Redis({
      host: this.redis.address,
      maxRetriesPerRequest: null,
      retryStrategy: () => 20,
    });
    redis.on('error', () => undefined);
    this.connections.push(redis);
    return redis;
  }

  /** Ready, and known to clients. */
  async scheduler(name: string): Promise<EngineContainer> {
    const env = {
      SANDPIPER_ADMIN_KEY: ADMIN_KEY,
      SANDPIPER_STOP_DELAY_MS: String(STOP_DELAY_MS),
      SANDPIPER_MAX_DISK_BYTES: String(DISK_CEILING * MIB),
      SANDPIPER_MAX_OUTPUT_BYTES: String(OUTPUT_CEILING * MIB),
    };
    const options = [...this.pod(env, 8080), '--memory', '1024m', '--cpus', '1'];
    const container = await this.start(name, options, 'scheduler');
    const url = `http://${container.address}:8080`;
    await container.ready(`${url}/readyz`);
    this.urls.push(url);
    return container;
  }

  async worker(name: string, { cpus, memory = podMemory(cpus) }: WorkerSize): Promise<EngineContainer> {
    const env = { SANDPIPER_NODE_NAME: name, SANDPIPER_GRACE_MS: String(GRACE_SECONDS * 1000) };
    const options = [...this.pod(env, 9090), '--memory', `${memory}m`, '--cpus', String(cpus)];
    // Kubernetes has no swap beside the memory of a pod.
    const container = await this.start(name, [...options, '--memory-swap', `${memory}m`], 'worker');
    return container.ready(`http://${container.address}:9090/readyz`);
  }

  /** As Kubernetes takes a pod away: it gets SIGTERM, and a moment later new requests go elsewhere. */
  async retire(container: EngineContainer): Promise<Departure> {
    const stopping = container.stop(KILL_SECONDS);
    await sleep(ENDPOINTS_MS);
    const index = this.urls.findIndex((url) => url.includes(`//${container.address}:`));
    if (index >= 0) this.urls.splice(index, 1);
    return { name: container.name, ...(await stopping) };
  }

  async close(): Promise<void> {
    for (const connection of this.connections) connection.disconnect();
    await docker('rm', '--force', '--volumes', ...this.names);
    await docker('network', 'rm', this.network);
  }

  private async start(name: string, options: readonly string[], service: string): Promise<EngineContainer> {
    const command = ['node', `services/${service}/dist/main.js`];
    this.names.push(name);
    return EngineContainer.start(name, options, IMAGE, command);
  }

  private pod(env: Readonly<Record<string, string>>, port: number): string[] {
    const all = {
      SANDPIPER_HOST: '0.0.0.0',
      SANDPIPER_PORT: String(port),
      SANDPIPER_REDIS_URL: `redis://${this.redis.address}:6379`,
      ...env,
    };
    const variables = Object.entries(all).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
    return [...POD_SECURITY, '--network', this.network, ...variables];
  }
}

/** Plays on a farm that is removed afterwards, whatever happens. */
export async function withFarm(play: (farm: Farm) => Promise<Observation[]>): Promise<Observation[]> {
  const farm = await Farm.open();
  try {
    return await play(farm);
  } finally {
    await farm.close();
  }
}
