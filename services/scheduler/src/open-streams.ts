import { Problem } from './problems.js';

export interface StreamLimits {
  /** Connections that this process holds at most: those that follow a run, and those that follow a batch. */
  readonly all: number;
  /** Of them those of one tenant. */
  readonly perTenant: number;
  /** A client that takes and says nothing for so long is let go, milliseconds. */
  readonly stuckMs?: number;
}

export const DEFAULT_STREAMS: StreamLimits = { all: 1000, perTenant: 1000 };

const RETRY_AFTER_SECONDS = 10;

/** How many connections follow something, and whose. */
export class OpenStreams {
  private all = 0;
  private readonly byTenant = new Map<string, number>();

  constructor(readonly limits: StreamLimits) {}

  /** @throws Problem when there is no room for another */
  demandRoom(tenant: string): void {
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
