import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { between } from './wait.js';

export interface Weather {
  /** One way, minimum and maximum, milliseconds. */
  readonly delayMs: readonly [number, number];
  /** One of this many pieces of data meets a reset: it is lost, and its connection with it. */
  readonly resetEvery: number;
  /** One of this many meets a stall: nothing of its connection passes for {@link holeMs}. */
  readonly holeEvery: number;
  readonly holeMs: readonly [number, number];
}

/**
 * A slow, lossy network as TCP presents it to programs: delays with jitter, pauses while lost packets are
 * retransmitted, and connections that are reset midway. (The kernel's own, netem, is not in every kernel.)
 */
export class LossyNetwork {
  resets = 0;
  holes = 0;
  private readonly sockets = new Set<Socket>();
  private calm = false;

  private constructor(
    private readonly server: Server,
    private readonly weather: Weather,
    /** Path of a socket, or a port of this host. */
    private readonly target: () => string | number,
  ) {}

  static async start(target: () => string | number, weather: Weather): Promise<LossyNetwork> {
    const server = createServer();
    const network = new LossyNetwork(server, weather, target);
    server.on('connection', (client) => network.join(client));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return network;
  }

  get port(): number {
    const address = this.server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** The address for clients, in place of Redis. */
  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** From now on nothing is lost or late. */
  clearUp(): void {
    this.calm = true;
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private join(client: Socket): void {
    const to = this.target();
    const server = typeof to === 'number' ? connect(to, '127.0.0.1') : connect(to);
    const pair = [client, server] as const;
    const reset = (): void => {
      client.resetAndDestroy();
      server.destroy(); // a Unix socket has no reset
    };
    for (const socket of pair) {
      this.sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.sockets.delete(socket);
        for (const other of pair) other.destroy();
      });
    }
    this.carry(client, server, reset);
    this.carry(server, client, reset);
  }

  /** One direction. Order is preserved. */
  private carry(from: Socket, to: Socket, reset: () => void): void {
    let free = 0;
    // Timers close together may fire in any order: each delivers what is due first.
    const due: (() => void)[] = [];
    const next = (): void => due.shift()?.();
    from.on('data', (data) => {
      const now = performance.now();
      free = Math.max(free, now + (this.calm ? 0 : between(...this.weather.delayMs)));
      if (this.meets(this.weather.holeEvery)) {
        this.holes += 1;
        free += between(...this.weather.holeMs);
      }
      const deliver = this.meets(this.weather.resetEvery)
        ? () => {
            this.resets += 1;
            // Part of it still passes.
            to.write(data.subarray(0, Math.floor(Math.random() * data.length)), reset);
          }
        : () => to.write(data);
      due.push(deliver);
      setTimeout(next, Math.max(0, free - now));
    });
    from.on('end', () => {
      due.push(() => to.end());
      setTimeout(next, Math.max(0, free - performance.now()));
    });
  }

  private meets(every: number): boolean {
    return !this.calm && Math.random() < 1 / every;
  }
}
