import { Writable } from 'node:stream';
import { FakeClock, settled, type Inspection } from '@sandpiper/actor';
import { completeLimits, type RunStatus } from '@sandpiper/contracts';
import { HostShortOfMemoryError, RunRefusedError } from '@sandpiper/controller';
import { Comparer } from '@sandpiper/grading';
import { type Claim, NO_REPLICATION } from '@sandpiper/store';
import { createLogger, createNodeMetrics, type NodeMetrics, NO_TRACING } from '@sandpiper/telemetry';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Attempt, type AttemptTools } from '../src/attempt/attempt.js';
import { Cells } from '../src/cells.js';
import { type FakeEnd, fakeCells } from './fake-cell.js';

const FENCE = { claim: 'n1/x/7', epoch: 7 };

function claimOf(id: string, more: Partial<Claim> = {}): Claim {
  const times = { submittedAt: 1, claimedAt: 3 };
  const request = { source: id, limits: completeLimits(undefined) };
  const counts = { attempt: 7, deaths: 3, retries: 0 };
  return { id, outcome: 'run', ...counts, fence: FENCE, ...times, tenant: 't', request, trace: '', ...more };
}

/** What the store and the cell say to one run, as each test wants it. `asked`: what it did, in order. */
class Script {
  readonly asked: string[] = [];
  claim: Partial<Claim> = {};
  runs = (): Promise<FakeEnd> => Promise.resolve('ok');
  finishes = (): Promise<'accepted' | 'stale'> => Promise.resolve('accepted');
  releases = (): Promise<boolean> => Promise.resolve(true);

  constructor(readonly id: string) {}
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
let scripts: Map<string, Script>;
let seen: Inspection[];
let cells: Cells;
let metrics: NodeMetrics;

const scriptOf = (id: string): Script => {
  const script = scripts.get(id);
  if (script === undefined) throw new Error(`no script for ${id}`);
  return script;
};

const store: AttemptTools['store'] = {
  finish: (result, fence, how) => {
    expect(fence).toBe(FENCE);
    expect(how?.cellMs).toBeGreaterThanOrEqual(0);
    scriptOf(result.id).asked.push(
      `finish ${result.status} ${result.attempt}${how?.dead === true ? ' dead' : ''}`,
    );
    return scriptOf(result.id).finishes();
  },
  release: (id, fence, why) => {
    expect(fence).toBe(FENCE);
    scriptOf(id).asked.push(`release ${why}`);
    return scriptOf(id).releases();
  },
};

/** Takes note of the line that a counted run leaves in the log. */
const log = createLogger({
  service: 'test',
  level: 'debug',
  destination: new Writable({
    write(line: Buffer, _encoding, done) {
      const { msg, runId, status } = JSON.parse(String(line)) as Record<string, string>;
      if (msg === 'a run ended') scriptOf(runId ?? '').asked.push(`count ${status}`);
      done();
    },
  }),
});

async function startCells(count: number, maxWaiting: number): Promise<void> {
  const { factory } = fakeCells((source) => {
    scriptOf(source).asked.push('execute');
    return scriptOf(source).runs();
  });
  const policy = { firstBackOffMs: 1, maxBackOffMs: 1, maxFailures: 9, windowMs: 1 };
  const cpus = Array.from({ length: count }, () => null);
  const inspect = (event: Inspection): void => void seen.push(event);
  cells = new Cells({ node: 'n1', cpus, factory, clock, policy, inspect, maxWaiting });
  await cells.start();
  await settled();
}

beforeEach(async () => {
  scripts = new Map();
  seen = [];
  metrics = createNodeMetrics('n1');
  await startCells(1, 1);
});

afterEach(() => cells.close());

function failing(error: Error): () => Promise<RunStatus> {
  return async () => {
    await settled();
    throw error;
  };
}

let count = 0;

function script(how: Partial<Script> = {}): Script {
  count += 1;
  const made = Object.assign(new Script(`r${count}`), how);
  scripts.set(made.id, made);
  return made;
}

function start({ id, claim }: Script, more: Partial<AttemptTools> = {}): Attempt {
  return new Attempt(claimOf(id, claim), `run-${id}`, 0, {
    ...{ node: 'n1', store, cells, metrics, log, clock },
    comparer: new Comparer(),
    live: { begin: () => expect.unreachable('no run here is live') },
    tracing: NO_TRACING,
    replication: NO_REPLICATION,
    inspect: (event) => seen.push(event),
    onPlaced: () => undefined,
    ...more,
  });
}

/** The reasons of attempts that did not count. */
async function lost(): Promise<(string | number | undefined)[]> {
  const { values } = await metrics.lostAttempts.get();
  return values.filter(({ value }) => value > 0).map(({ labels }) => labels['reason']);
}

describe('an attempt', () => {
  it('is executed, written and counted, and releases its cell', async () => {
    const work = script();
    expect(await start(work).ended).toBeNull();
    expect(work.asked).toEqual(['execute', 'finish ok 7', 'count ok']);
    await settled();
    expect(cells.count('idle')).toBe(1);
    expect(await lost()).toEqual([]);
  });

  it('leaves its cell before its result is written', async () => {
    const written = gate<'accepted'>();
    const [first, second] = [script({ finishes: () => written.promise }), script()];
    const one = start(first);
    await settled();
    expect([first.asked, cells.count('idle')]).toEqual([['execute', 'finish ok 7'], 1]);
    expect(await start(second).ended).toBeNull();
    written.open('accepted');
    expect(await one.ended).toBeNull();
  });

  it('is handed back when too many wait', async () => {
    const running = gate<RunStatus>();
    const [first, second, third] = [script({ runs: () => running.promise }), script(), script()];
    const ends = [start(first)];
    await settled();
    ends.push(start(second));
    await settled();
    expect(ends.map(({ isUnplaced }) => isUnplaced)).toEqual([false, true]);
    expect(await start(third).ended).toBeNull();
    expect([second.asked, third.asked]).toEqual([[], ['release hand-back']]);
    running.open('ok');
    expect(await Promise.all(ends.map(({ ended }) => ended))).toEqual([null, null]);
    expect(second.asked).toEqual(['execute', 'finish ok 7', 'count ok']);
  });

  it.each<[string, Partial<Script>]>([
    ['written', { finishes: () => Promise.reject(new Error('Redis is away')) }],
    [
      'released',
      {
        runs: () => Promise.reject(new Error('the keeper died')),
        releases: () => Promise.reject(new Error('Redis is away')),
      },
    ],
  ])('is over and frees its cell when it cannot be %s', async (_what, how) => {
    expect(await start(script(how)).ended).toMatchObject({ message: 'Redis is away' });
    await settled();
    expect(cells.count('idle')).toBe(1);
  });

  it.each([
    [new Error('the keeper died'), ['release failed'], ['sandbox-failure']],
    [new HostShortOfMemoryError(), ['release unblamed'], ['sandbox-failure']],
    [new RunRefusedError('no such engine'), ['finish internal-error 7', 'count internal-error'], []],
  ])('is deferred or reported after %s', async (error, then, reasons) => {
    const work = script({ runs: failing(error) });
    expect(await start(work).ended).toBeNull();
    expect(work.asked).toEqual(['execute', ...then]);
    expect(await lost()).toEqual(reasons);
  });

  it('runs again where it met its wall limit waiting for a CPU, as often as its request allows', async () => {
    const usage = {
      cpuMs: 10,
      startupCpuMs: 0,
      controllerCpuMs: 0,
      wallMs: 100,
      waitMs: 90,
      peakMemoryBytes: 0,
    };
    const counts = { syscalls: 0, bytesRead: 0, bytesWritten: 0 };
    const asked = async (retries: number, retryUnreliable: number): Promise<readonly string[]> => {
      const runs = () => Promise.resolve<FakeEnd>({ status: 'wall-limit', usage: { ...usage, ...counts } });
      const work = script({ runs });
      const request = { source: work.id, limits: completeLimits(undefined), retryUnreliable };
      work.claim = { retries, request };
      expect(await start(work).ended).toBeNull();
      return work.asked;
    };
    expect(await asked(1, 2)).toEqual(['execute', 'release unreliable']);
    expect(await lost()).toEqual(['unreliable']);
    const last = ['execute', 'finish wall-limit 7', 'count wall-limit'];
    expect(await asked(2, 2)).toEqual(last);
    expect(await asked(0, 0)).toEqual(last);
  });

  it('is not executed when the run has crashed its worker too often', async () => {
    const work = script({ claim: { outcome: 'poison' } });
    expect(await start(work).ended).toBeNull();
    expect(work.asked).toEqual(['finish internal-error 7 dead', 'count internal-error']);
  });

  it('is not executed when the run was cancelled before', async () => {
    const work = script({ claim: { outcome: 'cancel' } });
    expect(await start(work).ended).toBeNull();
    expect(work.asked).toEqual(['finish cancelled 7', 'count cancelled']);
  });

  it('is not executed when it is cancelled while it waits for a cell', async () => {
    const running = gate<RunStatus>();
    const [first, work] = [script({ runs: () => running.promise }), script()];
    const one = start(first);
    await settled();
    const attempt = start(work);
    await settled();
    attempt.interrupt('cancel');
    attempt.interrupt('cancel');
    expect(await attempt.ended).toBeNull();
    expect(work.asked).toEqual(['finish cancelled 7', 'count cancelled']);
    running.open('ok');
    expect(await one.ended).toBeNull();
  });

  it('does not count after losing its lease, whatever its result', async () => {
    const running = gate<RunStatus>();
    const work = script({ runs: () => running.promise });
    const attempt = start(work);
    await settled();
    attempt.interrupt('cancel');
    attempt.interrupt('lock-lost');
    await settled();
    running.open('cancelled');
    expect(await attempt.ended).toBeNull();
    expect(work.asked).toEqual(['execute', 'release lock-lost']);
    expect(await lost()).toEqual(['lock-lost']);
  });

  it('does not count a result that the store refuses', async () => {
    const work = script({ finishes: () => Promise.resolve('stale') });
    expect(await start(work).ended).toBeNull();
    expect(work.asked).toEqual(['execute', 'finish ok 7']);
    expect(await lost()).toEqual(['result-refused']);
  });

  it('leaves a cell to the next run when it no longer waits', async () => {
    const running = gate<RunStatus>();
    const [first, second, third] = [script({ runs: () => running.promise }), script(), script()];
    const one = start(first);
    await settled();
    const two = start(second);
    await settled();
    // At the same moment the cell becomes free, and the run is not to be here any more.
    running.open('ok');
    two.interrupt('hand-back');
    expect([await one.ended, await two.ended]).toEqual([null, null]);
    expect(await start(third).ended).toBeNull();
    expect(second.asked).toEqual(['release hand-back']);
  });

  it('releases its cell when one of its dependencies throws', async () => {
    const broken = createNodeMetrics('n1');
    broken.lostAttempts.inc = () => {
      throw new Error('no such metric');
    };
    const work = script({ finishes: () => Promise.resolve('stale') });
    expect(await start(work, { metrics: broken }).ended).toMatchObject({ message: 'no such metric' });
    await settled();
    expect(cells.count('idle')).toBe(1);
    expect(seen.filter(({ type }) => type === 'failed')).toHaveLength(1);
  });
});
