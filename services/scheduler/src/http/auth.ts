import { type Scope, SCOPES } from '@sandpiper/contracts';
import { type ApiKeyStore, DEFAULT_TENANT, sameSecret } from '@sandpiper/store';
import type { FastifyRequest } from 'fastify';
import type { App } from '../context.js';
import type { KeyCheck } from './open-streams.js';
import { notFound, ApiProblem } from '../problems.js';
import type { RedisGate } from '../redis/redis-gate.js';

/** The authenticated client. */
export interface Identity {
  /** Id of its key; null where keys are not asked for. */
  readonly key: string | null;
  readonly tenant: string;
  readonly scopes: readonly Scope[];
}

declare module 'fastify' {
  interface FastifyRequest {
    identity: Identity | null;
  }
  interface FastifyContextConfig {
    /** The scope that a key needs for this route. A route without a scope is open to all. */
    scope?: Scope;
  }
}

export interface AuthOptions {
  /**
   * False: every client is the default tenant with all rights. Only for a service that other hosts cannot
   * reach.
   */
  readonly on: boolean;
  /** Keys that are not stored, two while one replaces the other; they create the first stored keys. */
  readonly adminKeys: readonly string[];
}

/** The identity of the default tenant. */
const EVERYTHING: Identity = { key: null, tenant: DEFAULT_TENANT, scopes: SCOPES };

/** Of who has the administrator's key. */
const OPERATOR: Identity = { ...EVERYTHING, key: 'admin' };

/** Rejects requests without a suitable key for the route's scope, before a byte of the body is read. */
export function authenticate(app: App, keys: ApiKeyStore, gate: RedisGate, options: AuthOptions): KeyCheck {
  const check: KeyCheck = async (request) => {
    const { scope } = request.routeOptions.config;
    if (scope === undefined) return;
    if (!options.on) {
      request.identity = EVERYTHING;
      return;
    }
    const identity = await identify(request, keys, gate, options.adminKeys);
    if (!identity.scopes.includes(scope) && !identity.scopes.includes('admin')) {
      throw new ApiProblem('forbidden', `this key is not for that: it lacks the scope "${scope}"`);
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
  adminKeys: readonly string[],
): Promise<Identity> {
  const header = request.headers.authorization;
  if (header === undefined) {
    throw new ApiProblem('unauthenticated', 'send an API key: Authorization: Bearer KEY');
  }
  const [, text] = /^Bearer ([\w-]{1,256})$/i.exec(header) ?? [];
  if (text === undefined) throw new ApiProblem('unauthenticated', 'send Authorization: Bearer KEY');
  // Each is compared, so that the time tells nothing of which one it is.
  if (adminKeys.map((key) => sameSecret(text, key)).includes(true)) return OPERATOR;
  const key = await gate.run(() => keys.verify(text));
  if (key === null) throw new ApiProblem('unauthenticated', 'unknown API key');
  return { key: key.id, tenant: key.tenant, scopes: key.scopes };
}

/** The identity on a route with a scope. */
export function identityOf(request: FastifyRequest): Identity {
  if (request.identity === null) throw new Error('a route without a scope has no identity');
  return request.identity;
}

/** Whether the key may read its tenant's runs; a submit-only key is told nothing about them. */
export function mayRead(request: FastifyRequest): boolean {
  const { scopes } = identityOf(request);
  return scopes.includes('read') || scopes.includes('admin');
}

/** For a route on which some requests need another scope. */
export function assertScope(request: FastifyRequest, scope: Scope): void {
  const { scopes } = identityOf(request);
  if (!scopes.includes(scope) && !scopes.includes('admin')) {
    throw new ApiProblem('forbidden', `this key is not for that: it lacks the scope "${scope}"`);
  }
}

/** Objects of other tenants do not exist for the client. @param tenant the owner; null when unknown */
export function assertOwn(request: FastifyRequest, tenant: string | null, what: string): void {
  const identity = identityOf(request);
  if (tenant === null) throw notFound(what);
  if (tenant !== identity.tenant && !identity.scopes.includes('admin')) throw notFound(what);
}
