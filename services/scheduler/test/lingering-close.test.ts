import { connect } from 'node:net';
import { fastify } from 'fastify';
import { afterEach, expect, it } from 'vitest';
import type { App } from '../src/context.js';
import { lingerAfterRefusals } from '../src/http/lingering-close.js';

const MIB = 1024 * 1024;
const BODY = Buffer.alloc(32 * MIB, 'x');

let app: App;

afterEach(() => app.close());

async function serve(): Promise<number> {
  app = fastify({ bodyLimit: 1024 });
  lingerAfterRefusals(app);
  app.post('/', () => 'taken');
  await app.listen({ port: 0, host: '127.0.0.1' });
  return (app.server.address() as { readonly port: number }).port;
}

/** Sends a whole body and reads only then, as a simple client does. @returns the answer, or the error of the connection */
function sendThenRead(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => {
      socket.write(
        `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n`,
      );
      socket.write(BODY, () => {
        socket.setEncoding('latin1').on('data', (text) => (answer += text));
        socket.on('end', () => socket.end(() => resolve(answer)));
      });
    });
    let answer = '';
    socket.on('error', ({ message }) => resolve(message));
  });
}

it('leaves its answer to every client that is refused and sends its whole body first', async () => {
  const port = await serve();
  const answers = await Promise.all(Array.from({ length: 8 }, () => sendThenRead(port)));
  for (const answer of answers) expect(answer.split('\r\n')[0]).toBe('HTTP/1.1 413 Payload Too Large');
});
