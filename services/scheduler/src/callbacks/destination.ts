import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { errorCode } from '@sandpiper/contracts';
import type { AddressPolicy } from './address-policy.js';

/** All addresses of a name. Rejects when there are none. */
export type Resolve = (name: string, signal: AbortSignal) => Promise<string[]>;

/** A refused destination: a retry would not help. */
export class RefusedDestination extends Error {
  override readonly name = 'RefusedDestination';
}

export interface Destination {
  readonly url: URL;
  /** The checked addresses; connections are made to these only. */
  readonly addresses: readonly string[];
}

/** The URL's host without the brackets of an IPv6 address. */
const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, '$1');

/**
 * Checks a URL without any network access, at submission.
 * @returns the reason for a refusal, or null.
 */
export function faultOf(text: string, policy: AddressPolicy): string | null {
  if (!URL.canParse(text)) return 'is not a URL';
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must be an http:// or https:// URL';
  if (url.username !== '' || url.password !== '') return 'must not hold a user name or a password';
  if (url.hostname === '') return 'has no host';
  if (url.protocol === 'http:' && !policy.namesAny) {
    return 'must be https://, so that the result is encrypted (http:// is only for networks in SANDPIPER_CALLBACK_ALLOW)';
  }
  const host = hostOf(url);
  const refusal = isIP(host) === 0 ? null : policy.refusal(host);
  return refusal === null ? null : `is an address that is not on the public Internet (${refusal})`;
}

/**
 * The destination of a callback: looks the name up once, checks every address, and the sender connects only
 * to checked addresses. A later change of the name (DNS rebinding) has no effect.
 * @throws RefusedDestination; the resolver's error, which may be temporary
 */
export async function destinationOf(
  text: string,
  policy: AddressPolicy,
  resolve: Resolve,
  signal: AbortSignal,
): Promise<Destination> {
  const fault = faultOf(text, policy);
  if (fault !== null) throw new RefusedDestination(`the address ${fault}`);
  const url = new URL(text);
  const host = hostOf(url);
  const addresses = isIP(host) === 0 ? await resolve(host, signal) : [host];
  if (addresses.length === 0) throw new Error('the name has no address');
  for (const address of addresses) {
    const refusal = policy.refusal(address);
    if (refusal !== null) {
      throw new RefusedDestination(
        `the name has an address that is not on the public Internet (${refusal}); nothing was sent`,
      );
    }
    if (url.protocol === 'http:' && !policy.isNamed(address)) {
      throw new RefusedDestination('http:// is only for networks in SANDPIPER_CALLBACK_ALLOW; use https://');
    }
  }
  return { url, addresses };
}

const DNS_TIMEOUT_MS = 2_500;

/**
 * Asks the name servers of this host for both address families. Not getaddrinfo(3), which would block one of
 * the process's few threads while a name server is silent. So /etc/hosts is not read; `localhost` is known
 * (RFC 6761).
 */
export const resolveByDns: Resolve = async (name, signal) => {
  if (/^(.+\.)?localhost\.?$/i.test(name)) return ['127.0.0.1'];
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: 2 });
  const stop = (): void => resolver.cancel();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const [v4, v6] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    const found = [v4, v6].flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (found.length > 0) return found;
    const reason = v4.status === 'rejected' ? errorCode(v4.reason) : undefined;
    throw new Error(`the name was not found (${reason ?? 'no address'})`);
  } finally {
    signal.removeEventListener('abort', stop);
  }
};
