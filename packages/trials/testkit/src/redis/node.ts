import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis, type RedisOptions } from 'ioredis';
import { clientTls, makeCertificates, portSettings, type Certificates } from '../certificates.js';
import { freePort } from '../free-port.js';
import { ServerProcess } from '../server-process.js';
import { configuration } from './configuration.js';
import { ADMIN, checkRights } from './rights.js';

export interface RedisNodeOptions {
  /** `redis-server`, or what is to be as good as it. */
  readonly program?: string;
  /** A Unix socket in a folder of its own, a port of the loopback interface, or one with TLS alone. */
  readonly listen?: 'socket' | 'port' | 'tls';
  /** For `tls`; default some of its own. */
  readonly certificates?: Certificates;
  /** The services' user has a name and a password; else it is whoever connects. */
  readonly namedUser?: boolean;
  /** What else stands in its redis.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A server process with a folder of its own for its data, configuration and socket. */
export class RedisNode {
  private process: ServerProcess | null = null;
  private frozen = false;

  private constructor(
    readonly folder: string,
    /** Unset on a Unix socket. */
    readonly port: number | undefined,
    readonly certificates: Certificates | undefined,
    private readonly options: RedisNodeOptions,
  ) {}

  static async start(options: RedisNodeOptions = {}): Promise<RedisNode> {
    const { listen = 'socket' } = options;
    const folder = await mkdtemp(join(tmpdir(), 'sandpiper-test-'));
    const port = listen === 'socket' ? undefined : await freePort();
    const certificates =
      listen === 'tls' ? (options.certificates ?? (await makeCertificates(folder))) : undefined;
    const node = new RedisNode(folder, port, certificates, options);
    await node.writeConfiguration();
    await node.boot();
    return node;
  }

  /** It has not been killed or frozen. */
  get serves(): boolean {
    return this.process !== null && !this.frozen;
  }

  get socket(): string {
    return join(this.folder, 'redis.sock');
  }

  /** Starts the process, again after {@link kill}, and waits until it serves. */
  async boot(): Promise<void> {
    const { program = 'redis-server' } = this.options;
    this.process = await ServerProcess.start(program, [join(this.folder, 'redis.conf')], this.folder);
    this.frozen = false;
    await this.process.whileAlive(this.admin((redis) => redis.ping()));
  }

  freeze(): void {
    this.frozen = true;
    this.process?.freeze();
  }

  thaw(): void {
    this.frozen = false;
    this.process?.thaw();
  }

  async kill(): Promise<void> {
    await this.process?.kill();
    this.process = null;
  }

  async admin<T>(ask: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis({
      ...this.address(),
      ...ADMIN,
      maxRetriesPerRequest: null,
      disableClientInfo: true,
      retryStrategy: () => 20,
    });
    redis.on('error', () => undefined);
    try {
      return await ask(redis);
    } finally {
      redis.disconnect();
    }
  }

  /** @throws Error when something was tried that is not documented. */
  async stop(): Promise<void> {
    try {
      if (this.serves) await this.admin(checkRights);
    } finally {
      await this.kill();
      await rm(this.folder, { recursive: true, force: true });
    }
  }

  private address(): RedisOptions {
    if (this.port === undefined) return { path: this.socket };
    const { certificates } = this;
    return { host: '127.0.0.1', port: this.port, ...clientTls(certificates) };
  }

  private async writeConfiguration(): Promise<void> {
    const settings = { dir: this.folder, ...this.listening(), ...this.options.settings };
    const text = configuration(settings, this.options.namedUser ?? false);
    await writeFile(join(this.folder, 'redis.conf'), text, { mode: 0o600 });
  }

  private listening(): Record<string, string> {
    const { port, certificates } = this;
    if (port === undefined) return { port: '0', unixsocket: this.socket };
    return { bind: '127.0.0.1', ...portSettings(port, certificates) };
  }
}
