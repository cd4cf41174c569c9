import type { Logger } from '@sandpiper/telemetry';
import type { CellFactory, CellLike } from './cell-like.js';

export type CellState = 'starting' | 'idle' | 'busy' | 'failed';

/** A cell in the hands of one run. */
export interface Lease {
  readonly cellId: number;
  readonly cell: CellLike;
  release(): void;
}

interface Slot {
  readonly id: number;
  readonly cpu: number | null;
  state: CellState;
  cell: CellLike | null;
  /** Of the run that has it. */
  run: string | null;
  /** Deaths since the last run that went well; the back-off grows with them. */
  failures: number;
  timer: NodeJS.Timeout | null;
}

export interface CellPoolOptions {
  readonly node: string;
  /** The CPU of each cell; as many cells as entries. */
  readonly cpus: readonly (number | null)[];
  readonly factory: CellFactory;
  readonly log: Logger;
  /** Called after every change of state. */
  readonly onChange?: () => void;
  readonly onRestart?: () => void;
  /** Milliseconds before a dead cell is rebuilt for the first time; doubles up to half a minute. */
  readonly firstBackOffMs?: number;
}

const MAX_BACK_OFF_MS = 30_000;

/** The cells of a node: hands out idle ones, rebuilds dead ones with back-off. A cell's death is no other cell's business. */
export class CellPool {
  private readonly slots: Slot[];
  private readonly waiting: { readonly run: string; resolve(lease: Lease): void }[] = [];
  private readonly starts = new Set<Promise<void>>();
  private closing = false;

  constructor(private readonly options: CellPoolOptions) {
    this.slots = options.cpus.map((cpu, id) => ({
      id,
      cpu,
      state: 'starting',
      cell: null,
      run: null,
      failures: 0,
      timer: null,
    }));
  }

  get size(): number {
    return this.slots.length;
  }

  /** Each cell, for people. */
  view(): { id: number; state: CellState; run: string | null }[] {
    return this.slots.map(({ id, state, run }) => ({ id, state, run }));
  }

  count(state: CellState): number {
    return this.slots.filter((slot) => slot.state === state).length;
  }

  /** Cells that can run something, now or after what they run. */
  get alive(): number {
    return this.count('idle') + this.count('busy');
  }

  /** Starts every cell; resolves when each has started or failed for the first time. */
  async start(): Promise<void> {
    await Promise.all(this.slots.map((slot) => this.startSlot(slot)));
  }

  /** Waits for an idle cell. First come, first served. */
  acquire(run: string): Promise<Lease> {
    return new Promise((resolve) => {
      this.waiting.push({ run, resolve });
      this.handOut();
    });
  }

  /** Kills what runs; when it resolves, no cell is left. */
  async close(): Promise<void> {
    this.closing = true;
    for (const slot of this.slots) if (slot.timer !== null) clearTimeout(slot.timer);
    await Promise.all(this.starts);
    await Promise.all(this.slots.flatMap(({ cell }) => (cell === null ? [] : [cell.close()])));
  }

  private handOut(): void {
    while (this.waiting.length > 0 && !this.closing) {
      const slot = this.slots.find((candidate) => candidate.state === 'idle');
      const cell = slot?.cell;
      if (slot === undefined || cell === null || cell === undefined) return;
      const next = this.waiting.shift();
      slot.run = next?.run ?? null;
      this.setState(slot, 'busy');
      next?.resolve({ cellId: slot.id, cell, release: () => this.takeBack(slot, cell) });
    }
  }

  private takeBack(slot: Slot, cell: CellLike): void {
    // A cell that died in the meantime is the back-off's now.
    if (slot.cell !== cell || slot.state !== 'busy') return;
    slot.failures = 0;
    this.setState(slot, 'idle');
    this.handOut();
  }

  private startSlot(slot: Slot): Promise<void> {
    const started = this.tryStart(slot).finally(() => this.starts.delete(started));
    this.starts.add(started);
    return started;
  }

  private async tryStart(slot: Slot): Promise<void> {
    slot.timer = null;
    this.setState(slot, 'starting');
    try {
      const cell = await this.options.factory({ id: slot.id, cpu: slot.cpu, node: this.options.node });
      slot.cell = cell;
      this.setState(slot, 'idle');
      void cell.closed.then((error) => this.died(slot, cell, error));
      this.handOut();
    } catch (error) {
      this.failed(slot, error);
    }
  }

  private died(slot: Slot, cell: CellLike, error: Error | null): void {
    if (this.closing || slot.cell !== cell) return;
    // What is left of it (a thread, a keeper) goes before its successor comes.
    void cell
      .close()
      .catch(() => undefined)
      .then(() => this.failed(slot, error ?? new Error('the cell closed by itself')));
    this.setState(slot, 'failed');
  }

  private failed(slot: Slot, error: unknown): void {
    slot.cell = null;
    slot.failures += 1;
    this.setState(slot, 'failed');
    if (this.closing) return;
    const delay = Math.min((this.options.firstBackOffMs ?? 200) * 2 ** (slot.failures - 1), MAX_BACK_OFF_MS);
    this.options.log.error(
      { err: error, cell: slot.id, retryInMs: delay },
      'a cell failed and will be rebuilt',
    );
    this.options.onRestart?.();
    slot.timer = setTimeout(() => void this.startSlot(slot), delay);
  }

  private setState(slot: Slot, state: CellState): void {
    slot.state = state;
    if (state !== 'busy') slot.run = null;
    this.options.onChange?.();
  }
}
