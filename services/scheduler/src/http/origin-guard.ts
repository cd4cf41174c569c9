import { isLoopbackHost } from '@sandpiper/contracts';
import type { FastifyRequest } from 'fastify';
import type { App } from '../context.js';
import { ApiProblem } from '../problems.js';

export interface OriginOptions {
  /** Whether keys are required: then clients are authenticated, and a web page has no key. */
  readonly keys: boolean;
  /** Host names of the service besides those of this host, in lower case. */
  readonly hosts: readonly string[];
}

/** Probes may come from any host and reveal nothing. */
const PROBES: ReadonlySet<string> = new Set(['/healthz', '/readyz']);

/** Headers that only a proxy adds: they mean that other hosts can reach the service. */
const FORWARDED =
  /^(forwarded|via|x-forwarded(-.*)?|x-real-ip|x-client-ip|x-original-(host|url|forwarded-for)|true-client-ip|cf-connecting-ip)$/;

const ADVICE = 'set SANDPIPER_AUTH=on to require keys, or add the host to SANDPIPER_ALLOWED_HOSTS';

/**
 * A service without keys serves this host only. Web pages in a browser on this host could still reach it by
 * DNS rebinding, and a proxy would expose it to all: such requests are recognised by their headers and
 * refused before the body is read. With keys only WebSockets are checked, because browsers let any page open
 * them.
 */
export function guardOrigins(app: App, options: OriginOptions): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const { url: route } = request.routeOptions;
    if (route !== undefined && PROBES.has(route)) return done();
    const fault = options.keys ? faultOfSocket(request, options) : faultOf(request, options);
    done(fault === null ? undefined : new ApiProblem('forbidden', fault));
  });
}

function faultOf({ headers }: FastifyRequest, { hosts }: OriginOptions): string | null {
  const isOurs = (name: string | null): boolean => name !== null && (isLocal(name) || hosts.includes(name));
  if (!isOurs(nameOf(headers.host))) {
    return `without keys this service accepts only host names of its own host, and the Host header has another: ${ADVICE}`;
  }
  if (headers.origin !== undefined && !isOurs(originName(headers.origin))) {
    return `without keys this service accepts no web pages of other hosts, and the Origin header has another: ${ADVICE}`;
  }
  const forwarded = Object.keys(headers).find((name) => FORWARDED.test(name));
  return forwarded === undefined
    ? null
    : `without keys this service serves only this host, and the header "${forwarded}" shows a proxy: set SANDPIPER_AUTH=on`;
}

function faultOfSocket({ headers }: FastifyRequest, { hosts }: OriginOptions): string | null {
  const { origin, upgrade } = headers;
  if (upgrade === undefined || origin === undefined) return null;
  const name = originName(origin);
  if (name !== null && (name === nameOf(headers.host) || hosts.includes(name))) return null;
  return 'web pages of other hosts may not open a WebSocket: add the host to SANDPIPER_ALLOWED_HOSTS';
}

const isLocal = (name: string): boolean => isLoopbackHost(name) || name.endsWith('.localhost');

/** The name in a Host header without its port, in lower case; null when malformed. */
function nameOf(host: string | undefined): string | null {
  if (host === undefined || !/^(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(:\d{1,5})?$/.test(host)) return null;
  const name = host.replace(/:\d{1,5}$/, '').toLowerCase();
  // A trailing dot makes no difference to the resolver.
  return name.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

/** The host of an Origin header; null for `null` and for anything but a web address. */
function originName(origin: string): string | null {
  const [, host] = /^https?:\/\/([^/]+)$/i.exec(origin) ?? [];
  return nameOf(host);
}
