/**
 * Bytes that may be held at once. A sole request always gets in, whatever its size: its own bound is checked
 * elsewhere.
 */
export interface ByteBounds {
  readonly all: number;
  readonly perTenant: number;
}

/** Reserved bytes, until they are released. */
export interface ByteReservation {
  /** Reserves more. @returns false when there is no room; nothing changes then. */
  grow(bytes: number): boolean;
  /** Releases a part. */
  shrink(bytes: number): void;
  /** Releases all; a second call does nothing. */
  release(): void;
}

interface Waiter {
  readonly tenant: string;
  readonly bytes: number;
  readonly admit: (lease: ByteReservation) => void;
}

/** A budget of memory used on behalf of clients: bounded in total and per tenant. */
export class ByteBudget {
  private held = 0;
  private readonly byTenant = new Map<string, number>();
  private readonly waiting = new Set<Waiter>();

  constructor(readonly bounds: ByteBounds) {}

  /** @returns null when there is no room now */
  tryTake(tenant: string, bytes: number): ByteReservation | null {
    return this.fits(tenant, bytes, 0) ? this.lease(tenant, bytes) : null;
  }

  /** Waits for room, in turn. @returns null when the time is up, or the signal aborts */
  async take(
    tenant: string,
    bytes: number,
    signal: AbortSignal,
    ms: number,
  ): Promise<ByteReservation | null> {
    const lease = this.waiting.size === 0 ? this.tryTake(tenant, bytes) : null;
    if (lease !== null || signal.aborted) return lease;
    return new Promise((resolve) => {
      const end = (lease: ByteReservation | null): void => {
        clearTimeout(late);
        signal.removeEventListener('abort', onAbort);
        this.waiting.delete(waiter);
        resolve(lease);
      };
      const waiter: Waiter = { tenant, bytes, admit: end };
      const onAbort = (): void => end(null);
      const late = setTimeout(onAbort, ms);
      signal.addEventListener('abort', onAbort);
      this.waiting.add(waiter);
      this.admitWaiting();
    });
  }

  /** @param ours bytes that the asking lease holds already */
  private fits(tenant: string, bytes: number, ours: number): boolean {
    const { all, perTenant } = this.bounds;
    const own = this.byTenant.get(tenant) ?? 0;
    const fitsTenant = own === ours || own + bytes <= perTenant;
    const fitsAll = this.held === ours || this.held + bytes <= all;
    return fitsTenant && fitsAll;
  }

  private lease(tenant: string, bytes: number): ByteReservation {
    let size = bytes;
    this.count(tenant, bytes);
    const give = (less: number): void => {
      size -= less;
      this.count(tenant, -less);
      this.admitWaiting();
    };
    return {
      grow: (more) => {
        if (!this.fits(tenant, more, size)) return false;
        size += more;
        this.count(tenant, more);
        return true;
      },
      shrink: (bytes) => give(Math.min(bytes, size)),
      release: () => give(size),
    };
  }

  /** In order of arrival; a request that waits for its own tenant's share does not hold up other tenants. */
  private admitWaiting(): void {
    const { all, perTenant } = this.bounds;
    for (const waiter of this.waiting) {
      const { tenant, bytes } = waiter;
      const own = this.byTenant.get(tenant) ?? 0;
      if (own > 0 && own + bytes > perTenant) continue;
      // A large request would starve if all smaller ones overtook it.
      if (this.held > 0 && this.held + bytes > all) return;
      this.waiting.delete(waiter);
      waiter.admit(this.lease(tenant, bytes));
    }
  }

  private count(tenant: string, change: number): void {
    this.held += change;
    const own = (this.byTenant.get(tenant) ?? 0) + change;
    if (own === 0) this.byTenant.delete(tenant);
    else this.byTenant.set(tenant, own);
  }
}
