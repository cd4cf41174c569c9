import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { LiveServerMessage } from '@sandpiper/contracts';
import { WebSocket } from 'ws';

/** A client of a run's stream that knows no manners of its own: tests give it some. */
export class StreamClient {
  readonly messages: LiveServerMessage[] = [];
  /** Code and reason of the end. */
  readonly closed: Promise<[number, string]>;
  private waiting: (() => void)[] = [];

  private constructor(readonly socket: WebSocket) {
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => {
      this.messages.push(JSON.parse(data.toString()) as LiveServerMessage);
      for (const resolve of this.waiting.splice(0)) resolve();
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        resolve([code, reason.toString()]);
        for (const wake of this.waiting.splice(0)) wake();
      });
    });
  }

  static async open(url: string, key: string | null = null): Promise<StreamClient> {
    const headers = key === null ? {} : { Authorization: `Bearer ${key}` };
    const client = new StreamClient(new WebSocket(url, { headers, perMessageDeflate: false }));
    await once(client.socket, 'open');
    return client;
  }

  say(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** The first message that fits, now or later. @throws when the connection ends without one */
  async message<T extends LiveServerMessage['type']>(
    type: T,
    fits: (message: Extract<LiveServerMessage, { type: T }>) => boolean = () => true,
  ): Promise<Extract<LiveServerMessage, { type: T }>> {
    for (;;) {
      const found = this.messages.find(
        (message): message is Extract<LiveServerMessage, { type: T }> =>
          message.type === type && fits(message as Extract<LiveServerMessage, { type: T }>),
      );
      if (found !== undefined) return found;
      if (this.socket.readyState === WebSocket.CLOSED) throw new Error(`it was closed without ${type}`);
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }

  /** All output so far. */
  get output(): string {
    const pieces = this.messages.filter((message) => message.type === 'output');
    return pieces.map(({ data, dataBase64 }) => data ?? atob(dataBase64 ?? '')).join('');
  }
}

/** The HTTP answer to a connection that becomes none. */
export async function refusedWith(url: string, key: string | null = null): Promise<[number, string]> {
  const headers = key === null ? {} : { Authorization: `Bearer ${key}` };
  const socket = new WebSocket(url, { headers });
  socket.on('error', () => undefined);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  let text = '';
  for await (const chunk of response as AsyncIterable<Buffer>) text += chunk.toString();
  const { error } = JSON.parse(text) as { error: { code: string } };
  return [response.statusCode ?? 0, error.code];
}
