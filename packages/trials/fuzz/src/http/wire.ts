import { connect } from 'node:net';
import type { WireRequest } from './request.js';

export interface WireAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
  /** Whether the answer ended; an abandoned stream or wait has no end. */
  readonly whole: boolean;
}

/** The limit of a wait: streams and waits are cut here. Milliseconds. */
const PATIENCE_MS = 700;
/** Any other answer takes less, however busy the machine. Milliseconds. */
const DEADLINE_MS = 30_000;

function head(request: WireRequest): string {
  const headers: Record<string, string> = { host: 'localhost', connection: 'close', ...request.headers };
  if (request.body !== null) {
    if (request.manner === 'chunked') headers['transfer-encoding'] = 'chunked';
    else headers['content-length'] = String(request.body.length + (request.manner === 'half' ? 10 : 0));
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return `${request.method} ${request.path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

function pieces(request: WireRequest): Buffer[] {
  const body = Buffer.from(request.body ?? '', 'latin1');
  const begin = Buffer.from(head(request), 'latin1');
  if (request.manner === 'chunked' && request.body !== null) {
    const half = body.length >> 1;
    const chunks = [body.subarray(0, half), body.subarray(half)].filter((chunk) => chunk.length > 0);
    const framed = chunks.flatMap((chunk) => [
      Buffer.from(`${chunk.length.toString(16)}\r\n`),
      chunk,
      Buffer.from('\r\n'),
    ]);
    return [Buffer.concat([begin, ...framed, Buffer.from('0\r\n\r\n')])];
  }
  const whole = Buffer.concat([begin, body]);
  if (request.manner !== 'slow') return [whole];
  const cut = whole.length >> 1;
  return [whole.subarray(0, cut), whole.subarray(cut)];
}

/**
 * Sends a request byte by byte, as no HTTP client would. Null where the connection closed without an answer.
 */
export function sendRequest(port: number, request: WireRequest): Promise<WireAnswer | null> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const received: Buffer[] = [];
    // Endless requests, waits and streams are abandoned; everything else must be answered.
    const mayTakeLong = request.manner === 'half' || /[?&]wait=|\/(results|events)(\?|$)/.test(request.path);
    const timer = setTimeout(
      () => {
        const answer = parse(Buffer.concat(received), false);
        socket.destroy();
        if (answer !== null || mayTakeLong) resolve(answer);
        else reject(new Error(`no answer within ${DEADLINE_MS} ms`));
      },
      mayTakeLong ? PATIENCE_MS : DEADLINE_MS,
    );
    const done = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(parse(Buffer.concat(received), true));
    };
    socket.on('data', (data) => received.push(data));
    socket.on('end', done);
    socket.on('close', done);
    socket.on('error', () => undefined); // closed follows
    const [first, second] = pieces(request);
    socket.write(first as Buffer);
    if (second !== undefined) setTimeout(() => socket.destroyed || socket.write(second), 20);
  });
}

function parse(bytes: Buffer, ended: boolean): WireAnswer | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [line = '', ...fields] = bytes.toString('latin1', 0, end).split('\r\n');
  const headers = Object.fromEntries(
    fields.map((field) => {
      const colon = field.indexOf(':');
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
    }),
  );
  const rest = bytes.subarray(end + 4);
  const chunked = headers['transfer-encoding'] === 'chunked';
  return {
    status: Number(line.split(' ')[1]),
    headers,
    body: (chunked ? dechunk(rest) : rest).toString('utf8'),
    whole: ended,
  };
}

function dechunk(bytes: Buffer): Buffer {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const line = bytes.indexOf('\r\n', at);
    if (line < 0) break;
    const size = Number.parseInt(bytes.toString('latin1', at, line), 16);
    if (!(size > 0)) break;
    chunks.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
  return Buffer.concat(chunks);
}
