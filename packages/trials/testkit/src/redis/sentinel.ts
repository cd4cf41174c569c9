import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import {
  clientTls,
  makeCertificates,
  portSettings,
  tlsVariables,
  type Certificates,
} from '../certificates.js';
import { freePort } from '../free-port.js';
import { ServerProcess } from '../server-process.js';
import { askAsAdmin, awaitReplica, removeAfter, untilGathered } from './ask.js';
import { RedisNode } from './node.js';
import type { RedisVariables } from './redis-server.js';
import { ADMIN, checkRights, SENTINEL_CLIENT, sentinelUserLines, userVariables } from './rights.js';

const MASTER = 'sandpiper-test';

/** How soon a master is considered dead, milliseconds: short, because tests wait for it. */
const DOWN_AFTER_MS = 500;
const FAILOVER_TIMEOUT_MS = 3_000;

export interface SentinelOptions {
  readonly sentinels?: 1 | 2 | 3;
  /** For all of them. */
  readonly tls?: boolean;
  readonly program?: string;
}

/** A master, its replica, and the Sentinels that fail over between them; all with their own passwords. */
export class SentinelRedis {
  private constructor(
    private readonly folder: string,
    private readonly nodes: readonly RedisNode[],
    private readonly sentinels: readonly Sentinel[],
    readonly variables: RedisVariables,
  ) {}

  static async start(options: SentinelOptions = {}): Promise<SentinelRedis> {
    const { sentinels: count = 3, tls = false, program = 'redis-server' } = options;
    const folder = await mkdtemp(join(tmpdir(), 'sandpiper-test-'));
    const replication = { masteruser: ADMIN.username, masterauth: ADMIN.password };
    const certificates = tls ? await makeCertificates(folder) : undefined;
    const common = {
      program,
      namedUser: true,
      listen: tls ? 'tls' : 'port',
      ...(certificates === undefined ? {} : { certificates }),
    } as const;
    const master = await RedisNode.start({ ...common, settings: replication });
    const following = { ...replication, replicaof: `127.0.0.1 ${master.port}` };
    const replica = await RedisNode.start({ ...common, settings: following });
    const sentinels: Sentinel[] = [];
    for (let index = 0; index < count; index += 1) {
      sentinels.push(
        await startSentinel({ program, folder, index, master, quorum: Math.floor(count / 2) + 1 }),
      );
    }
    const variables = await variablesFor(folder, sentinels);
    const redis = new SentinelRedis(folder, [master, replica], sentinels, variables);
    await redis.gathered();
    return redis;
  }

  /** Waits until the replica has what the master has acknowledged: replication is asynchronous. */
  async replicated(): Promise<void> {
    await this.admin(awaitReplica);
  }

  /** SIGSTOP for the present replica: it no longer acknowledges anything. */
  async freezeReplica(): Promise<void> {
    (await this.replica()).freeze();
  }

  /** SIGCONT for it. */
  async thawReplica(): Promise<void> {
    (await this.replica()).thaw();
  }

  /** kill -9 for the present master. */
  async killMaster(): Promise<void> {
    await (await this.master()).kill();
  }

  /** SIGSTOP for the present master: its connections stay. */
  async freezeMaster(): Promise<void> {
    (await this.master()).freeze();
  }

  /** Asks the present master as an administrator. */
  async admin<T>(ask: (redis: Redis) => Promise<T>): Promise<T> {
    return (await this.master()).admin(ask);
  }

  async stop(): Promise<void> {
    const checked = await Promise.allSettled(this.sentinels.map((one) => askSentinel(one, checkRights)));
    for (const { process } of this.sentinels) await process.kill();
    const stopped = await Promise.allSettled(this.nodes.map((node) => node.stop()));
    await removeAfter(this.folder, [...checked, ...stopped]);
  }

  private async replica(): Promise<RedisNode> {
    const master = await this.master();
    const replica = this.nodes.find((node) => node !== master);
    if (replica === undefined) throw new Error('there is no replica');
    return replica;
  }

  private async master(): Promise<RedisNode> {
    const [, port] = (await askSentinel(this.sentinels[0], (redis) =>
      redis.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER),
    )) as [string, string];
    const node = this.nodes.find((candidate) => candidate.port === Number(port));
    if (node === undefined) throw new Error(`the Sentinels name a master at port ${port}, which is not ours`);
    return node;
  }

  /** Every Sentinel knows the replica and the other Sentinels: before that, no failover is possible. */
  private async gathered(): Promise<void> {
    for (const sentinel of this.sentinels) {
      await untilGathered('the Sentinels did not find each other and the replica', () =>
        knowsAll(sentinel, this.sentinels.length - 1),
      );
    }
  }
}

interface Sentinel {
  readonly process: ServerProcess;
  readonly port: number;
  readonly certificates: Certificates | undefined;
}

async function startSentinel(where: {
  program: string;
  folder: string;
  index: number;
  master: RedisNode;
  quorum: number;
}): Promise<Sentinel> {
  const { program, folder, index, master, quorum } = where;
  const { certificates } = master;
  const port = await freePort();
  // A Sentinel writes what it learns into its configuration, so each has its own file.
  const file = join(folder, `sentinel-${index}.conf`);
  const lines = [
    ...Object.entries(portSettings(port, certificates)).map(([name, value]) => `${name} ${value}`),
    'bind 127.0.0.1',
    `dir ${folder}`,
    ...sentinelUserLines(),
    `sentinel sentinel-user ${ADMIN.username}`,
    `sentinel sentinel-pass ${ADMIN.password}`,
    `sentinel monitor ${MASTER} 127.0.0.1 ${master.port} ${quorum}`,
    `sentinel auth-user ${MASTER} ${ADMIN.username}`,
    `sentinel auth-pass ${MASTER} ${ADMIN.password}`,
    `sentinel down-after-milliseconds ${MASTER} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${MASTER} ${FAILOVER_TIMEOUT_MS}`,
    '',
  ];
  await writeFile(file, lines.join('\n'), { mode: 0o600 });
  const process = await ServerProcess.start(program, [file, '--sentinel'], folder);
  const sentinel = { process, port, certificates };
  await process.whileAlive(askSentinel(sentinel, (redis) => redis.ping()));
  return sentinel;
}

async function askSentinel<T>(sentinel: Sentinel | undefined, ask: (redis: Redis) => Promise<T>): Promise<T> {
  if (sentinel === undefined) throw new Error('there is no Sentinel');
  const { port, certificates } = sentinel;
  const address = { host: '127.0.0.1', port, ...clientTls(certificates), enableReadyCheck: false };
  return askAsAdmin(address, ask);
}

async function knowsAll(sentinel: Sentinel, others: number): Promise<boolean> {
  const flat = (await askSentinel(sentinel, (redis) => redis.call('SENTINEL', 'MASTER', MASTER))) as string[];
  const field = (name: string): string | undefined => flat[flat.indexOf(name) + 1];
  return field('num-slaves') === '1' && field('num-other-sentinels') === String(others);
}

async function variablesFor(folder: string, sentinels: readonly Sentinel[]): Promise<RedisVariables> {
  const passwordFile = join(folder, 'sentinel-password');
  await writeFile(passwordFile, SENTINEL_CLIENT.password, { mode: 0o600 });
  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
  const certificates = sentinels[0]?.certificates;
  const scheme = certificates === undefined ? 'redis' : 'rediss';
  return {
    SANDPIPER_REDIS_URL: `${scheme}-sentinel://${hosts}/${MASTER}`,
    SANDPIPER_REDIS_SENTINEL_USERNAME: SENTINEL_CLIENT.username,
    SANDPIPER_REDIS_SENTINEL_PASSWORD_FILE: passwordFile,
    ...(await userVariables(folder)),
    ...tlsVariables(certificates),
  };
}
