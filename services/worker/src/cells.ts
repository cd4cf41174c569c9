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

/** `failed`: what is left of it goes, or it lies still until it is rebuilt. */
export const CELL_STATES = ['starting', 'idle', 'busy', 'failed'] as const;

interface CellFacts {
  readonly id: number;
  readonly state: (typeof CELL_STATES)[number];
  readonly runId: string | null;
}

export interface CellsOptions {
  readonly node: string;
  /** The CPU of each cell; as many cells as entries. */
  readonly cpus: readonly (number | null)[];
  readonly factory: CellFactory;
  readonly clock: Clock;
  readonly policy: RestartPolicy;
  readonly inspect: Inspect;
  /** How many runs may wait for a cell; default as many as there are cells. */
  readonly maxWaiting?: number;
  /** A cell's state is another, or it dies too often, or no longer does. */
  readonly onChange?: () => void;
}

/** The cells of a node, supervised, and the runs that wait for one. First come, first served. */
export class Cells {
  readonly #supervisor: Supervisor;
  /** The one that lives of each, or lived last. */
  readonly #actors = new Map<number, CellActor>();
  readonly #idle = new Set<CellActor>();
  readonly #waiting: Assignment[] = [];
  /** Told that a cell's state is another, while a run waits to be alone. */
  #onChange: (() => void) | null = null;
  /** The cell whose run is to be the only one of the node. */
  #isolated: number | null = null;
  /** Deaths of cells within the window that a run may have caused. */
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

  /** What each cell is doing. */
  get facts(): readonly CellFacts[] {
    return this.options.cpus.map((_, id) => this.#factsOf(id));
  }

  count(state: CellFacts['state']): number {
    return this.facts.filter((cell) => cell.state === state).length;
  }

  /** Cells that can run something, now or after what they run. */
  get alive(): number {
    return this.count('idle') + this.count('busy');
  }

  /** The cells that die too often. */
  get troubles(): readonly Trouble[] {
    return this.#supervisor.troubles;
  }

  /**
   * Gets the run a cell as soon as there is one. After any other answer than `accepted` it is still the
   * caller's.
   */
  ask(assignment: Assignment): Told {
    if (this.#closing) return 'stopped';
    if (this.#isolated !== null) return 'full';
    const capacity = this.options.maxWaiting ?? this.options.cpus.length;
    if (this.#waiting.length >= capacity && this.#idle.size === 0) {
      this.options.inspect({ type: 'overflow', actor: 'cells', message: 'ask', capacity });
      return 'full';
    }
    this.#waiting.push(assignment);
    this.#handOut();
    return 'accepted';
  }

  /** The run waits no more. It may be on its way to a cell already, and then begins all the same. */
  withdraw(name: string): void {
    const index = this.#waiting.findIndex((assignment) => assignment.name === name);
    if (index >= 0) this.#waiting.splice(index, 1);
  }

  /**
   * The run of that cell is to be the only one here: no other gets a cell from now on, until
   * {@link endIsolation}. Those that wait for one are turned away, for other nodes to take.
   * @returns false when the others have not ended in time, or another run is isolated; then nothing has
   *   changed.
   */
  async isolate(cell: number, patienceMs: number): Promise<boolean> {
    if (this.#isolated !== null || this.#closing) return false;
    this.#isolated = cell;
    this.#changed();
    for (const assignment of this.#waiting.splice(0)) assignment.turnAway();
    const isAlone = await this.#untilAlone(patienceMs);
    if (!isAlone) this.endIsolation(cell);
    return isAlone;
  }

  endIsolation(cell: number): void {
    if (this.#isolated !== cell) return;
    this.#isolated = null;
    this.#changed();
    this.#handOut();
  }

  /** Whether a run is to be alone here. */
  get isIsolated(): boolean {
    return this.#isolated !== null;
  }

  #untilAlone(patienceMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.options.clock.after(patienceMs, () => {
        this.#onChange = null;
        resolve(false);
      });
      const look = (): void => {
        if (this.count('busy') > 1) return;
        cancel();
        this.#onChange = null;
        resolve(!this.#closing);
      };
      this.#onChange = look;
      look();
    });
  }

  /** Kills what runs; when it resolves, no cell is left, nor anything of one. */
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
        place: { id, cpu, node: this.options.node },
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
   * What a cell has died of that had a run: deaths of one cause count as one. It is the run, which may be
   * tried again. Once runs of that tenant have died in another cell too, it is the tenant: ten bad runs at
   * once do not make two cells ill. A cell in which the runs die that live in others is ill all the same.
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
    this.#onChange?.();
  }

  #offered(cell: CellActor): void {
    if (this.#closing) return;
    this.#idle.add(cell);
    this.#handOut();
  }

  /** It was let in once: it waits in front of the others, however many those are. */
  #takeBack(assignment: Assignment): void {
    if (this.#closing || this.#isolated !== null) return assignment.turnAway();
    this.#waiting.unshift(assignment);
    this.#handOut();
  }

  #handOut(): void {
    if (this.#isolated !== null) return;
    for (const cell of this.#idle) {
      const assignment = this.#waiting.shift();
      if (assignment === undefined) return;
      // Until it offers itself again. One that has just died takes nothing, and never will.
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
