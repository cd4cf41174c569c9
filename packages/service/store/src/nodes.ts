import type { NodeReport, NodeView } from '@sandpiper/contracts';
import type { RedisConnection } from './redis/connection.js';
import { EVENTS_CHANNEL, KEYS, NODES_CHANGED } from './keys.js';
import { redisTime } from './redis/time.js';
import { Script } from './redis/script.js';

/** A node that is silent for this long is removed from the list, milliseconds. */
const FORGOTTEN_AFTER_MS = 60 * 60 * 1000;

const REPORT = new Script('sandpiperNodeReport', 2, 'operation/report-node');

/** What a node learns when it reports. */
export interface ReportAnswer {
  /** Another living node has the same name: this report replaces its heartbeat. */
  readonly twin: boolean;
  /** It must take no runs; with `drain` those that it has are handed back after its grace period. */
  readonly cordon: 'cordon' | 'drain' | null;
}

/** Worker nodes and their heartbeats. */
export class NodeRegistry {
  constructor(private readonly redis: RedisConnection) {}

  /**
   * Stores a heartbeat.
   * @param announce tells the dispatchers to look at once
   */
  async report(report: NodeReport, announce: boolean): Promise<ReportAnswer> {
    const { name, startedAt } = report;
    const rest = [JSON.stringify(report), announce ? 1 : 0, EVENTS_CHANNEL];
    const reply = await REPORT.run(this.redis, KEYS.nodes, KEYS.cordons, name, startedAt, ...rest);
    const [twin, cordon] = reply as [number, '' | 'cordon' | 'drain'];
    return { twin: twin === 1, cordon: cordon === '' ? null : cordon };
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
  async leave(name: string): Promise<void> {
    const removed = this.redis.multi().hdel(KEYS.nodes, name).hdel(KEYS.cordons, name);
    await removed.publish(EVENTS_CHANNEL, NODES_CHANGED).exec();
  }

  /**
   * All nodes by name. A node is `lost` when silent for its lease; after an hour it is removed from the list.
   */
  async list(): Promise<NodeView[]> {
    // Reports of newer nodes are read too: newer schemas only add fields, and the dispatcher must count their
    // cells.
    const [now, hash] = await Promise.all([redisTime(this.redis), this.redis.hgetall(KEYS.nodes)]);
    const views: NodeView[] = [];
    for (const [name, text] of Object.entries(hash)) {
      const cut = text.indexOf(' ');
      const silentMs = Math.max(0, now - Number(text.slice(0, cut)));
      if (silentMs > FORGOTTEN_AFTER_MS) {
        await this.redis.multi().hdel(KEYS.nodes, name).hdel(KEYS.cordons, name).exec();
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
