import { request as requestHttp, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import type { Destination } from './destination.js';

/** The part of an answer that is read, bytes: its content is ignored, but short answers may finish. */
const MAX_ANSWER_BYTES = 4096;

/** The receiver could not be reached or did not answer in time. Unlike a refusal, this costs us a timeout. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

export interface Post {
  readonly destination: Destination;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Aborts the attempt at any stage. */
  readonly signal: AbortSignal;
  /** Certificate authorities to trust instead of the default ones. */
  readonly ca?: string;
}

/**
 * Sends one POST to one of the checked addresses, on its own connection. Redirects are not followed. @returns
 * the status. @throws Unreachable
 */
export function post({ destination, body, headers, signal, ca }: Post): Promise<number> {
  const { url } = destination;
  const options: RequestOptions = {
    method: 'POST',
    // A new connection: a pooled one would belong to an earlier check.
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
      // The status has arrived; the rest may end in any way, but must end.
      answer.on('error', () => undefined);
      answer.on('close', () => resolve(answer.statusCode ?? 0));
    });
    sent.end(body);
  });
}

/** Replaces the system's look-up and returns the checked addresses. */
function lookupIn(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_name, options, done) => {
    const [first] = all;
    if (options.all === true) done(null, all);
    else if (first !== undefined) done(null, first.address, first.family);
  };
}

/** The reason in one line, without text of the receiver. */
function reasonOf(error: NodeJS.ErrnoException, signal: AbortSignal): string {
  if (signal.aborted) return 'no answer in time';
  return error.code ?? 'the connection failed';
}
