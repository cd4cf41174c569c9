import { FakeClock, settled, type Inspection } from '@sandpiper/actor';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Assignment, Lease } from '../src/cell-actor.js';
import type { CellFactory } from '../src/cell-like.js';
import { Cells } from '../src/cells.js';
import { type FakeCell, fakeCells } from './fake-cell.js';

const policy = { firstBackOffMs: 100, maxBackOffMs: 1_000, maxFailures: 3, windowMs: 10_000 };

let clock: FakeClock;
let seen: Inspection[];
let cells: Cells;

beforeEach(() => {
  clock = new FakeClock();
  seen = [];
});

afterEach(async () => {
  await cells.close();
  expect(clock.pending).toBe(0);
});

async function start(count: number, factory: CellFactory, maxWaiting?: number): Promise<void> {
  cells = new Cells({
    node: 'n1',
    cpus: Array.from({ length: count }, () => null),
    factory,
    clock,
    policy,
    inspect: (event) => seen.push(event),
    ...(maxWaiting === undefined ? {} : { maxWaiting }),
  });
  await cells.start();
  await settled();
}

/** Cells that run nothing by themselves, by their number; the latest of each last. */
function quietCells() {
  const { factory, cells: all } = fakeCells(() => 'ok');
  return { factory, all, of: (id: number): FakeCell[] => all.filter((cell) => cell.spec.id === id) };
}

/** A run that stays where it gets to. */
class Visitor implements Assignment {
  lease: Lease | null = null;
  turnedAway = false;
  constructor(
    readonly name: string,
    readonly runId = name,
  ) {}
  begin(lease: Lease): void {
    this.lease = lease;
  }
  turnAway(): void {
    this.turnedAway = true;
  }
}

const states = (): string[] => cells.facts.map(({ state }) => state);

async function ask(...names: string[]): Promise<Visitor[]> {
  const visitors = names.map((name) => new Visitor(name));
  for (const visitor of visitors) cells.ask(visitor);
  await settled();
  return visitors;
}

describe('the cells of a node', () => {
  it('give each run its own cell, first come, first served', async () => {
    await start(2, quietCells().factory);
    const [a, b, c, d] = await ask('a', 'b', 'c', 'd');
    expect([a, b, c, d].map((run) => run?.lease?.cellId ?? null)).toEqual([0, 1, null, null]);
    expect(cells.facts).toEqual([
      { id: 0, state: 'busy', runId: 'a' },
      { id: 1, state: 'busy', runId: 'b' },
    ]);
    b?.lease?.release();
    await settled();
    expect([c?.lease?.cellId, d?.lease]).toEqual([1, null]);
  });

  it('refuse a run when too many wait, and when they are closed', async () => {
    await start(1, quietCells().factory, 2);
    const [running] = await ask('a');
    const answers = ['b', 'c', 'd'].map((name) => cells.ask(new Visitor(name)));
    expect(answers).toEqual(['accepted', 'accepted', 'full']);
    expect(seen.at(-1)).toEqual({ type: 'overflow', actor: 'cells', message: 'ask', capacity: 2 });
    const last = new Visitor('e');
    cells.withdraw('b');
    expect(cells.ask(last)).toBe('accepted');
    const closed = cells.close();
    expect(cells.ask(new Visitor('f'))).toBe('stopped');
    await closed;
    expect([running?.turnedAway, last.turnedAway]).toEqual([false, true]);
  });

  it('take back a run whose cell died during the assignment, and give it to the next', async () => {
    const { factory, of } = quietCells();
    await start(1, factory);
    of(0)[0]?.die();
    const run = new Visitor('a');
    // The death is not known yet, so the cell is thought to be idle.
    expect(cells.ask(run)).toBe('accepted');
    await settled();
    expect([run.lease, states()]).toEqual([null, ['failed']]);
    await clock.advance(100);
    expect([run.lease?.cellId, of(0).length]).toEqual([0, 2]);
  });

  it('kill a run when it is told to, once, and not the next one', async () => {
    const { factory, of } = quietCells();
    await start(1, factory);
    const killed: string[] = [];
    const cell = of(0)[0];
    if (cell !== undefined) cell.cancel = (id?: string) => void killed.push(String(id));
    const [a, b] = await ask('a', 'b');
    a?.lease?.kill();
    a?.lease?.kill();
    await settled();
    expect(killed).toEqual(['a']);
    a?.lease?.release();
    await settled();
    a?.lease?.kill();
    await settled();
    expect([b?.lease?.cellId, killed]).toEqual([0, ['a']]);
  });

  it('keep working when one of them keeps dying, and report it', async () => {
    const { factory, of } = quietCells();
    await start(2, factory);
    let served = 0;
    for (let death = 0; death < 6; death++) {
      of(1).at(-1)?.die();
      await settled();
      for (let i = 0; i < 5; i++) {
        const [run] = await ask(`${death}-${i}`);
        expect(run?.lease?.cellId).toBe(0);
        run?.lease?.release();
        served += 1;
        await settled();
      }
      await clock.advance(1_000);
    }
    expect([served, of(0).length, of(1).length]).toEqual([30, 1, 7]);
    expect(cells.troubles.map(({ child, failures }) => [child, failures])).toEqual([['cell-1', 3]]);
    const restarts = seen.flatMap((event) => (event.type === 'restart' ? [event.delayMs] : []));
    expect(restarts).toEqual([100, 200, 1_000, 1_000, 1_000, 1_000]);
    // Each is cleared away before the next comes.
    expect(
      of(1)
        .slice(0, -1)
        .every(({ isClosed }) => isClosed),
    ).toBe(true);
    await clock.advance(policy.windowMs);
    expect(cells.troubles).toEqual([]);
  });

  /** The only cell dies during a run of each of these tenants, one after the other. */
  async function dieWith(tenants: readonly string[], of: (id: number) => FakeCell[]): Promise<void> {
    for (const [index, tenant] of tenants.entries()) {
      const [run] = await ask(`${index}`);
      run?.lease?.charge(tenant);
      of(0).at(-1)?.die();
      await settled();
      run?.lease?.release();
      await clock.advance(1_000);
    }
  }

  it('are not given up for the runs of one tenant that kill them', async () => {
    const { factory, of } = quietCells();
    await start(1, factory);
    await dieWith(['t', 't', 't', 't', 't', 't'], of);
    expect(cells.troubles).toEqual([]);
  });

  it('are given up when runs of many tenants die with them', async () => {
    const { factory, of } = quietCells();
    await start(1, factory);
    await dieWith(['t', 'u', 'v'], of);
    expect(cells.troubles.map(({ child, failures }) => [child, failures])).toEqual([['cell-0', 3]]);
  });

  it('rebuild a cell only after its remains are cleared away', async () => {
    const { factory, of } = quietCells();
    await start(1, factory);
    const [cell] = of(0);
    let cleared = (): void => {};
    if (cell !== undefined) {
      cell.close = () =>
        new Promise<void>((resolve) => {
          cleared = resolve;
        });
    }
    cell?.die();
    await clock.advance(10_000);
    expect([of(0).length, states()]).toEqual([1, ['failed']]);
    cleared();
    await clock.advance(100);
    expect([of(0).length, states()]).toEqual([2, ['idle']]);
  });

  it('do not wait without end for the remains of a cell', async () => {
    const { factory, of } = quietCells();
    await start(1, factory);
    const [cell] = of(0);
    if (cell !== undefined) cell.close = () => new Promise<void>(() => {});
    cell?.die();
    await clock.advance(60_000);
    expect([of(0).length, states()]).toEqual([2, ['idle']]);
  });

  it('can be closed during their start, and during a back-off', async () => {
    const { factory, all } = quietCells();
    let open = (): void => {};
    const door = new Promise<void>((resolve) => {
      open = resolve;
    });
    const starting = start(2, async (spec) => {
      if (spec.id === 1) throw new Error('no such cell');
      await door;
      return factory(spec);
    });
    await settled();
    let isClosed = false;
    const closed = cells.close().then(() => {
      isClosed = true;
    });
    await settled();
    expect(isClosed).toBe(false);
    open();
    await closed;
    await starting;
    expect(all.map((cell) => cell.isClosed)).toEqual([true]);
  });
});
