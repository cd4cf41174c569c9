/** The needed part of a connection: ioredis emits `ready` after the first connect and each reconnect. */
interface Connection {
  readonly status: string;
  on(event: 'ready', listener: () => void): unknown;
}

/** Counts reconnects. Call it when the connection is created. */
export function countReconnects(connection: Connection, counter: { inc(): void }): void {
  let connected = connection.status === 'ready';
  connection.on('ready', () => {
    if (connected) counter.inc();
    connected = true;
  });
}
