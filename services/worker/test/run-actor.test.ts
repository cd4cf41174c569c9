import { FakeClock, settled, type Inspection } from '@sandpiper/actor';
import { completeLimits, type RunResult } from '@sandpiper/contracts';
import { syntheticResult } from '@sandpiper/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Cells } from '../src/cells.js';
import { RunActor, type RunWork } from '../src/run-actor.js';
import { fakeCells } from './fake-cell.js';

/** What a run is told by the store and the cell, as each test wants it; what it asked for is written down. */
class Script implements RunWork {
  readonly asked: string[] = [];
  claims: () => ReturnType<RunWork['claim']> = () =>
    Promise.resolve({ type: 'claimed', attempt: 7, outcome: 'run' });
  runs: () => Promise<RunResult> = () => Promise.resolve(resultOf('ok'));
  finishes: () => Promise<boolean> = () => Promise.resolve(true);
  releases: () => Promise<void> = () => Promise.resolve();

  claim(): ReturnType<RunWork['claim']> {
    this.asked.push('claim');
    return this.claims();
  }
  execute(): Promise<RunResult> {
    this.asked.push('execute');
    return this.runs();
  }
  breakageOf(error: Error): 'refused' | 'again' {
    return error.message as 'refused' | 'again';
  }
  makeUp(_lease: unknown, _attempt: number, what: string): RunResult {
    return resultOf(what === 'cancelled' ? 'cancelled' : 'internal-error');
  }
  finish(result: RunResult, attempt: number): Promise<boolean> {
    this.asked.push(`finish ${result.status} ${attempt}`);
    return this.finishes();
  }
  release(attempt: number): Promise<void> {
    this.asked.push(`release ${attempt}`);
    return this.releases();
  }
  count(result: RunResult): void {
    this.asked.push(`count ${result.status}`);
  }
  lose(reason: string): void {
    this.asked.push(`lose ${reason}`);
  }
}

function resultOf(status: RunResult['status']): RunResult {
  const base = { id: 'r', engine: 'seccomp', attempt: 7, node: 'n1', cell: 0, message: '' } as const;
  const made = syntheticResult({ ...base, status: 'cancelled', limits: completeLimits(undefined) });
  return { ...made, status };
}

interface Gate<T> {
  readonly promise: Promise<T>;
  open(value: T): void;
}

function gate<T>(): Gate<T> {
  let open = (_: T): void => {};
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

const clock = new FakeClock();
let seen: Inspection[];
let cells: Cells;

async function startCells(count: number, maxWaiting: number): Promise<void> {
  const { factory } = fakeCells(() => 'ok');
  const policy = { firstBackOffMs: 1, maxBackOffMs: 1, maxFailures: 9, windowMs: 1 };
  const cpus = Array.from({ length: count }, () => null);
  const inspect = (event: Inspection): void => void seen.push(event);
  cells = new Cells({ node: 'n1', cpus, factory, clock, policy, inspect, maxWaiting });
  await cells.start();
  await settled();
}

beforeEach(async () => {
  seen = [];
  await startCells(1, 1);
});

afterEach(() => cells.close());

let count = 0;

function start(work: RunWork): RunActor {
  count += 1;
  return new RunActor({ runId: 'r', name: `run-${count}`, cells, work, clock, inspect: (e) => seen.push(e) });
}

describe('a run', () => {
  it('is claimed, executed, written and counted, and releases its cell', async () => {
    const work = new Script();
    expect(await start(work).outcome).toBe('completed');
    expect(work.asked).toEqual(['claim', 'execute', 'finish ok 7', 'count ok']);
    await settled();
    expect(cells.count('idle')).toBe(1);
  });

  it('goes back to the queue when too many wait, without a call to the store', async () => {
    const running = gate<RunResult>();
    const [first, second, third] = [new Script(), new Script(), new Script()];
    first.runs = () => running.promise;
    const outcomes = [start(first).outcome];
    await settled();
    outcomes.push(start(second).outcome);
    await settled();
    expect(await start(third).outcome).toBe('hand-back');
    expect([second.asked, third.asked]).toEqual([[], []]);
    running.open(resultOf('ok'));
    expect(await Promise.all(outcomes)).toEqual(['completed', 'completed']);
  });

  it.each([
    ['claimed', { claims: () => Promise.reject(new Error('Redis is away')) }],
    ['written', { finishes: () => Promise.reject(new Error('Redis is away')) }],
    [
      'released',
      {
        runs: () => Promise.reject(new Error('again')),
        releases: () => Promise.reject(new Error('Redis is away')),
      },
    ],
  ])('goes back to the queue and frees its cell when it cannot be %s', async (_what, how) => {
    const work = Object.assign(new Script(), how);
    await expect(start(work).outcome).rejects.toThrow('Redis is away');
    await settled();
    expect(cells.count('idle')).toBe(1);
  });

  it.each([
    ['again', ['release 7', 'lose sandbox-failure']],
    ['unblamed', ['release 7', 'lose sandbox-failure']],
    ['refused', ['finish internal-error 7', 'count internal-error']],
  ])('is deferred or reported, and its job completed, after a sandbox failure (%s)', async (how, then) => {
    const work = new Script();
    work.runs = () => Promise.reject(new Error(how));
    const { outcome } = start(work);
    expect(await outcome).toBe('completed');
    expect(work.asked).toEqual(['claim', 'execute', ...then]);
  });

  it('is not executed when it has crashed its worker too often', async () => {
    const work = new Script();
    work.claims = () => Promise.resolve({ type: 'claimed', attempt: 7, outcome: 'poison' });
    expect(await start(work).outcome).toBe('completed');
    expect(work.asked).toEqual(['claim', 'finish internal-error 7', 'count internal-error']);
  });

  it('is not executed when it is cancelled during its claim', async () => {
    const claimed = gate<Awaited<ReturnType<RunWork['claim']>>>();
    const work = new Script();
    work.claims = () => claimed.promise;
    const run = start(work);
    await settled();
    run.interrupt('cancel');
    run.interrupt('cancel');
    claimed.open({ type: 'claimed', attempt: 7, outcome: 'run' });
    expect(await run.outcome).toBe('completed');
    expect(work.asked).toEqual(['claim', 'finish cancelled 7', 'count cancelled']);
  });

  it('does not count after losing its lock, whatever its result', async () => {
    const running = gate<RunResult>();
    const work = new Script();
    work.runs = () => running.promise;
    const run = start(work);
    await settled();
    run.interrupt('cancel');
    run.interrupt('lock-lost');
    await settled();
    running.open(resultOf('cancelled'));
    expect(await run.outcome).toBe('lock-lost');
    expect(work.asked).toEqual(['claim', 'execute', 'release 7', 'lose lock-lost']);
  });

  it('leaves a cell to the next run when it no longer waits', async () => {
    const running = gate<RunResult>();
    const [first, second, third] = [new Script(), new Script(), new Script()];
    first.runs = () => running.promise;
    const one = start(first);
    await settled();
    const two = start(second);
    await settled();
    // At the same moment the cell becomes free, and the run is not to be here any more.
    running.open(resultOf('ok'));
    two.interrupt('hand-back');
    expect([await one.outcome, await two.outcome]).toEqual(['completed', 'hand-back']);
    expect(await start(third).outcome).toBe('completed');
    expect(second.asked).toEqual([]);
  });

  it('releases its cell when one of its dependencies throws', async () => {
    const work = new Script();
    work.count = () => {
      throw new Error('no such metric');
    };
    await expect(start(work).outcome).rejects.toThrow('no such metric');
    await settled();
    expect(cells.count('idle')).toBe(1);
    expect(seen.filter(({ type }) => type === 'failed')).toHaveLength(1);
  });
});
