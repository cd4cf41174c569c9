/** What is asked of a connection: ioredis tells `ready` at the first time and after each break. */
interface Connection {
  readonly status: string;
  on(event: 'ready', listener: () => void): unknown;
}

/** Counts how often a connection was made anew. Call it when the connection is made. */
export function countReconnects(connection: Connection, counter: { inc(): void }): void {
  let connected = connection.status === 'ready';
  connection.on('ready', () => {
    if (connected) counter.inc();
    connected = true;
  });
}
