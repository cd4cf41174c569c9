import type { RedisConnection } from './connection.js';

/** Maximum number of reasons that are reported per outage. */
const MAX_REASONS = 5;

/**
 * Reports why a connection fails, each reason once until it is ready again: a wrong password or certificate
 * becomes visible, and an outage does not flood the log.
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
