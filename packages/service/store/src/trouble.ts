import type { RedisConnection } from './connection.js';

/** Reconnecting fails in few ways at a time; more than these are not worth a line. */
const MAX_REASONS = 5;

/**
 * Why a connection does not come about, each reason once until it is ready again: a wrong password or
 * certificate is to be seen, and an outage is a state, not a stream of lines.
 */
export function onTrouble(connection: RedisConnection, tell: (reason: string) => void): void {
  const told = new Set<string>();
  connection.on('ready', () => told.clear());
  connection.on('error', (error: Error & { readonly lastNodeError?: Error | null }) => {
    // A cluster says only that it found no node; what that node said is inside.
    const reason = (error.lastNodeError ?? error).message.replaceAll('\n', ' ');
    if (told.has(reason) || told.size >= MAX_REASONS) return;
    told.add(reason);
    tell(reason);
  });
}
