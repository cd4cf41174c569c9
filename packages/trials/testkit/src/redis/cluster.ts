import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { makeCertificates, tlsVariables, type Certificates } from '../certificates.js';
import { freePort } from '../free-port.js';
import { awaitReplica, removeAfter, untilGathered } from './ask.js';
import { RedisNode } from './node.js';
import type { RedisVariables } from './redis-server.js';
import { ADMIN } from './rights.js';

const SLOTS = 16_384;
const MASTERS = 3;

/** How soon a node is considered dead, milliseconds: short, because tests wait for it. */
const NODE_TIMEOUT_MS = 1_000;

/** The tag that every key of ours has (packages/service/store/src/keys.ts). */
const TAG = '{sandpiper}';

export interface ClusterOptions {
  readonly tls?: boolean;
  readonly program?: string;
}

/** Three masters; the one that holds our slot has a replica. */
export class ClusterRedis {
  private constructor(
    private readonly folder: string,
    private readonly masters: readonly RedisNode[],
    private readonly replica: RedisNode,
    private readonly ours: RedisNode,
    readonly variables: RedisVariables,
  ) {}

  static async start(options: ClusterOptions = {}): Promise<ClusterRedis> {
    const { tls = false, program = 'redis-server' } = options;
    const folder = await mkdtemp(join(tmpdir(), 'sandpiper-test-'));
    const certificates = tls ? await makeCertificates(folder) : undefined;
    const start = (): Promise<RedisNode> => startNode(program, certificates);
    const masters = await Promise.all(Array.from({ length: MASTERS }, start));
    await Promise.all(masters.map(giveSlots));
    await meet(masters);
    const ours = masters[await ownerOfOurSlot(masters)];
    if (ours === undefined) throw new Error('no node holds our slot');
    const replica = await start();
    await meet([ours, replica]);
    await follow(replica, ours);
    const hosts = masters.map(({ port }) => `127.0.0.1:${port}`).join(',');
    return new ClusterRedis(folder, masters, replica, ours, {
      SANDPIPER_REDIS_URL: `${tls ? 'rediss' : 'redis'}-cluster://${hosts}`,
      ...tlsVariables(certificates),
    });
  }

  /** SIGSTOP for the replica of our slot: it no longer acknowledges anything. */
  freezeReplica(): Promise<void> {
    this.replica.freeze();
    return Promise.resolve();
  }

  /** SIGCONT for it. */
  thawReplica(): Promise<void> {
    this.replica.thaw();
    return Promise.resolve();
  }

  /** How many of our keys lie on each master: all on one. */
  async keyCounts(): Promise<number[]> {
    return Promise.all(this.masters.map((node) => node.admin((redis) => redis.dbsize())));
  }

  /** Waits until the replica has what its master has acknowledged. */
  async replicated(): Promise<void> {
    await (await this.master()).admin(awaitReplica);
  }

  /** kill -9 for the master of our slot; its replica takes over. */
  async killMaster(): Promise<void> {
    await (await this.master()).kill();
  }

  /** SIGSTOP for it: its connections stay. */
  async freezeMaster(): Promise<void> {
    (await this.master()).freeze();
  }

  async killAll(): Promise<void> {
    await Promise.all(this.everyone().map((node) => node.kill()));
  }

  async bootAll(): Promise<void> {
    await Promise.all(this.everyone().map((node) => node.boot()));
    for (const node of this.everyone()) await whole(node, this.everyone().length);
    await untilNode(this.replica, 'the replica did not find its master', followsOrLeads);
  }

  async stop(): Promise<void> {
    const ended = await Promise.allSettled(this.everyone().map((node) => node.stop()));
    await removeAfter(this.folder, ended);
  }

  /** The present holder of our slot: one of the two. */
  private async master(): Promise<RedisNode> {
    for (const node of [this.ours, this.replica]) {
      if (node.serves && (await node.admin((redis) => redis.info('replication'))).includes('role:master')) {
        return node;
      }
    }
    throw new Error('no node is the master of our slot');
  }

  private everyone(): RedisNode[] {
    return [...this.masters, this.replica];
  }
}

async function startNode(program: string, certificates: Certificates | undefined): Promise<RedisNode> {
  const settings = {
    'cluster-enabled': 'yes',
    'cluster-port': String(await freePort()),
    'cluster-node-timeout': String(NODE_TIMEOUT_MS),
    masteruser: ADMIN.username,
    masterauth: ADMIN.password,
  };
  if (certificates === undefined) return RedisNode.start({ program, listen: 'port', settings });
  const secure = { ...settings, 'tls-cluster': 'yes' };
  return RedisNode.start({ program, listen: 'tls', certificates, settings: secure });
}

/** A third of the slots each, with distinct epochs, so that they need not negotiate. */
async function giveSlots(node: RedisNode, index: number): Promise<void> {
  const first = Math.floor((index * SLOTS) / MASTERS);
  const last = Math.floor(((index + 1) * SLOTS) / MASTERS) - 1;
  await node.admin(async (redis) => {
    await redis.call('CLUSTER', 'ADDSLOTSRANGE', first, last);
    await redis.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
  });
}

/** Introduces all nodes to the first, and waits until each knows all and considers the cluster complete. */
async function meet(nodes: readonly RedisNode[]): Promise<void> {
  const [first, ...others] = nodes;
  if (first === undefined) return;
  const busPort = await first.admin((redis) => redis.config('GET', 'cluster-port'));
  const port = (busPort as string[])[1] ?? '';
  for (const node of others) {
    await node.admin((redis) => redis.call('CLUSTER', 'MEET', '127.0.0.1', String(first.port), port));
  }
  const expected = Math.max(MASTERS, nodes.length);
  for (const node of nodes) await whole(node, expected);
}

function whole(node: RedisNode, expected: number): Promise<void> {
  return untilNode(node, 'the nodes did not find each other', async (redis) => {
    const info = await redis.cluster('INFO');
    const known = Number(/cluster_known_nodes:(\d+)/.exec(info)?.[1]);
    return info.includes('cluster_state:ok') && known >= expected;
  });
}

async function ownerOfOurSlot(masters: readonly RedisNode[]): Promise<number> {
  const slot = await masters[0]?.admin((redis) => redis.cluster('KEYSLOT', TAG));
  return Math.floor((Number(slot) * MASTERS) / SLOTS);
}

async function follow(replica: RedisNode, master: RedisNode): Promise<void> {
  const id = await master.admin((redis) => redis.call('CLUSTER', 'MYID'));
  await untilNode(replica, 'the replica was refused', async (redis) => {
    await redis.call('CLUSTER', 'REPLICATE', String(id));
    return true;
  });
  await untilNode(replica, 'the replica did not find its master', followsOrLeads);
}

async function followsOrLeads(redis: Redis): Promise<boolean> {
  return /master_link_status:up|role:master/.test(await redis.info('replication'));
}

function untilNode(
  node: RedisNode,
  complaint: string,
  holds: (redis: Redis) => Promise<boolean>,
): Promise<void> {
  return untilGathered(complaint, () => node.admin(holds).catch(() => false));
}
