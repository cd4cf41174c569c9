import type { NodeReport, NodeView } from '@sandpiper/contracts';
import type { RedisConnection } from './redis/connection.js';
import { EVENTS_CHANNEL, KEYS, NODES_CHANGED } from './keys.js';
import { redisTime } from './redis/time.js';
import { Script } from './redis/script.js';

/** A node that is silent for this long is removed from the list, milliseconds. */
const FORGOTTEN_AFTER_MS = 60 * 60 * 1000;

const REPORT = new Script('sandpiperNodeReport', 1, 'operation/report-node');

/** Worker nodes and their heartbeats. */
export class NodeRegistry {
  constructor(private readonly redis: RedisConnection) {}

  /**
   * Stores a heartbeat.
   * @param announce tells the dispatchers to look at once
   * @returns whether it replaces the heartbeat of another living node with the same name
   */
  async report(report: NodeReport, announce: boolean): Promise<boolean> {
    const { name, startedAt } = report;
    const rest = [JSON.stringify(report), announce ? 1 : 0, EVENTS_CHANNEL];
    return (await REPORT.run(this.redis, KEYS.nodes, name, startedAt, ...rest)) === 1;
  }

  /** Removes a node that has left in order. */
  async leave(name: string): Promise<void> {
    await this.redis.multi().hdel(KEYS.nodes, name).publish(EVENTS_CHANNEL, NODES_CHANGED).exec();
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
        await this.redis.hdel(KEYS.nodes, name);
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
