import { JOB_VERSION, type Ticket } from '@sandpiper/contracts';
import { Queue, type JobsOptions } from 'bullmq';
import { QUEUE_PREFIX } from '../keys.js';
import type { RedisConnection } from '../redis/connection.js';

const TICKET = 'ticket';

/** All that matters is in the runs, so a ticket leaves with its end. A lost one costs a second: nodes poll too. */
const TICKET_OPTIONS: JobsOptions = { attempts: 1, removeOnComplete: true, removeOnFail: true };

/** Queues of nodes that this process keeps at hand; those used least recently leave first. */
const MOST_QUEUES = 1_000;

/** The queue of a node: a ticket in it says that there are runs for it. */
export const nodeQueue = (node: string): string => `sandpiper-node-${node}`;

/** Sends a ticket to nodes that wait for work. */
export interface Bell {
  /** @param nodes their names; it never throws, and does not wait */
  ring(nodes: readonly string[]): void;
}

/** For stores of which nobody waits for runs, such as those of tests. */
export const SILENT_BELL: Bell = { ring: () => undefined };

/** Sends tickets by BullMQ. */
export class Doorbell implements Bell {
  private readonly queues = new Map<string, Queue<Ticket>>();

  constructor(private readonly redis: RedisConnection) {}

  ring(nodes: readonly string[]): void {
    for (const node of new Set(nodes)) {
      // The node asks by itself within a second.
      void this.queueOf(node)
        .add(TICKET, { version: JOB_VERSION }, TICKET_OPTIONS)
        .catch(() => undefined);
    }
  }

  private queueOf(node: string): Queue<Ticket> {
    const known = this.queues.get(node);
    const queue = known ?? openQueue<Ticket>(nodeQueue(node), this.redis);
    this.queues.delete(node);
    this.queues.set(node, queue);
    for (const [oldest, idle] of this.queues) {
      if (this.queues.size <= MOST_QUEUES) break;
      this.queues.delete(oldest);
      void idle.close();
    }
    return queue;
  }
}

/** A queue on a connection of ours, which sends nothing at its start: Redis may be away. */
export function openQueue<T>(name: string, connection: RedisConnection): Queue<T> {
  const queue = new Queue<T>(name, {
    connection,
    prefix: QUEUE_PREFIX,
    skipVersionCheck: true,
    skipMetasUpdate: true,
  });
  // The caller of a command gets its error; without a listener the error would also end the process.
  queue.on('error', () => undefined);
  return queue;
}

/** Removes a queue with all that is in it. */
export async function removeQueue(name: string, connection: RedisConnection): Promise<void> {
  const queue = openQueue(name, connection);
  try {
    await queue.obliterate({ force: true });
  } finally {
    await queue.close();
  }
}
