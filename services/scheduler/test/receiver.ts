import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

/** A request that came. */
export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly url: string;
}

type Reply = number | 'silence' | { readonly status: number; readonly headers: Record<string, string> };

/** How the receiver answers; the count is of the requests before. */
type Answer = (request: Received, count: number) => Reply;

/** A server on the loopback interface that receives callbacks and remembers them. */
export class Receiver {
  readonly received: Received[] = [];

  private constructor(private readonly server: Server) {}

  static async start(
    answer: Answer = () => 204,
    tls: { readonly cert: string; readonly key: string } | null = null,
  ): Promise<Receiver> {
    const listener: RequestListener = (request, reply) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        const one = { headers: request.headers, body, url: request.url ?? '' };
        const said = answer(one, receiver.received.length);
        receiver.received.push(one);
        if (said === 'silence') return;
        if (typeof said === 'number') reply.writeHead(said).end();
        else reply.writeHead(said.status, said.headers).end();
      });
    };
    const server = tls === null ? createServer(listener) : createTlsServer(tls, listener);
    const receiver = new Receiver(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return receiver;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get first(): Received {
    const [first] = this.received;
    if (first === undefined) throw new Error('nothing was received');
    return first;
  }

  /** Of each request, which delivery it was. */
  get deliveries(): string[] {
    return this.received.map(({ headers }) => String(headers['sandpiper-delivery']));
  }

  async stop(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }
}
