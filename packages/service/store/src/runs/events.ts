import type { Redis } from 'ioredis';
import { CANCEL_CHANNEL, EVENTS_CHANNEL, NODES_CHANGED, SUBMISSION_CHANGED } from '../keys.js';

/** Published by the script that ends a run. A hint to reread, never the only copy of data. */
export interface FinishedEvent {
  readonly runId: string;
  /** Empty when the run is in no batch. */
  readonly batchId: string;
  readonly batchDone: boolean;
  /** A callback is due. */
  readonly callback: boolean;
}

/** @returns null for a foreign message. */
export function parseFinishedEvent(message: string): FinishedEvent | null {
  const [runId, batchId, batchDone, callback] = message.split(' ');
  if (runId === undefined || batchId === undefined || batchDone === undefined) return null;
  return {
    runId,
    batchId: batchId === '-' ? '' : batchId,
    batchDone: batchDone === '1',
    callback: callback === '1',
  };
}

export interface Subscription {
  close(): void;
}

/**
 * Subscribes a dedicated connection (a subscribed connection can do nothing else).
 * @param onReady called after every (re)subscription: messages may have been missed, so reread what matters.
 */
function subscribe(
  connection: Redis,
  channel: string,
  onMessage: (message: string) => void,
  onReady: () => void,
): Subscription {
  connection.on('message', (from: string, message: string) => {
    if (from === channel) onMessage(message);
  });
  const start = (): void => {
    // A failure means that the connection went away again; another `ready` will follow.
    connection.subscribe(channel).then(onReady, () => undefined);
  };
  connection.on('ready', start);
  if (connection.status === 'ready') start();
  return { close: () => connection.disconnect() };
}

export interface EventListener {
  onFinished(event: FinishedEvent): void;
  /** A node came, went, or changed its capacity. */
  onNodesChanged?(): void;
  /** A submission came, went on, or ended. */
  onSubmission?(id: string): void;
  /** Called after every (re)subscription: messages may have been missed. */
  onReady(): void;
}

export function subscribeEvents(connection: Redis, listener: EventListener): Subscription {
  const onMessage = (message: string): void => {
    if (message === NODES_CHANGED) return listener.onNodesChanged?.();
    if (message.startsWith(SUBMISSION_CHANGED)) {
      return listener.onSubmission?.(message.slice(SUBMISSION_CHANGED.length));
    }
    const event = parseFinishedEvent(message);
    if (event !== null) listener.onFinished(event);
  };
  return subscribe(connection, EVENTS_CHANNEL, onMessage, () => listener.onReady());
}

export function subscribeCancel(
  connection: Redis,
  onCancel: (runId: string) => void,
  onReady: () => void,
): Subscription {
  return subscribe(connection, CANCEL_CHANNEL, onCancel, onReady);
}
