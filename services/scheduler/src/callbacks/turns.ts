/**
 * Share of the concurrent deliveries that one tenant may use, so that its slow receivers leave room for
 * others.
 */
const MAX_TENANT_SHARE = 0.25;

/** After this many failures in a row an unreachable origin is paused. */
const FAILURES_IN_A_ROW = 5;
const REST_MS = 30_000;

/** Maximum number of remembered origins; the oldest failure is forgotten first. */
const MAX_ORIGINS = 1_000;

interface Trouble {
  failures: number;
  /** In terms of `performance.now()`. */
  restUntil: number;
}

/**
 * `busy`: the tenant uses its whole share. `resting`: the origin is unreachable, and each try would cost a
 * timeout.
 */
export type Turn = 'go' | 'busy' | 'resting';

/**
 * Decides which callbacks may be sent now. Without it, ten thousand callbacks to one unresponsive address
 * would occupy every slot for hours while other tenants wait. It counts per process; each scheduler has its
 * own.
 */
export class Turns {
  private readonly sending = new Map<string, number>();
  private readonly troubles = new Map<string, Trouble>();
  private readonly mostOfATenant: number;

  /** @param places number of concurrent deliveries */
  constructor(
    places: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.mostOfATenant = Math.max(1, Math.floor(places * MAX_TENANT_SHARE));
  }

  /** A `go` must be followed by {@link leave}. */
  enter(tenant: string, origin: string): Turn {
    const sending = this.sending.get(tenant) ?? 0;
    if (sending >= this.mostOfATenant) return 'busy';
    const trouble = this.troubles.get(origin);
    if (trouble !== undefined && trouble.failures >= FAILURES_IN_A_ROW) {
      if (this.now() < trouble.restUntil) return 'resting';
      // One callback probes the origin; the others keep waiting for its outcome.
      trouble.restUntil = this.now() + REST_MS;
    }
    this.sending.set(tenant, sending + 1);
    return 'go';
  }

  /** @param reached whether the receiver answered, whatever the answer */
  leave(tenant: string, origin: string, reached: boolean): void {
    const sending = (this.sending.get(tenant) ?? 1) - 1;
    if (sending === 0) this.sending.delete(tenant);
    else this.sending.set(tenant, sending);
    if (reached) this.troubles.delete(origin);
    else this.note(origin);
  }

  private note(origin: string): void {
    const trouble = this.troubles.get(origin) ?? { failures: 0, restUntil: 0 };
    trouble.failures += 1;
    trouble.restUntil = this.now() + REST_MS;
    this.troubles.set(origin, trouble);
    if (this.troubles.size <= MAX_ORIGINS) return;
    const [oldest] = this.troubles.keys();
    if (oldest !== undefined) this.troubles.delete(oldest);
  }
}
