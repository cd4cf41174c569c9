import type { Socket } from 'node:net';
import type { App } from '../context.js';

/** How long the rest of a refused body is read and discarded, milliseconds. */
const LINGER_MS = 5_000;

/**
 * A server that closes a connection while its client still sends resets it, and the client may lose the answer that it
 * has not read yet (RFC 9112, 9.6). So where a body is refused before its end, our side of the connection is closed
 * first, and the whole connection when the client has closed its own side or after a while.
 */
export function lingerAfterRefusals(app: App): void {
  app.addHook('onSend', (request, reply, _payload, done) => {
    if (!request.raw.complete && reply.getHeader('connection') === 'close') linger(request.raw.socket);
    done();
  });
}

/** Node's HTTP server calls destroySoon once it has handed the last answer of a connection to the kernel. */
function linger(socket: Socket): void {
  socket.destroySoon = () => {
    socket.end();
    const late = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(late));
  };
}
