import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { App } from './context.js';

/** Grace for requests in progress at shutdown, milliseconds. */
const LAST_ANSWERS_MS = 5_000;

/** Interval of closing idle connections during shutdown, milliseconds. */
const LOOK_MS = 50;

/**
 * Makes the server stop soon. Node closes only connections that are idle when the stop begins: not those
 * opened in advance without a request, those that become idle later, or those whose client does not read its
 * answer.
 * @returns a function that excludes a socket after an upgrade: the code that upgraded it closes it
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
