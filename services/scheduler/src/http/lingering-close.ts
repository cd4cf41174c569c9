import type { Socket } from 'node:net';
import type { App } from '../context.js';

/** How long the rest of a refused body is read and discarded, milliseconds. */
const LINGER_MS = 5_000;

/** How long one of the lingering connections is read before the next, milliseconds. */
const TURN_MS = 5;

/**
 * A server that closes a connection while its client still sends resets it, and the client may lose the answer that it
 * has not read yet (RFC 9112, 9.6). So where a body is refused before its end, our side of the connection is closed
 * first, and the whole connection when the client has closed its own side or after a while.
 */
export function lingerAfterRefusals(app: App): void {
  const lingering = new LingeringSockets();
  app.addHook('onSend', (request, reply, _payload, done) => {
    if (!request.raw.complete && reply.getHeader('connection') === 'close') lingering.add(request.raw.socket);
    done();
  });
}

/**
 * Connections whose rest is read and discarded, one at a time: libuv reads up to 2 MiB of each open connection before it
 * looks at the next event, so a few dozen large bodies read at once keep everyone else waiting for tens of milliseconds.
 */
class LingeringSockets {
  /** The first is read now. */
  private readonly turns = new Set<Socket>();
  private timer: NodeJS.Timeout | undefined;

  /** From the end of the answer. Node's HTTP server calls destroySoon once it has handed that to the kernel. */
  add(socket: Socket): void {
    socket.destroySoon = () => {
      socket.end();
      const late = setTimeout(() => this.remove(socket), LINGER_MS);
      socket.once('close', () => {
        clearTimeout(late);
        this.turns.delete(socket);
      });
      this.turns.add(socket);
      // The server resumes a body that nobody reads right after this call.
      setImmediate(() => {
        if (this.first !== socket) socket.pause();
      });
      this.timer ??= setInterval(() => this.readNext(), TURN_MS);
    };
  }

  private get first(): Socket | undefined {
    const [first] = this.turns;
    return first;
  }

  /** It may have closed before it came here: no event tells of that. */
  private remove(socket: Socket): void {
    this.turns.delete(socket);
    socket.destroy();
  }

  private readNext(): void {
    const last = this.first;
    if (last === undefined) {
      clearInterval(this.timer);
      this.timer = undefined;
      return;
    }
    this.turns.delete(last);
    this.turns.add(last);
    if (this.turns.size > 1) last.pause();
    this.first?.resume();
  }
}
