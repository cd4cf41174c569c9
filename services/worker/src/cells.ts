import {
  type Clock,
  type Inspect,
  type RestartPolicy,
  Supervisor,
  type Told,
  type Trouble,
} from '@sandpiper/actor';
import { CellActor, type Assignment } from './cell-actor.js';
import type { CellFactory } from './cell-like.js';

/** `failed`: it is being cleared away, or waits for its restart. */
export const CELL_STATES = ['starting', 'idle', 'busy', 'failed'] as const;

interface CellFacts {
  readonly id: number;
  readonly state: (typeof CELL_STATES)[number];
  readonly runId: string | null;
}

export interface CellsOptions {
  readonly node: string;
  /** One CPU per cell; the number of entries is the number of cells. */
  readonly cpus: readonly (number | null)[];
  readonly factory: CellFactory;
  readonly clock: Clock;
  readonly policy: RestartPolicy;
  readonly inspect: Inspect;
  /** Number of runs that may wait for a cell; default the number of cells. */
  readonly maxWaiting?: number;
  /** Called when the state of a cell changes, or when it begins or stops to die too often. */
  readonly onChange?: () => void;
}

/** The supervised cells of a node, and the runs that wait for one, first come, first served. */
export class Cells {
  readonly #supervisor: Supervisor;
  /** The current actor of each cell, or the last one. */
  readonly #actors = new Map<number, CellActor>();
  readonly #idle = new Set<CellActor>();
  readonly #waiting: Assignment[] = [];
  /** Recent deaths of cells that a run may have caused. */
  #killed: readonly { readonly tenant: string; readonly cell: number; readonly at: number }[] = [];
  #closing = false;

  constructor(private readonly options: CellsOptions) {
    const { clock, policy, inspect } = options;
    this.#supervisor = new Supervisor({ clock, policy, inspect, onTrouble: () => this.#changed() });
  }

  /** Starts every cell; resolves when each has started or failed for the first time. */
  async start(): Promise<void> {
    await Promise.all(this.options.cpus.map((cpu, id) => this.#startCell(id, cpu)));
  }

  /** The state of each cell. */
  get facts(): readonly CellFacts[] {
    return this.options.cpus.map((_, id) => this.#factsOf(id));
  }

  count(state: CellFacts['state']): number {
    return this.facts.filter((cell) => cell.state === state).length;
  }

  /** Number of cells that are idle or busy. */
  get alive(): number {
    return this.count('idle') + this.count('busy');
  }

  /** Number of idle cells for which no run waits here. */
  get free(): number {
    return Math.max(0, this.#idle.size - this.#waiting.length);
  }

  /** Cells that die too often. */
  get troubles(): readonly Trouble[] {
    return this.#supervisor.troubles;
  }

  /**
   * Assigns a cell to the run as soon as one is free. Unless the answer is `accepted`, the caller keeps the
   * run.
   */
  ask(assignment: Assignment): Told {
    if (this.#closing) return 'stopped';
    const capacity = this.options.maxWaiting ?? this.options.cpus.length;
    if (this.#waiting.length >= capacity && this.#idle.size === 0) {
      this.options.inspect({ type: 'overflow', actor: 'cells', message: 'ask', capacity });
      return 'full';
    }
    this.#waiting.push(assignment);
    this.#handOut();
    return 'accepted';
  }

  /** Withdraws a waiting run. If it is already being assigned, it starts all the same. */
  withdraw(name: string): void {
    const index = this.#waiting.findIndex((assignment) => assignment.name === name);
    if (index >= 0) this.#waiting.splice(index, 1);
  }

  /** Kills all runs; when it resolves, all cells are gone without remains. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#idle.clear();
    for (const assignment of this.#waiting.splice(0)) assignment.turnAway();
    await this.#supervisor.stop();
  }

  #startCell(id: number, cpu: number | null): Promise<void> {
    const child = `cell-${id}`;
    let count = 0;
    return this.#supervisor.start(child, (up) => {
      count += 1;
      const actor = new CellActor({
        name: `${child}.${count}`,
        spec: { id, cpu, node: this.options.node },
        factory: this.options.factory,
        clock: this.options.clock,
        inspect: this.options.inspect,
        onChange: () => this.#changed(),
        onUp: up,
        onHealthy: () => this.#supervisor.healthy(child),
        onIdle: (cell) => this.#offered(cell),
        onRefused: (assignment) => this.#takeBack(assignment),
        causeOf: (runId, tenant) => this.#causeOf(id, runId, tenant),
      });
      this.#actors.set(id, actor);
      this.#changed();
      void actor.ended.then(() => this.#idle.delete(actor));
      return actor;
    });
  }

  /**
   * The cause of a cell's death during a run; deaths of one cause count once. Normally the cause is the run,
   * which may be retried. Once runs of the same tenant have killed another cell too, the cause is the tenant,
   * so that ten bad runs at once do not condemn two cells. A cell that kills runs which work in other cells
   * is still found out.
   */
  #causeOf(cell: number, runId: string, tenant: string): string {
    const { clock, policy, cpus } = this.options;
    const at = clock.now();
    this.#killed = [...this.#killed.filter((death) => at - death.at < policy.windowMs), { tenant, cell, at }];
    const isTenants =
      cpus.length === 1 || this.#killed.some((death) => death.tenant === tenant && death.cell !== cell);
    return isTenants ? `tenant ${tenant}` : `run ${runId}`;
  }

  #changed(): void {
    this.options.onChange?.();
  }

  #offered(cell: CellActor): void {
    if (this.#closing) return;
    this.#idle.add(cell);
    this.#handOut();
    this.#changed();
  }

  /** It was admitted before, so it waits in front of the others, even above the bound. */
  #takeBack(assignment: Assignment): void {
    if (this.#closing) return assignment.turnAway();
    this.#waiting.unshift(assignment);
    this.#handOut();
  }

  #handOut(): void {
    for (const cell of this.#idle) {
      const assignment = this.#waiting.shift();
      if (assignment === undefined) return;
      // The cell is not free until it offers itself again; a dead one never does.
      this.#idle.delete(cell);
      if (cell.assign(assignment) !== 'accepted') this.#waiting.unshift(assignment);
    }
  }

  #factsOf(id: number): CellFacts {
    const actor = this.#actors.get(id);
    const runId = actor?.runId ?? null;
    switch (actor?.state.kind) {
      case undefined:
      case 'starting':
      case 'unwanted':
        return { id, state: 'starting', runId };
      case 'idle':
      case 'busy':
        return { id, state: actor.state.kind, runId };
      case 'closing':
      case 'closed':
        return { id, state: 'failed', runId };
    }
  }
}
