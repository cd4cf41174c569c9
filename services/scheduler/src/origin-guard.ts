import { isLoopbackHost } from '@sandpiper/contracts';
import type { FastifyRequest } from 'fastify';
import type { App } from './context.js';
import { Problem } from './problems.js';

export interface OriginOptions {
  /** Whether keys are asked for: then who asks is known, and a page of a browser has no key. */
  readonly keys: boolean;
  /** Names under which the service is reached besides those of this host, in lower case. */
  readonly hosts: readonly string[];
}

/** Probes come from wherever the service is looked after, and are told nothing. */
const PROBES: ReadonlySet<string> = new Set(['/healthz', '/readyz']);

/** What only a proxy adds: then others than this host can reach the service. */
const FORWARDED =
  /^(forwarded|via|x-forwarded(-.*)?|x-real-ip|x-client-ip|x-original-(host|url|forwarded-for)|true-client-ip|cf-connecting-ip)$/;

const ADVICE = 'set SANDPIPER_AUTH=on to use keys, or name the host in SANDPIPER_ALLOWED_HOSTS';

/**
 * A service that asks for no keys is for this host alone. A page of any browser on it could use the service
 * all the same, by a name of its own that leads here (DNS rebinding), and a proxy would open it to everybody:
 * what such requests have in their headers is refused, before the body. Where keys are asked for, only
 * WebSockets are looked at, which browsers let any page open.
 */
export function guardOrigins(app: App, options: OriginOptions): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const { url: route } = request.routeOptions;
    if (route !== undefined && PROBES.has(route)) return done();
    const fault = options.keys ? faultOfSocket(request, options) : faultOf(request, options);
    done(fault === null ? undefined : new Problem('forbidden', fault));
  });
}

function faultOf({ headers }: FastifyRequest, { hosts }: OriginOptions): string | null {
  const isOurs = (name: string | null): boolean => name !== null && (isLocal(name) || hosts.includes(name));
  if (!isOurs(nameOf(headers.host))) {
    return `without keys this service answers to names of its own host alone, and "Host" is another: ${ADVICE}`;
  }
  if (headers.origin !== undefined && !isOurs(originName(headers.origin))) {
    return `without keys this service answers no pages of other hosts, and "Origin" is another: ${ADVICE}`;
  }
  const forwarded = Object.keys(headers).find((name) => FORWARDED.test(name));
  return forwarded === undefined
    ? null
    : `without keys this service answers this host alone, and "${forwarded}" says that the request was passed on: set SANDPIPER_AUTH=on`;
}

function faultOfSocket({ headers }: FastifyRequest, { hosts }: OriginOptions): string | null {
  const { origin, upgrade } = headers;
  if (upgrade === undefined || origin === undefined) return null;
  const name = originName(origin);
  if (name !== null && (name === nameOf(headers.host) || hosts.includes(name))) return null;
  return 'pages of other hosts may open no WebSocket here: name theirs in SANDPIPER_ALLOWED_HOSTS';
}

const isLocal = (name: string): boolean => isLoopbackHost(name) || name.endsWith('.localhost');

/** The name of a Host header without its port, in lower case; null for what is none. */
function nameOf(host: string | undefined): string | null {
  if (host === undefined || !/^(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(:\d{1,5})?$/.test(host)) return null;
  const name = host.replace(/:\d{1,5}$/, '').toLowerCase();
  // A dot at its end is the same name to the system that looks it up.
  return name.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

/** The host of an Origin header; null for `null`, and for what is no address of the web. */
function originName(origin: string): string | null {
  const [, host] = /^https?:\/\/([^/]+)$/i.exec(origin) ?? [];
  return nameOf(host);
}
