import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { App } from './context.js';

/** How long requests that are being answered may take when the server stops, milliseconds. */
const LAST_ANSWERS_MS = 5_000;

/** How often connections whose last answer has gone out are looked for meanwhile, milliseconds. */
const LOOK_MS = 50;

/**
 * Lets the server stop soon. Node closes connections that wait for their next request when the stop begins;
 * not those that a client has opened ahead of its first, nor those that come to wait later, nor those of a
 * client that does not take its answer.
 * @returns is told of a socket that has become something else than HTTP: whoever has made it that ends it
 */
export function closePromptly(app: App): (socket: Socket) => void {
  const unused = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  app.server.on('request', ({ socket }: IncomingMessage) => unused.delete(socket));
  app.addHook('preClose', (done) => {
    for (const socket of unused) socket.destroy();
    const idle = setInterval(() => app.server.closeIdleConnections(), LOOK_MS);
    const late = setTimeout(() => app.server.closeAllConnections(), LAST_ANSWERS_MS);
    app.server.once('close', () => {
      clearInterval(idle);
      clearTimeout(late);
    });
    done();
  });
  return (socket) => unused.delete(socket);
}
