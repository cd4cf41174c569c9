import type { FastifyRequest } from 'fastify';
import { Problem } from './problems.js';

/** Looks a request's key up. @throws Problem when it is unknown, revoked, or lacks the route's scope */
export type KeyCheck = (request: FastifyRequest) => Promise<void>;

export interface StreamLimits {
  /** Connections that this process holds at most: those that follow a run, and those that follow a batch. */
  readonly all: number;
  /** Of them those of one tenant. */
  readonly perTenant: number;
  /** A client that takes and says nothing for so long is let go, milliseconds. */
  readonly stuckMs?: number;
  /** How often the key of an open connection is looked up again, milliseconds. */
  readonly keyCheckMs?: number;
}

export const DEFAULT_STREAMS: StreamLimits = { all: 1000, perTenant: 1000 };

const RETRY_AFTER_SECONDS = 10;

/** Codes of a key that opens nothing any more. */
const REFUSALS: ReadonlySet<string> = new Set(['unauthenticated', 'forbidden']);

/** A revoked key ends what it keeps open within this time, milliseconds. */
const KEY_CHECK_MS = 10_000;

/** How many connections follow something, and whose. */
export class OpenStreams {
  private all = 0;
  private readonly byTenant = new Map<string, number>();

  constructor(readonly limits: StreamLimits) {}

  /**
   * Looks the key of an open connection up again and again.
   * @param onRefused called once when the key was revoked or has lost its scope
   * @returns ends it
   */
  watchKey(request: FastifyRequest, check: KeyCheck, onRefused: (problem: Problem) => void): () => void {
    const timer = setInterval(() => {
      check(request).catch((error: unknown) => {
        // While Redis is away nothing is known of the key, and nothing is read with it.
        if (!(error instanceof Problem) || !REFUSALS.has(error.code)) return;
        clearInterval(timer);
        onRefused(error);
      });
    }, this.limits.keyCheckMs ?? KEY_CHECK_MS);
    timer.unref();
    return () => clearInterval(timer);
  }

  /** @throws Problem when there is no room for another */
  assertRoom(tenant: string): void {
    const { all, perTenant } = this.limits;
    if (this.all < all && (this.byTenant.get(tenant) ?? 0) < perTenant) return;
    throw new Problem('too-many-streams', 'too many runs are being followed here; try again later', {
      retryAfterSeconds: RETRY_AFTER_SECONDS,
    });
  }

  /** @returns to be called once, when it is closed */
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
