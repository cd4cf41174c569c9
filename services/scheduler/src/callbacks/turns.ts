/**
 * Places of one tenant among those that send at the same time: an address that answers slowly leaves others
 * room.
 */
const MAX_TENANT_SHARE = 0.25;

/** An origin that could not be reached so often in a row is left alone for a while. */
const FAILURES_IN_A_ROW = 5;
const REST_MS = 30_000;

/** Origins that are remembered at most; the one that failed first is forgotten. */
const MAX_ORIGINS = 1_000;

interface Trouble {
  failures: number;
  /** On the clock of `performance.now()`. */
  restUntil: number;
}

/**
 * `busy`: its tenant has all the places that it may. `resting`: nobody answers there, and each try would cost
 * a timeout.
 */
export type Turn = 'go' | 'busy' | 'resting';

/**
 * Who may send now. Without it ten thousand callbacks to one address that swallows them would take every
 * place for hours, and those of other tenants would wait behind them. Counts what this process does; each
 * scheduler has its own.
 */
export class Turns {
  private readonly sending = new Map<string, number>();
  private readonly troubles = new Map<string, Trouble>();
  private readonly mostOfATenant: number;

  /** @param places how many are sent at the same time */
  constructor(
    places: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.mostOfATenant = Math.max(1, Math.floor(places * MAX_TENANT_SHARE));
  }

  /** A `go` is to be ended with {@link leave}. */
  enter(tenant: string, origin: string): Turn {
    const sending = this.sending.get(tenant) ?? 0;
    if (sending >= this.mostOfATenant) return 'busy';
    const trouble = this.troubles.get(origin);
    if (trouble !== undefined && trouble.failures >= FAILURES_IN_A_ROW) {
      if (this.now() < trouble.restUntil) return 'resting';
      // One goes and looks; the others rest on until it is back.
      trouble.restUntil = this.now() + REST_MS;
    }
    this.sending.set(tenant, sending + 1);
    return 'go';
  }

  /** @param reached whether anybody answered, whatever the answer */
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
