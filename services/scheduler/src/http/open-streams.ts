import type { FastifyRequest } from 'fastify';
import { ApiProblem } from '../problems.js';

/** Checks a request's key. @throws ApiProblem when it is unknown, revoked, or lacks the route's scope */
export type KeyCheck = (request: FastifyRequest) => Promise<void>;

export interface StreamLimits {
  /** Maximum number of following connections of this process, for runs and for batches. */
  readonly all: number;
  /** Maximum number per tenant. */
  readonly perTenant: number;
  /** A client that neither reads nor writes for this long is disconnected, milliseconds. */
  readonly stuckMs?: number;
  /** Interval of rechecking the key of an open connection, milliseconds. */
  readonly keyCheckMs?: number;
}

export const DEFAULT_STREAMS: StreamLimits = { all: 1000, perTenant: 1000 };

const RETRY_AFTER_SECONDS = 10;

/** Error codes of a key that is no longer valid. */
const REFUSALS: ReadonlySet<string> = new Set(['unauthenticated', 'forbidden']);

/** The connections of a revoked key end within this time, milliseconds. */
const KEY_CHECK_MS = 10_000;

/** Counts following connections, in total and per tenant. */
export class OpenStreams {
  private all = 0;
  private readonly byTenant = new Map<string, number>();

  constructor(readonly limits: StreamLimits) {}

  /**
   * Rechecks the key of an open connection periodically.
   * @param onRefused called once when the key was revoked or has lost its scope
   * @returns a function that stops it
   */
  watchKey(request: FastifyRequest, check: KeyCheck, onRefused: (problem: ApiProblem) => void): () => void {
    const timer = setInterval(() => {
      check(request).catch((error: unknown) => {
        // While Redis is away the key cannot be checked, but nothing can be read with it either.
        if (!(error instanceof ApiProblem) || !REFUSALS.has(error.code)) return;
        clearInterval(timer);
        onRefused(error);
      });
    }, this.limits.keyCheckMs ?? KEY_CHECK_MS);
    timer.unref();
    return () => clearInterval(timer);
  }

  /** @throws ApiProblem when there is no room for another */
  assertRoom(tenant: string): void {
    const { all, perTenant } = this.limits;
    if (this.all < all && (this.byTenant.get(tenant) ?? 0) < perTenant) return;
    throw new ApiProblem('too-many-streams', 'too many connections are following runs; try again later', {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });
  }

  /** @returns a function to call once, when the connection closes */
  enter(tenant: string): () => void {
    this.count(tenant, 1);
    return () => this.count(tenant, -1);
  }

  private count(tenant: string, change: number): void {
    this.all += change;
    const own = (this.byTenant.get(tenant) ?? 0) + change;
    if (own === 0) this.byTenant.delete(tenant);
    else this.byTenant.set(tenant, own);
  }
}
