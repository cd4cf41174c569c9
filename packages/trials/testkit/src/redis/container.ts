import type { Redis } from 'ioredis';
import type { StartedTestContainer } from 'testcontainers';
import { freePort } from '../free-port.js';
import { askAsAdmin } from './ask.js';
import { configuration } from './configuration.js';
import type { RedisServer, RedisVariables } from './redis-server.js';
import { checkRights } from './rights.js';

const PORT = 6379;
const CONFIGURATION = '/tmp/sandpiper-redis.conf';

/**
 * A container of an image that has `redis-server` and a volume at /data, as the official ones have. It is
 * killed, frozen and restarted as the same container, so its volume stays.
 */
export class ContainerRedis implements RedisServer {
  readonly variables: RedisVariables;
  private serves = true;

  private constructor(
    private readonly container: StartedTestContainer,
    private readonly host: string,
    private readonly port: number,
  ) {
    this.variables = { SANDPIPER_REDIS_URL: `redis://${host}:${port}` };
  }

  static async start(image: string): Promise<ContainerRedis> {
    // Loaded on demand: it brings a whole Docker client along.
    const { GenericContainer, Wait } = await import('testcontainers');
    // A port that we choose stays the same when the container is restarted.
    const port = await freePort();
    const container = await new GenericContainer(image)
      .withCopyContentToContainer([{ content: configurationText(), target: CONFIGURATION, mode: 0o644 }])
      .withCommand(['redis-server', CONFIGURATION])
      .withExposedPorts({ container: PORT, host: port })
      .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/))
      .start();
    const redis = new ContainerRedis(container, container.getHost(), port);
    await redis.admin((connection) => connection.ping());
    return redis;
  }

  get url(): string {
    return this.variables.SANDPIPER_REDIS_URL;
  }

  async freeze(): Promise<void> {
    this.serves = false;
    // SIGSTOP for its first process, not the engine's pause: a paused container could not be killed.
    await (await this.handle()).kill({ signal: 'SIGSTOP' });
  }

  async kill(): Promise<void> {
    const handle = await this.handle();
    this.serves = false;
    const { State } = await handle.inspect();
    if (!State.Running) return;
    const gone = handle.wait({ condition: 'not-running' });
    await handle.kill({ signal: 'SIGKILL' });
    await gone;
  }

  async boot(): Promise<void> {
    await (await this.handle()).start();
    await this.admin((connection) => connection.ping());
    this.serves = true;
  }

  async flush(): Promise<void> {
    await this.admin((redis) => redis.flushall());
  }

  admin<T>(what: (redis: Redis) => Promise<T>): Promise<T> {
    return askAsAdmin({ host: this.host, port: this.port }, what);
  }

  async stop(): Promise<void> {
    try {
      if (this.serves) await this.admin(checkRights);
    } finally {
      await this.kill();
      await this.container.stop({ remove: true, removeVolumes: true });
    }
  }

  /** The container as the engine's own client has it; testcontainers hides its signals. */
  private async handle() {
    const { getContainerRuntimeClient } = await import('testcontainers');
    return (await getContainerRuntimeClient()).container.getById(this.container.getId());
  }
}

const configurationText = (): string =>
  configuration({ dir: '/data', bind: '*', 'protected-mode': 'no', port: String(PORT) }, false);
