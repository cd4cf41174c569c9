import type { Scope } from '@sandpiper/contracts';
import { type ApiKeyStore, DEFAULT_TENANT, sameSecret } from '@sandpiper/store';
import type { FastifyRequest } from 'fastify';
import type { App } from './context.js';
import type { KeyCheck } from './open-streams.js';
import { notFound, Problem } from './problems.js';
import type { RedisGate } from './redis-gate.js';

/** Who asks. */
export interface Identity {
  readonly tenant: string;
  readonly scopes: readonly Scope[];
}

declare module 'fastify' {
  interface FastifyRequest {
    identity: Identity | null;
  }
  interface FastifyContextConfig {
    /** What a key must be for to use this route. Without it the route is open to everybody. */
    scope?: Scope;
  }
}

export interface AuthOptions {
  /**
   * False: everybody is the default tenant and may do everything. Only where nobody else can reach the
   * service.
   */
  readonly on: boolean;
  /** A key that is not stored, with which the first ones are made. */
  readonly adminKey: string | null;
}

/** Of the default tenant, and of whoever runs the service. */
const EVERYTHING: Identity = { tenant: DEFAULT_TENANT, scopes: ['submit', 'read', 'admin'] };

/**
 * Closes every route that names a scope to requests without a key for it, before a byte of the body is read.
 */
export function authenticate(app: App, keys: ApiKeyStore, gate: RedisGate, options: AuthOptions): KeyCheck {
  const check: KeyCheck = async (request) => {
    const { scope } = request.routeOptions.config;
    if (scope === undefined) return;
    if (!options.on) {
      request.identity = EVERYTHING;
      return;
    }
    const identity = await identify(request, keys, gate, options.adminKey);
    if (!identity.scopes.includes(scope) && !identity.scopes.includes('admin')) {
      throw new Problem('forbidden', `this key is not for that: it lacks the scope "${scope}"`);
    }
    request.identity = identity;
  };
  app.decorateRequest('identity', null);
  app.addHook('onRequest', check);
  return check;
}

async function identify(
  request: FastifyRequest,
  keys: ApiKeyStore,
  gate: RedisGate,
  adminKey: string | null,
): Promise<Identity> {
  const header = request.headers.authorization;
  if (header === undefined) {
    throw new Problem('unauthenticated', 'send an API key: Authorization: Bearer KEY');
  }
  const [, text] = /^Bearer ([\w-]{1,256})$/i.exec(header) ?? [];
  if (text === undefined) throw new Problem('unauthenticated', 'send Authorization: Bearer KEY');
  if (adminKey !== null && sameSecret(text, adminKey)) return EVERYTHING;
  const key = await gate.run(() => keys.verify(text));
  if (key === null) throw new Problem('unauthenticated', 'this API key is not known here');
  return { tenant: key.tenant, scopes: key.scopes };
}

/** Of a route with a scope. */
export function identityOf(request: FastifyRequest): Identity {
  if (request.identity === null) throw new Error('a route without a scope asks who it is');
  return request.identity;
}

/**
 * Whether the key is for looking at what its tenant has sent; one that may only submit is told nothing of it.
 */
export function mayRead(request: FastifyRequest): boolean {
  const { scopes } = identityOf(request);
  return scopes.includes('read') || scopes.includes('admin');
}

/** For a route that asks of some requests more than of others. */
export function assertScope(request: FastifyRequest, scope: Scope): void {
  const { scopes } = identityOf(request);
  if (!scopes.includes(scope) && !scopes.includes('admin')) {
    throw new Problem('forbidden', `this key is not for that: it lacks the scope "${scope}"`);
  }
}

/** What belongs to another tenant does not exist. @param tenant whose it is; null when nobody knows it */
export function assertOwn(request: FastifyRequest, tenant: string | null, what: string): void {
  const identity = identityOf(request);
  if (tenant === null) throw notFound(what);
  if (tenant !== identity.tenant && !identity.scopes.includes('admin')) throw notFound(what);
}
