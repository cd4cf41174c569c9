import type { NodeReport, NodeView } from '@sandpiper/contracts';
import type { RedisConnection } from './redis/connection.js';
import { EVENTS_CHANNEL, KEYS } from './keys.js';
import { redisTime } from './redis/time.js';
import { Script } from './redis/script.js';
import { type Bell, nodeQueue, removeQueue, SILENT_BELL } from './runs/queue.js';

/** A node that is silent for this long is removed from the list, milliseconds. */
const FORGOTTEN_AFTER_MS = 60 * 60 * 1000;

const REPORT = new Script('sandpiperNodeReport', 3, 'operation/report-node');
const LEAVE = new Script('sandpiperNodeLeave', 4, 'operation/leave-node');

/** What a node learns when it reports. */
export interface ReportAnswer {
  /** Another living node has the same name: this report replaces its heartbeat. */
  readonly twin: boolean;
  /** It must take no runs; with `drain` those that it has are handed back after its grace period. */
  readonly cordon: 'cordon' | 'drain' | null;
  /** It had no lease, so the runs that it has are lost; at its first report it has none. */
  readonly lost: boolean;
}

/** A process of a node, for the lease under which it has runs. */
export interface NodeProcess {
  readonly name: string;
  /** See {@link Appetite}. */
  readonly instance: string;
  readonly runtimes: readonly string[];
}

/** Worker nodes and their heartbeats. */
export class NodeRegistry {
  /** @param bell wakes nodes when there is work for them */
  constructor(
    private readonly redis: RedisConnection,
    private readonly bell: Bell = SILENT_BELL,
  ) {}

  /**
   * Stores a heartbeat and renews the lease of the node.
   * @param runIds the runs that it has: others that it is said to have go back to the backlogs
   * @param announce tells the schedulers to look at once
   */
  async report(
    { instance, runtimes }: NodeProcess,
    report: NodeReport,
    runIds: readonly string[],
    announce: boolean,
  ): Promise<ReportAnswer> {
    const { name, startedAt, leaseMs, state } = report;
    const takesNone = state === 'cordoned' || state === 'draining' ? 1 : 0;
    const reply = await REPORT.run(
      this.redis,
      ...[KEYS.nodes, KEYS.cordons, KEYS.leases],
      ...[name, instance, startedAt, JSON.stringify(report), announce ? 1 : 0, EVENTS_CHANNEL],
      ...[leaseMs, takesNone, runIds.join(' '), ...runtimes],
    );
    const [twin, cordon, lost, ...woken] = reply as [number, '' | 'cordon' | 'drain', number, ...string[]];
    this.bell.ring(woken);
    return { twin: twin === 1, cordon: cordon === '' ? null : cordon, lost: lost === 1 };
  }

  /**
   * Asks a node to take no more runs, or to take them again. It hears of it at its next heartbeat, within a second. What
   * was asked of a node is forgotten when it has left in order or was silent for an hour.
   * @returns false where there is no such node
   */
  async cordon(name: string, wanted: ReportAnswer['cordon']): Promise<boolean> {
    if ((await this.redis.hexists(KEYS.nodes, name)) === 0) return false;
    if (wanted === null) await this.redis.hdel(KEYS.cordons, name);
    else await this.redis.hset(KEYS.cordons, name, wanted);
    return true;
  }

  /** Removes a node that has left in order. */
  async leave({ name, instance, runtimes }: NodeProcess): Promise<void> {
    const keys = [KEYS.nodes, KEYS.cordons, KEYS.leases, KEYS.taken];
    await LEAVE.run(this.redis, ...keys, name, instance, EVENTS_CHANNEL, ...runtimes);
  }

  /**
   * All nodes by name. A node is `lost` when silent for its lease; after an hour it is removed from the list.
   */
  async list(): Promise<NodeView[]> {
    // Reports of newer nodes are read too: newer schemas only add fields, and their cells count.
    const [now, hash] = await Promise.all([redisTime(this.redis), this.redis.hgetall(KEYS.nodes)]);
    const views: NodeView[] = [];
    for (const [name, text] of Object.entries(hash)) {
      const cut = text.indexOf(' ');
      const silentMs = Math.max(0, now - Number(text.slice(0, cut)));
      if (silentMs > FORGOTTEN_AFTER_MS) {
        await this.redis.multi().hdel(KEYS.nodes, name).hdel(KEYS.cordons, name).exec();
        await removeQueue(nodeQueue(name), this.redis);
        continue;
      }
      const report = JSON.parse(text.slice(cut + 1)) as Omit<NodeReport, 'schema'> & {
        readonly schema?: number;
      };
      const state = silentMs > report.leaseMs ? 'lost' : report.state;
      views.push({ ...report, schema: report.schema ?? 1, state, silentMs });
    }
    return views.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}
