import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { bodyOf, ApiProblem } from '../problems.js';

/** Errors of Node's HTTP parser. */
const STATUS: Readonly<Record<string, 408 | 431>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
};
const MESSAGES = {
  400: 'not a valid HTTP/1.1 request',
  408: 'the request did not arrive in time',
  431: 'the headers are larger than this server accepts',
} as const;

/** Answers malformed HTTP in the usual error shape and closes the connection. */
export function answerUnparsed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const status = STATUS[error.code ?? ''] ?? 400;
  if (socket.writable) {
    const body = JSON.stringify(bodyOf(new ApiProblem('bad-request', MESSAGES[status])));
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'Connection: close',
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  }
  socket.destroy(error);
}
