import type { AdmittedRequest, RunResult } from '@sandpiper/contracts';
import { syntheticResult } from '@sandpiper/store';
import type { CellFactory, CellLike, CellSpec } from '../src/index.js';

/** How a run ends: its status, and for some tests more. */
export type FakeEnd = RunResult['status'] | Partial<RunResult>;

type Behaviour = (source: string, cell: FakeCell) => Promise<FakeEnd> | FakeEnd;

/** A cell without a guest: the program's text says what it does. */
export class FakeCell implements CellLike {
  readonly closed: Promise<Error | null>;
  isClosed = false;
  private end: (why: Error | null) => void = () => undefined;
  private kill: ((why: 'cancelled' | Error) => void) | null = null;

  constructor(
    readonly spec: CellSpec,
    private readonly behaviour: Behaviour,
  ) {
    this.closed = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  async run(job: { id: string; request: AdmittedRequest; attempt: number }): Promise<RunResult> {
    const killed = new Promise<'cancelled'>((resolve, reject) => {
      this.kill = (why) => (why === 'cancelled' ? resolve(why) : reject(why));
    });
    const ended = Promise.resolve(this.behaviour(job.request.source ?? '', this));
    const end = await Promise.race([ended, killed]);
    const facts = { id: job.id, attempt: job.attempt, node: this.spec.node, cell: this.spec.id };
    const { limits } = job.request;
    const base = syntheticResult({ ...facts, limits, engine: 'seccomp', status: 'cancelled', message: '' });
    return {
      ...base,
      stdout: job.request.source ?? '',
      ...(typeof end === 'string' ? { status: end } : end),
    };
  }

  interrupt(): void {}

  cancel(): void {
    this.kill?.('cancelled');
  }

  /** The keeper is gone: the run rejects, the cell is no more. */
  die(): void {
    const why = new Error('the keeper died');
    this.kill?.(why);
    this.end(why);
  }

  close(): Promise<void> {
    this.isClosed = true;
    this.kill?.('cancelled');
    this.end(null);
    return Promise.resolve();
  }
}

/** Remembers every cell that it made. */
export function fakeCells(behaviour: Behaviour): { factory: CellFactory; cells: FakeCell[] } {
  const cells: FakeCell[] = [];
  const factory: CellFactory = (spec) => {
    const cell = new FakeCell(spec, behaviour);
    cells.push(cell);
    return Promise.resolve(cell);
  };
  return { factory, cells };
}
