import { request as requestHttp, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import type { Destination } from './destination.js';

/** Of an answer so much is read, bytes; it tells us nothing, but whoever writes it is let finish. */
const MAX_ANSWER_BYTES = 4096;

/**
 * The other side could not be reached, or did not answer in time: it costs us time, unlike an answer that
 * says no.
 */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

export interface Post {
  readonly destination: Destination;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Ends the attempt, wherever it is. */
  readonly signal: AbortSignal;
  /** Certificates to trust instead of the usual ones. */
  readonly ca?: string;
}

/**
 * Sends one POST to one of the addresses that were checked, on a connection of its own. Redirects are answers
 * like any other. @returns the status. @throws Unreachable
 */
export function post({ destination, body, headers, signal, ca }: Post): Promise<number> {
  const { url } = destination;
  const options: RequestOptions = {
    method: 'POST',
    // A new connection: one of a pool would have been made for another check.
    agent: false,
    lookup: lookupIn(destination.addresses),
    headers: { ...headers, 'Content-Length': String(Buffer.byteLength(body)) },
    signal,
  };
  const tls = { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) };
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => reject(new Unreachable(reasonOf(error, signal)));
    const sent =
      url.protocol === 'https:' ? requestHttps(url, { ...options, ...tls }) : requestHttp(url, options);
    sent.on('error', fail);
    sent.on('response', (answer) => {
      let seen = 0;
      answer.on('data', (chunk: Buffer) => {
        seen += chunk.length;
        if (seen > MAX_ANSWER_BYTES) answer.destroy();
      });
      // The status is there; how the rest ends does not matter, but that it ends does.
      answer.on('error', () => undefined);
      answer.on('close', () => resolve(answer.statusCode ?? 0));
    });
    sent.end(body);
  });
}

/** Stands in for the system's look-up, and gives what was checked. */
function lookupIn(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_name, options, done) => {
    const [first] = all;
    if (options.all === true) done(null, all);
    else if (first !== undefined) done(null, first.address, first.family);
  };
}

/** In one line, without what the other side said. */
function reasonOf(error: NodeJS.ErrnoException, signal: AbortSignal): string {
  if (signal.aborted) return 'no answer in time';
  return error.code ?? 'the connection failed';
}
